/* SPDX-License-Identifier: MIT */
/* The bytes of a tree's regular files, wherever they are: in a file of their own, or in a piece of one. */
#ifndef ATOLL_BUILD_CONTENT_H
#define ATOLL_BUILD_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "tree.h"

/* Bytes in memory, with a NUL behind them; whoever has them may write there, which stays theirs. */
struct content {
	char *data;
	size_t len;
	void *base; /* of the mapping */
	size_t room;
};

/* An empty file has no bytes but the NUL. */
int content_map(const struct tree_node *node, struct content *ret, struct err **err);
void content_unmap(struct content *c);
/* Appends the bytes; -EFBIG beyond max. */
int content_read(const struct tree_node *node, size_t max, struct buf *out, struct err **err);
int content_size(const struct tree_node *node, uint64_t *ret, struct err **err);
/* Whether two regular files are one: names of one inode. Empty ones without a place are not. */
bool content_is_one(const struct tree_node *a, const struct tree_node *b);
/* By where the bytes are: two nodes that have some. For qsort(3), tsearch(3). */
int content_compare(const void *a, const void *b);
/* Whether two regular files have the same bytes. */
bool content_same(const struct tree_node *a, const struct tree_node *b);

#endif
