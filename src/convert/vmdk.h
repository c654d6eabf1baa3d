/* SPDX-License-Identifier: MIT */
/* What both kinds of sparse extent of VMware's "Virtual Disk Format 5.0" have. */
#ifndef ATOLL_CONVERT_VMDK_H
#define ATOLL_CONVERT_VMDK_H

#include "format.h"
#include "sparse.h"

#define VMDK_SECTOR          512
#define VMDK_GRAIN           65536
#define VMDK_GRAIN_SECTORS   (VMDK_GRAIN / VMDK_SECTOR)
#define VMDK_PER_TABLE       512
#define VMDK_TABLE           (VMDK_PER_TABLE * 4)
#define VMDK_DESCRIPTOR_AT   1
#define VMDK_DESCRIPTOR_SIZE 20 /* sectors */

/* All fields are little endian. */
struct vmdk_header {
	uint32_t magic, version, flags;
	uint64_t capacity, grain, descriptor, descriptor_size;
	uint32_t per_table;
	uint64_t second, first, overhead;
	uint8_t unclean, newline[4];
	uint16_t compression;
	uint8_t unused[433];
} __attribute__((packed));

/* With all that is the same; capacity and overhead are sectors. */
struct vmdk_header vmdk_header(uint64_t capacity, uint64_t overhead);
/* The descriptor, as text to be put at its place. The id of the content is of the image's digest. */
char *vmdk_descriptor(const struct store_image *image, uint64_t capacity, const char *type);
uint64_t vmdk_sectors(uint64_t bytes);

/* A "streamOptimized" extent: what an OVA has. Each grain is compressed; nothing has to be sought. */
int vmdk_write_stream(const struct store_image *image, const struct sparse *s, int fd,
		      struct err **err);

#endif
