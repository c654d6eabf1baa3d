/* SPDX-License-Identifier: MIT */
/* A VM's way from the initramfs to its root. */
#ifndef ATOLL_BOOT_H
#define ATOLL_BOOT_H

#include <stdbool.h>

#include "err.h"

/*
 * Runs as /init of an initramfs that holds, besides, the modules and "load" in /modules. Afterwards the
 * process stands in the appliance's root: its EROFS image (the disk with serial "root") below a
 * writable layer in memory, with everything of the kernel mounted, and 0, 1 and 2 are the console. One that
 * starts by itself has its root as a partition, or below /image in the initramfs (abi_wire.h).
 */
int boot_root(bool standalone, struct err **err);

#endif
