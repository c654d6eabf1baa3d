/* SPDX-License-Identifier: MIT */
/*
 * A layer of a container image put over the ones below (image-spec 1.0, layer.md). Foreign bytes: a
 * path leads nowhere but into the tree, links are followed inside it, everything is bounded.
 */
#ifndef ATOLL_CONVERT_LAYER_H
#define ATOLL_CONVERT_LAYER_H

#include "tree.h"
#include "workspace.h"

#define LAYER_FILES_MAX 2000000
#define LAYER_BYTES_MAX ((uint64_t)64 << 30)

/* All layers together; the counts are of what an appliance does not have. */
struct layers {
	struct workspace *ws;
	struct tree *tree;
	const char *
		origin; /* what the layer is called where it comes from, or NULL: part of its files' reason */
	size_t n; /* layers so far */
	size_t files;
	uint64_t bytes;
	size_t devices; /* also sockets and pipes */
	size_t setuid;  /* files whose set-user-ID and set-group-ID bits were taken away */
	bool plain;     /* an archive that is no layer: whiteouts are files as others */
};

/* A tar, as it is or compressed with gzip, zstd or xz. The node's owner is "layer N". */
int layer_apply(struct layers *l, const char *path, struct err **err);
/* -EBADMSG when its digest, behind the compression, is another; in hex. */
int layer_check(const char *path, const char *diff_id, struct err **err);
/*
 * A path with slashes and dots that mean nothing taken out, and without one at its begin; the root is "". -EINVAL for
 * "..", and for what is too long.
 */
int layer_path(const char *path, char **ret);
/* The node that a path leads to, links followed inside the tree; NULL: none. */
struct tree_node *layer_find(const struct tree *tree, const char *path);
/* The same, but a link at the end of the path is what is meant. */
struct tree_node *layer_entry(const struct tree *tree, const char *path);

#endif
