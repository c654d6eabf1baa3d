/* SPDX-License-Identifier: MIT */
/*
 * A unified kernel image: systemd's EFI stub with kernel, initramfs and command line as further sections
 * of the PE file (UAPI.5, "Unified Kernel Image"). The headers are ours, so the bytes are told by what
 * goes in. Kernel and initramfs begin at multiples of 4096, so that bios.h's loader finds them too.
 */
#ifndef ATOLL_CONVERT_UKI_H
#define ATOLL_CONVERT_UKI_H

#include "bios.h"
#include "buf.h"

struct uki {
	const char *arch; /* Debian's */
	const char *kernel, *initramfs, *command_line, *title;
	/* Filled in by uki_plan. */
	struct buf head; /* all up to the kernel */
	struct bios_run kernel_at, initramfs_at;
	uint64_t bytes;
};

/* What the firmware looks for on the medium of that architecture; NULL: none. */
const char *uki_file_name(const char *arch);
int uki_plan(struct uki *u, struct err **err);
int uki_write(const struct uki *u, int fd, uint64_t at, struct err **err);
void uki_finish(struct uki *u);

#endif
