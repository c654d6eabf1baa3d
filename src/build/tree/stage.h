/* SPDX-License-Identifier: MIT */
/* A tree's nodes as files of the host, for programs that read those. */
#ifndef ATOLL_STAGE_H
#define ATOLL_STAGE_H

#include "err.h"
#include "tree.h"
#include "workspace.h"

/*
 * Makes a folder (mode 0700, ours), a symbolic link, or a file: a hard link to the node's content, or to a copy of the
 * piece that it is, so that two names of one file stay one; what has no content is an empty file. The folder above has to be there.
 * Owners and modes are the caller's business.
 */
int stage_node(struct workspace *ws, const struct tree_node *node, const char *path,
	       struct err **err);

/*
 * Gives a file, or the one that a link leads to, the node's name below `root`, with the folders above it; what leads to
 * none is passed over. No link is ever made there.
 */
int stage_under(struct workspace *ws, const struct tree *tree, const struct tree_node *node,
		const char *root, struct err **err);
/* The same for all files whose paths begin with `prefix`. */
int stage_below(struct workspace *ws, const struct tree *tree, const char *prefix, const char *root,
		struct err **err);

#endif
