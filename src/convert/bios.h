/* SPDX-License-Identifier: MIT */
/*
 * A boot loader for PCs with a BIOS that does one thing: it loads a kernel and an initramfs from where it
 * was told that their blocks are, and starts the kernel (Linux' arch/x86/boot, "The Linux/x86 Boot
 * Protocol"). bios_loader.S; four sectors, of which the first is also a disk's.
 */
#ifndef ATOLL_CONVERT_BIOS_H
#define ATOLL_CONVERT_BIOS_H

#include <stdint.h>

#include "err.h"

#define BIOS_SECTOR 512
#define BIOS_LOADER (4 * BIOS_SECTOR)

/* A run of the medium's blocks. */
struct bios_run {
	uint64_t byte, bytes; /* byte: where it begins; a multiple of a block */
};

struct bios_boot {
	uint32_t block; /* bytes: 512, or 2048 of a CD */
	uint64_t rest;  /* the disk's block where the loader goes on; 0: it is all there already */
	struct bios_run kernel, initramfs;
	const char *command_line;
};

/* Fills in the loader. Its first 440 bytes and its last two belong into a disk's first sector. */
int bios_make(const struct bios_boot *b, uint8_t ret[BIOS_LOADER], struct err **err);

#endif
