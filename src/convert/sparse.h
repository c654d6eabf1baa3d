/* SPDX-License-Identifier: MIT */
/* Which blocks of a raw disk hold something: what formats that leave out the rest are made of. */
#ifndef ATOLL_CONVERT_SPARSE_H
#define ATOLL_CONVERT_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct sparse {
	int fd;
	uint64_t size;
	size_t block; /* bytes */
	size_t n;     /* blocks; the last may be cut short */
	bool *full;   /* of each: whether it is not all zero */
	size_t n_full;
};

/* Takes fd over. */
int sparse_open(int fd, size_t block, struct sparse *ret, struct err **err);
void sparse_close(struct sparse *s);
/* A block, filled up with zeros. */
int sparse_read(const struct sparse *s, size_t i, void *block, struct err **err);
/* Appends all blocks that are full to the file, each filled up with zeros. */
int sparse_copy(const struct sparse *s, int to, uint64_t at, struct err **err);

#endif
