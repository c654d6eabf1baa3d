/* SPDX-License-Identifier: MIT */
/*
 * What files an EROFS image has, without mounting it and without their contents (Linux' fs/erofs/
 * erofs_fs.h): names, modes, owners, targets of links. Only images without file data in their folders'
 * chunks, that is, of every mkfs.erofs so far. Foreign bytes: bounded.
 */
#ifndef ATOLL_EROFS_H
#define ATOLL_EROFS_H

#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define EROFS_PATH_MAX  4096
#define EROFS_FILES_MAX 2000000

struct erofs_file {
	const char
		*path; /* without a slash at its begin; any bytes but NUL and, in a name, slash */
	mode_t mode;
	uint32_t uid, gid;
	uint64_t size;
	uint64_t number;    /* of the inode: hard links of one file have the same */
	const char *target; /* of a symbolic link, else NULL */
};

typedef int (*erofs_file_fn)(const struct erofs_file *file, void *data, struct err **err);

/*
 * Calls fn for every file but the root, a folder before what is in it. -EBADMSG for what is no such
 * image; what fn returns when that is negative.
 */
int erofs_each(const char *path, erofs_file_fn fn, void *data, struct err **err);

#endif
