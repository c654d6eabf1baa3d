/* SPDX-License-Identifier: MIT */
/*
 * The initramfs that all appliances of an architecture share (cpio "newc", not compressed: it is
 * small, and nothing has to be unpacked while a machine starts):
 *
 *	/init            atoll-init
 *	/modules/NAME.ko  what reaching the root file system, the wire and the links takes
 *	/modules/load    their names, in the order to load them
 *	/dev /proc /sys  empty, and /dev/console
 */
#ifndef ATOLL_BUILD_INITRAMFS_H
#define ATOLL_BUILD_INITRAMFS_H

#include "kernel.h"

/* Makes it unless the cache has it; `init` is the program. The caller frees *ret_path. */
int initramfs_make(struct workspace *ws, const struct kernel *kernel, const char *init,
		   char **ret_path, struct err **err);

#endif
