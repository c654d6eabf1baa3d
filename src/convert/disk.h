/* SPDX-License-Identifier: MIT */
/*
 * A disk that PCs boot, by UEFI and by BIOS: a GPT (UEFI specification 2.10, 5.3) with
 *
 *	boot loader   the code of bios.h, for a BIOS
 *	ESP           a FAT with the unified kernel image, which both load
 *	atoll-root    the root file system, as the store has it
 *	vol-NAME      an empty ext4 for each volume
 *
 * All ids are made of the image's digest: the same image gives the same bytes.
 */
#ifndef ATOLL_CONVERT_DISK_H
#define ATOLL_CONVERT_DISK_H

#include "format.h"
#include "sparse.h"

/* To an empty file; what is zero in it stays a hole. */
int disk_write(struct export *x, int fd, struct err **err);
/* The same in the workspace, to be read block by block. */
int disk_open(struct export *x, size_t block, struct sparse *ret, struct err **err);

#endif
