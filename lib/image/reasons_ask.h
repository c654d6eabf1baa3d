/* SPDX-License-Identifier: MIT */
/* Questions to an image's reasons (reasons.h), answered from them alone. */
#ifndef ATOLL_REASONS_ASK_H
#define ATOLL_REASONS_ASK_H

#include <stdbool.h>

#include "reasons.h"

/*
 * The path as the image knows it, without a slash at its begin: "//bin/./sh" is "usr/bin/sh" where /bin
 * is a link. A link at the path's end stays. The caller frees; ".." is the folder above; NULL above 40 links, or too long.
 */
char *reasons_real_path(const struct reasons *r, const char *path);

/*
 * The path that was probably meant: of the same name elsewhere, or nearly of its name in the same folder,
 * or anywhere. Of the image's files, and of those that were left out when `left`. NULL: none is near.
 */
const char *reasons_nearest(const struct reasons *r, const char *path, bool left);

/* By name; NULL when no such package was there to take files from. */
const struct reasons_package *reasons_package_find(const struct reasons *r, const char *name);

/* What a file brought, all things together. */
struct reasons_tree {
	const struct reasons *r;
	/* By the number of a file; `first` is what it brought, `next` what the same file brought too:
	 * biggest first. SIZE_MAX: none. */
	size_t *first, *next;
	size_t *count;   /* of files, without folders: itself, and all that came because of it */
	uint64_t *total; /* bytes of those */
};

void reasons_tree_make(const struct reasons *r, struct reasons_tree *ret);
/* Those that no other file brought, biggest first, up to a SIZE_MAX; the array is the caller's. */
size_t *reasons_tree_roots(const struct reasons_tree *t);
void reasons_tree_finish(struct reasons_tree *t);

/* A file that is not the same in two images. */
struct reasons_change {
	const struct reasons_file *before, *after; /* NULL: it is not there */
	bool content, mode, reason;                /* what changed of one that is in both */
};

/* All changes, sorted by path; the array is the caller's. */
struct reasons_change *reasons_diff(const struct reasons *before, const struct reasons *after,
				    size_t *ret_n);

#endif
