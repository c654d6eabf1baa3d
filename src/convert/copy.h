/* SPDX-License-Identifier: MIT */
/* Bytes from file to file. */
#ifndef ATOLL_CONVERT_COPY_H
#define ATOLL_CONVERT_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* From where both stand. -ENODATA when there are fewer. */
int copy_bytes(int from, int to, uint64_t len, struct err **err);
/* A whole file, at a place of another; blocks of zeros are left out of it. */
int copy_file_to(const char *path, int to, uint64_t at, struct err **err);
int copy_write_at(int to, uint64_t at, const void *data, size_t len, struct err **err);

#endif
