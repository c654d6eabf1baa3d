/* SPDX-License-Identifier: MIT */
/*
 * Archives that the kernel unpacks into its initramfs, one behind the other (Linux'
 * driver-api/early-userspace/buffer-format.rst, cpio's "newc"). The bytes are told by what is put in: times are 0,
 * inodes are counted.
 */
#ifndef ATOLL_BUILD_NEWC_H
#define ATOLL_BUILD_NEWC_H

#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"
#include "tree.h"

struct newc;

/* A file of its own. packed: with zstd. */
int newc_create(const char *path, bool packed, struct newc **ret, struct err **err);
/* Where fd stands, which stays the caller's; its end is at a multiple of 512. */
int newc_append(int fd, struct newc **ret, struct err **err);
/* bytes may be NULL; rdev is of devices. */
int newc_add(struct newc *n, const char *path, mode_t mode, dev_t rdev, const struct buf *bytes,
	     struct err **err);
int newc_add_file(struct newc *n, const char *path, const char *source, mode_t mode,
		  struct err **err);
/* A folder with all of a tree. */
int newc_add_tree(struct newc *n, const char *folder, const struct tree *tree, struct err **err);
/* Frees it, whatever r, which was the result so far, is; ends it when that is 0. Returns what it became. */
int newc_end(struct newc *n, int r, struct err **err);

#endif
