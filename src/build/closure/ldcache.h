/* SPDX-License-Identifier: MIT */
/*
 * /etc/ld.so.cache, which ldconfig(8) would make: where each library is, so that starting a program
 * looks in no folder. The format is glibc's "glibc-ld.so.cache1.1" (sysdeps/generic/dl-cache.h).
 */
#ifndef ATOLL_BUILD_LDCACHE_H
#define ATOLL_BUILD_LDCACHE_H

#include "buf.h"
#include "tree.h"
#include "workspace.h"

/* Adds the cache of the libraries in the tree's standard folders; none for a tree without. */
int ldcache_put(struct workspace *ws, const char *arch, struct tree *tree, struct err **err);

/* One library: what is asked for, and its absolute path. */
struct ldcache_entry {
	const char *name;
	char *path;
};
/* Sorts the entries and writes the cache's bytes. */
void ldcache_write(struct ldcache_entry *entries, size_t n, uint32_t flags, struct buf *out);

#endif
