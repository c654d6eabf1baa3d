/* SPDX-License-Identifier: MIT */
/* Which QEMU makes which machine: the table of kinds, engines and architectures. */
#ifndef ATOLL_QEMU_BOARD_H
#define ATOLL_QEMU_BOARD_H

#include <stdbool.h>

#include "err.h"

struct qemu_board {
	const char *kind, *engine, *arch; /* of machine_config; arch as Debian names it */
	const char *program;              /* in /usr/bin */
	const char *machine;              /* -machine */
	const char *cpu;                  /* -cpu */
	const char *transport;            /* of virtio: device names end in it ("pci", "device") */
	const char *kernel;               /* on the kernel's command line */
	bool pflash;                      /* boots through UEFI (OVMF) */
	bool tsc; /* the guest cannot measure its clock by itself, see qemu_arguments */
};

/* NULL with an error that names what there is. */
const struct qemu_board *qemu_board_find(const char *kind, const char *engine, const char *arch,
					 struct err **err);

#endif
