/* SPDX-License-Identifier: MIT */
/*
 * The initramfs that appliances with one kernel share, those with volumes one and those without another (cpio
 * "newc", not compressed: it is small, and nothing has to be unpacked while a machine starts):
 *
 *	/init            atoll-init
 *	/modules/NAME.ko  what reaching the root file system, the wire and the links takes
 *	/modules/load    their names, in the order to load them
 *	/dev /proc /sys  empty, and /dev/console
 */
#ifndef ATOLL_BUILD_INITRAMFS_H
#define ATOLL_BUILD_INITRAMFS_H

#include "kernel.h"

/*
 * Makes it unless the cache has it; `init` is the program, `volumes` whether it has their file system's driver. The
 * caller frees *ret_path.
 */
int initramfs_make(struct workspace *ws, const struct kernel *kernel, const char *init,
		   bool volumes, char **ret_path, struct err **err);

#endif
