/* SPDX-License-Identifier: MIT */
/*
 * What dpkg's database in a container image says: which packages there are, and whose each file is. Foreign
 * bytes: bounded, and names are taken only as Debian's policy has them.
 */
#ifndef ATOLL_CONVERT_DPKG_H
#define ATOLL_CONVERT_DPKG_H

#include "package.h"
#include "tree.h"

/*
 * The installed packages, sorted, none twice; they become the owners of the files that they list. None when
 * there is no database. -EBADMSG names the line of one that cannot be read; the tree is as it was then.
 */
int dpkg_read(struct tree *tree, struct package_list *ret, struct err **err);

/* "debian/bookworm", as /etc/os-release has it, or NULL; the caller frees. */
char *dpkg_base(const struct tree *tree);

#endif
