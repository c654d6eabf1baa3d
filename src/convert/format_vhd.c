/* SPDX-License-Identifier: MIT */
/* --as vhd: Microsoft's "Virtual Hard Disk Image Format Specification" 1.0, fixed: the disk, and a footer. */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "copy.h"
#include "disk.h"
#include "oci_digest.h"

#define FIXED 2

struct footer {
	char cookie[8];
	uint32_t features, version;
	uint64_t next;
	uint32_t time;
	char creator[4];
	uint32_t creator_version;
	char host[4];
	uint64_t original, size;
	uint16_t cylinders;
	uint8_t heads, track;
	uint32_t type, checksum;
	uint8_t id[16], saved, unused[427];
} __attribute__((packed));

_Static_assert(sizeof(struct footer) == 512, "a footer is one sector");

/* As the specification's appendix says how to find cylinders, heads and sectors per track. */
static void set_geometry(struct footer *f, uint64_t sectors)
{
	uint64_t track = 17, heads, rest;

	if (sectors > 65535 * 16 * 255)
		sectors = 65535 * 16 * 255;
	if (sectors >= 65535 * 16 * 63) {
		track = 255;
		heads = 16;
		rest = sectors / track;
	} else {
		rest = sectors / track;
		heads = (rest + 1023) / 1024 < 4 ? 4 : (rest + 1023) / 1024;
		if (rest >= heads * 1024 || heads > 16) {
			track = 31;
			heads = 16;
			rest = sectors / track;
		}
		if (rest >= heads * 1024) {
			track = 63;
			heads = 16;
			rest = sectors / track;
		}
	}
	f->cylinders = htobe16((uint16_t)(rest / heads));
	f->heads = (uint8_t)heads;
	f->track = (uint8_t)track;
}

static void make_footer(const struct store_image *image, uint64_t size, struct footer *f)
{
	uint8_t hash[DIGEST_BYTES];
	uint32_t sum = 0;

	*f = (struct footer){ .features = htobe32(2),
			      .version = htobe32(0x10000),
			      .next = UINT64_MAX,
			      .creator_version = htobe32(0x10000),
			      .original = htobe64(size),
			      .size = htobe64(size),
			      .type = htobe32(FIXED) };
	memcpy(f->cookie, "conectix", sizeof(f->cookie));
	/* Of a creator that they do not know, some readers believe the geometry rather than the size. */
	memcpy(f->creator, "win ", sizeof(f->creator));
	memcpy(f->host, "Wi2k", sizeof(f->host));
	oci_digest_bytes(image->digest, strlen(image->digest), hash);
	memcpy(f->id, hash, sizeof(f->id));
	set_geometry(f, size / 512);
	for (size_t i = 0; i < sizeof(*f); i++)
		sum += ((const uint8_t *)f)[i];
	f->checksum = htobe32(~sum);
}

int format_vhd(struct export *x, struct err **err)
{
	struct footer f;
	struct stat st;
	int r = disk_write(x, x->out, err);

	if (r < 0)
		return r;
	if (fstat(x->out, &st) < 0)
		return err_set_errno(err, errno, "writing");
	make_footer(x->image, (uint64_t)st.st_size, &f);
	return copy_write_at(x->out, (uint64_t)st.st_size, &f, sizeof(f), err);
}
