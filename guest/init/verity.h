/* SPDX-License-Identifier: MIT */
/* A root file system whose every block is checked when it is read: dm-verity over the image's disk. */
#ifndef ATOLL_INIT_VERITY_H
#define ATOLL_INIT_VERITY_H

#include <stdint.h>

#include "err.h"

#define VERITY_ROOT_MAX 128 /* hexadecimal digits */

struct verity_root {
	char hash[VERITY_ROOT_MAX + 1];
	uint64_t offset; /* where the file system ends, and the superblock of the tree is */
};

/* "HASH:OFFSET" (abi_wire.h); -EINVAL for anything else. */
int verity_parse(const char *text, struct verity_root *ret);
/* What the kernel's command line says, which is the host's word. -ENOENT: nothing. */
int verity_find(const char *command_line, struct verity_root *ret, struct err **err);

/*
 * Makes the device that reads `device` and fails with EIO where a block, or the tree above it, is not what
 * the root hash says; *ret_path is its node, the caller's.
 */
int verity_open(const char *device, const struct verity_root *root, char **ret_path,
		struct err **err);

#endif
