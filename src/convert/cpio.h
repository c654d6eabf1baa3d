/* SPDX-License-Identifier: MIT */
/*
 * Archives that the kernel unpacks into its initramfs, one behind the other (Linux'
 * driver-api/early-userspace/buffer-format.rst, "newc"). Times are 0.
 */
#ifndef ATOLL_CONVERT_CPIO_H
#define ATOLL_CONVERT_CPIO_H

#include <stddef.h>

#include "err.h"
#include "tree.h"

struct cpio {
	int fd;
	uint32_t inode; /* of the last entry */
	uint64_t bytes; /* written so far */
};

int cpio_add_folder(struct cpio *c, const char *path, struct err **err);
int cpio_add_bytes(struct cpio *c, const char *path, const void *data, size_t len,
		   struct err **err);
/* A file's bytes, as a program. */
int cpio_add_program(struct cpio *c, const char *path, const char *source, struct err **err);
/* All of a tree, below a folder. */
int cpio_add_tree(struct cpio *c, const char *folder, const struct tree *tree, struct err **err);
int cpio_end(struct cpio *c, struct err **err);

#endif
