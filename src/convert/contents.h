/* SPDX-License-Identifier: MIT */
/* An image's root file system as a tree, whose contents are files of the workspace. */
#ifndef ATOLL_CONVERT_CONTENTS_H
#define ATOLL_CONVERT_CONTENTS_H

#include "store.h"
#include "tree.h"
#include "workspace.h"

/* Names of one file have the same `content`. */
int contents_read(struct workspace *ws, const struct store_image *image, struct tree *ret,
		  struct err **err);

#endif
