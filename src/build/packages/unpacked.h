/* SPDX-License-Identifier: MIT */
/*
 * What is in a package, as one file of the cache, so that a package is decompressed once and not at every build:
 *
 *	"atoll-unpacked 1"
 *	the bytes of each of its files, which begin at a multiple of 16 and have a NUL behind them
 *	the index: "control", "postinst" and an entry for each path, in the package's order
 *	trailer: where the index is, and the SHA-256 of all before that
 *
 * A file is used only when it has the digest that it says, so that one that was damaged since, or cut off, is
 * the same as none. Its name is the package's digest: what is in it depends on nothing else.
 */
#ifndef ATOLL_BUILD_UNPACKED_H
#define ATOLL_BUILD_UNPACKED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

struct unpacked_entry {
	const char *path; /* as the tree has it (tree.h) */
	mode_t mode;      /* a folder's, a symbolic link's or a regular file's */
	uint32_t uid, gid;
	const char *target; /* of a symbolic link */
	uint64_t at,
		len; /* a regular file's bytes; hard links share a place, and no other files do */
};

struct unpacked {
	char *file;
	struct buf index;               /* what the strings are in */
	const char *control, *postinst; /* "": it has none */
	struct unpacked_entry *entries;
	size_t n;
};

/* Unpacks a .deb to a new file. What an image cannot hold (devices, paths that lead outside) is -EINVAL. */
int unpacked_make(const char *deb, const char *path, struct err **err);
/* -EBADMSG: it is not what unpacked_make wrote; -ENOENT: there is none. */
int unpacked_open(const char *path, struct unpacked *ret, struct err **err);
/* Reads an index, of a file whose contents end at `end`. -EBADMSG. Takes *index over, in any case. */
int unpacked_parse(struct buf *index, uint64_t end, struct unpacked *ret);
/* NULL: it has no such path. */
const struct unpacked_entry *unpacked_find(const struct unpacked *u, const char *path);
void unpacked_finish(struct unpacked *u);

#endif
