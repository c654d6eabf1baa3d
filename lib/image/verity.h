/* SPDX-License-Identifier: MIT */
/*
 * dm-verity hash trees (Linux' admin-guide/device-mapper/verity.rst; the superblock is cryptsetup's,
 * docs/on-disk-format-verity): behind a root file system stands a tree of the SHA-256 of its blocks,
 * and whoever knows the root of that tree can tell whether any block is what it was at the build.
 *
 *	file system, whole blocks | superblock, one block | tree, its top first
 *
 * All parameters are fixed, so that the same file system has the same tree: hash type 1, blocks of 4096
 * bytes, SHA-256, no salt (what is hashed is public), one UUID for all.
 */
#ifndef ATOLL_VERITY_H
#define ATOLL_VERITY_H

#include <stdint.h>

#include "err.h"

#define VERITY_BLOCK 4096
#define VERITY_HEX   64 /* digits of a root */

struct verity {
	char root[VERITY_HEX + 1]; /* small hex digits */
	uint64_t offset;           /* of the superblock: the bytes of the file system */
};

/* Fills the file up to whole blocks and appends superblock and tree. */
int verity_append(const char *path, struct verity *ret, struct err **err);
/* Reads all of it: -EBADMSG when superblock, tree or any block is not what the root says. */
int verity_check(const char *path, const struct verity *v, struct err **err);
/* Reads three blocks: whether the tree in the file is the one that the root is of. */
int verity_check_top(const char *path, const struct verity *v, struct err **err);

#endif
