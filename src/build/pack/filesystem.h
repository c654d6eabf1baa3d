/* SPDX-License-Identifier: MIT */
/*
 * From the tree to an EROFS image, as an ordinary user and with the same bytes each time: fixed
 * times and UUID, owners and modes as the tree says and not as the files on disk have them.
 */
#ifndef ATOLL_BUILD_FILESYSTEM_H
#define ATOLL_BUILD_FILESYSTEM_H

#include "tree.h"
#include "workspace.h"

struct filesystem_info {
	size_t files;         /* regular files */
	uint64_t bytes;       /* that they hold */
	uint64_t image_bytes; /* compressed */
};

/* Writes the image to a file of the workspace; the caller frees *ret_path. The tree is complete. */
int filesystem_make(struct workspace *ws, const struct tree *tree, char **ret_path,
		    struct filesystem_info *ret_info, struct err **err);

#endif
