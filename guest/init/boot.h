/* SPDX-License-Identifier: MIT */
/* A VM's way from the initramfs to its root. */
#ifndef ATOLL_BOOT_H
#define ATOLL_BOOT_H

#include "abi_wire.h"
#include "err.h"

/*
 * Runs as /init of an initramfs that holds, besides, the modules and "load" in /modules. Afterwards the
 * process stands in the appliance's root: its EROFS image (the disk with serial "root") below a
 * writable layer in memory, with everything of the kernel mounted, and 0, 1 and 2 are the console. One that
 * starts by itself (standalone, else NULL) has its root as a partition, or below /image in the initramfs
 * (abi_wire.h). With a root hash, dm-verity is below the file system; without, it is an older image's.
 */
int boot_root(const struct wire_start *standalone, struct err **err);

#endif
