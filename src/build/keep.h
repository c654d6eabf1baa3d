/* SPDX-License-Identifier: MIT */
/*
 * Which of the unpacked files an appliance keeps. A way of keeping is a function over the tree;
 * a recipe chooses by `keep:`.
 */
#ifndef ATOLL_BUILD_KEEP_H
#define ATOLL_BUILD_KEEP_H

#include "tree.h"

/* Whole packages, less what only people read. Licences (usr/share/doc/…/copyright) stay.
 * What goes is in `left` then. */
void keep_packages(struct tree *tree, struct tree *left);

#endif
