/* SPDX-License-Identifier: MIT */
/*
 * An EFI system partition: FAT16 (Microsoft's "FAT: General Overview of On-Disk Format", 1.03) with one
 * file, /EFI/BOOT/NAME, in one piece.
 */
#ifndef ATOLL_CONVERT_FAT_H
#define ATOLL_CONVERT_FAT_H

#include <stdint.h>

#include "err.h"

struct fat {
	const char *name; /* "BOOTX64.EFI": eight and three characters at most */
	uint64_t size;    /* of the file */
	uint32_t serial;  /* of the volume */
	/* Filled in by fat_plan. */
	uint64_t bytes;   /* of the file system: a multiple of 1 MiB */
	uint64_t file_at; /* where in it the file begins: a multiple of 4096 */
	uint32_t cluster; /* bytes */
	uint32_t table;   /* sectors of one table */
};

int fat_plan(struct fat *f, struct err **err);
/* Writes all but the file's own bytes; fd is empty there. */
int fat_write(const struct fat *f, int fd, uint64_t at, struct err **err);

#endif
