/* SPDX-License-Identifier: MIT */
/*
 * A machine's /run is in memory, and what programs want to find there is below the image's own /run.
 * Whoever mounts the one over the other opens what is there before, and copies its folders and links
 * after it. So every kind of machine has them, and who runs the image's files without any mount (a
 * container) as well.
 */
#ifndef ATOLL_SKELETON_H
#define ATOLL_SKELETON_H

#include <stdbool.h>

#include "err.h"

#define SKELETON_MAX   4096 /* folders and links */
#define SKELETON_DEPTH 32

/* A folder for skeleton_copy; -1: there is none, which has nothing to copy. The caller closes it. */
int skeleton_open(const char *path);
/*
 * Makes the folders and symbolic links that are below a folder below another too, with owners and modes.
 * Other files stay behind, and what is Atoll's own. The image is foreign: -E2BIG for more, or deeper, than the bounds.
 */
int skeleton_copy(int from, const char *to, struct err **err);
/*
 * A path below the folder that is, or is in, what Atoll itself puts there (secrets, links' sockets): an image must
 * have no say in where that is, nor in whose it is.
 */
bool skeleton_is_own(const char *path);

#endif
