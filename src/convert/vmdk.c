/* SPDX-License-Identifier: MIT */
#include "vmdk.h"

#include <endian.h>

#include "mem.h"

#define HEADS 255
#define TRACK 63

uint64_t vmdk_sectors(uint64_t bytes)
{
	return (bytes + VMDK_SECTOR - 1) / VMDK_SECTOR;
}

struct vmdk_header vmdk_header(uint64_t capacity, uint64_t overhead)
{
	return (struct vmdk_header){
		.magic = htole32(0x564d444b),
		.version = htole32(1),
		.flags = htole32(1), /* the newlines are right */
		.capacity = htole64(capacity),
		.grain = htole64(VMDK_GRAIN_SECTORS),
		.descriptor = htole64(VMDK_DESCRIPTOR_AT),
		.descriptor_size = htole64(VMDK_DESCRIPTOR_SIZE),
		.per_table = htole32(VMDK_PER_TABLE),
		.overhead = htole64(overhead),
		.newline = { '\n', ' ', '\r', '\n' },
	};
}

char *vmdk_descriptor(const struct store_image *image, uint64_t capacity, const char *type)
{
	return xasprintf("# Disk DescriptorFile\nversion=1\nCID=%.8s\nparentCID=ffffffff\n"
			 "createType=\"%s\"\n\n# Extent description\n"
			 "RW %llu SPARSE \"%s.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n"
			 "ddb.virtualHWVersion = \"8\"\nddb.geometry.cylinders = \"%llu\"\n"
			 "ddb.geometry.heads = \"%d\"\nddb.geometry.sectors = \"%d\"\n"
			 "ddb.adapterType = \"lsilogic\"\n",
			 oci_digest_hex(image->digest), type, (unsigned long long)capacity,
			 image->name, (unsigned long long)(capacity / (HEADS * TRACK)), HEADS,
			 TRACK);
}
