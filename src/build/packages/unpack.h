/* SPDX-License-Identifier: MIT */
/* Packages into a tree: what is in them is unpacked once, into the cache (unpacked.h). */
#ifndef ATOLL_BUILD_UNPACK_H
#define ATOLL_BUILD_UNPACK_H

#include "package.h"
#include "tree.h"
#include "workspace.h"

/* Sets `unpacked` of those whose contents are in the cache and whole; the others need their .deb. */
void unpack_find(struct workspace *ws, struct package **packages, size_t n);
/* Unpacks the others. */
int unpack_make(struct workspace *ws, struct package **packages, size_t n, struct err **err);
/*
 * Puts all files of all packages, in the order of the list, into the tree, and what their control files and
 * scripts say into the list. A path that is in two of them with different contents is an error
 * (-EEXIST), unless one says that it replaces the other.
 */
int unpack_packages(struct package_list *packages, struct tree *tree, struct err **err);

#endif
