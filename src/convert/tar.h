/* SPDX-License-Identifier: MIT */
/*
 * Tar archives whose bytes depend on nothing but what is in them: times are 0, entries come in the
 * order in which they are added, owners are numbers. GNU's variant, in which names are bytes.
 */
#ifndef ATOLL_CONVERT_TAR_H
#define ATOLL_CONVERT_TAR_H

#include <stddef.h>

#include "err.h"
#include "tree.h"

struct tar;

/* Writes to fd, which stays the caller's. */
int tar_begin(int fd, struct tar **ret, struct err **err);
/* POSIX's variant, for readers that know no other: no file of 8 GiB and more. */
int tar_begin_ustar(int fd, struct tar **ret, struct err **err);
int tar_add_bytes(struct tar *t, const char *path, const void *data, size_t len, struct err **err);
int tar_add_file(struct tar *t, const char *path, const char *source, struct err **err);
/* A folder of mode 0755. */
int tar_add_folder(struct tar *t, const char *path, struct err **err);
/* All of a tree, sorted; further names of a file are hard links. */
int tar_add_tree(struct tar *t, const struct tree *tree, struct err **err);
int tar_end(struct tar *t, struct err **err);
void tar_abort(struct tar *t); /* accepts NULL; also needed after tar_end failed */

#endif
