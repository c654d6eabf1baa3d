/* SPDX-License-Identifier: MIT */
/* Partition tables (UEFI specification 2.10, 5.3 "GUID Partition Table"). */
#ifndef ATOLL_CONVERT_GPT_H
#define ATOLL_CONVERT_GPT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define GPT_SECTOR 512
#define GPT_MAX    128
#define GPT_FIRST  34 /* sector that partitions may begin at */

#define GPT_TYPE_BIOS  "21686148-6449-6e6f-744e-656564454649"
#define GPT_TYPE_ESP   "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GPT_TYPE_ROOT  "4f68bce3-e8cd-4db1-96e7-fbcaf984b709" /* of x86-64 */
#define GPT_TYPE_LINUX "0fc63daf-8483-4772-8e79-3d69d8477de4"

struct gpt_partition {
	const char *type; /* a GUID */
	char name[37];    /* ASCII */
	uint64_t first, sectors;
};

struct gpt {
	const char *seed; /* what all ids are made of */
	struct gpt_partition parts[GPT_MAX];
	size_t n;
	uint64_t sectors; /* of the disk */
};

/* Both copies, and the MBR that says so to others; `boot`: 440 bytes of code for it, or NULL. */
int gpt_write(const struct gpt *g, const uint8_t *boot, int fd, struct err **err);

#endif
