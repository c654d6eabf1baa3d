/* SPDX-License-Identifier: MIT */
/* From the finished tree to the image's reasons (reasons.h). */
#ifndef ATOLL_BUILD_EXPLAIN_H
#define ATOLL_BUILD_EXPLAIN_H

#include "bom.h"
#include "buf.h"
#include "package.h"
#include "tree.h"

/*
 * Writes the blob: each file of the tree with its reason, and what was left out. A file without a
 * reason, or whose reason is a file that is not there, is an error. `bom` has the files' digests.
 */
int explain(const struct tree *tree, const struct tree *left, const struct package_list *packages,
	    const struct bom *bom, struct buf *out, struct err **err);

#endif
