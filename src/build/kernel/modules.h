/* SPDX-License-Identifier: MIT */
/*
 * Kernel modules by name, and what each needs to be loaded first. Reads the modules themselves
 * (.modinfo), for depmod's tables do not exist in a package.
 */
#ifndef ATOLL_BUILD_MODULES_H
#define ATOLL_BUILD_MODULES_H

#include "err.h"

struct modules;

/* dir: a kernel's /lib/modules/VERSION. */
int modules_open(const char *dir, struct modules **ret, struct err **err);
void modules_close(struct modules *m); /* accepts NULL */

/*
 * The files to load, relative to the folder, each after all that it depends on (depends, and softdep
 * pre: where it exists). Names are as modprobe takes them: '-' is '_', an alias without wildcards
 * counts. What is built in to the kernel needs no loading. -ENOENT with the nearest name.
 */
int modules_order(struct modules *m, char *const *names, char ***ret_paths, struct err **err);
/* The same, and what a kernel may not have, as far as it does; NULL: nothing. */
int modules_order_some(struct modules *m, char *const *names, char *const *optional,
		       char ***ret_paths, struct err **err);
/* Of a file, as a path that these gave: what it is also known as, patterns of devices among it; NULL: nothing. */
char *const *modules_aliases(struct modules *m, const char *path);

#endif
