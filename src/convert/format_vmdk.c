/* SPDX-License-Identifier: MIT */
/*
 * --as vmdk: VMware's "Virtual Disk Format 5.0", a sparse extent in one file ("monolithicSparse"):
 * header, descriptor, second and first grain folder with their tables, grains.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "copy.h"
#include "disk.h"
#include "mem.h"
#include "sparse.h"

#define SECTOR          512
#define GRAIN           65536
#define GRAIN_SECTORS   (GRAIN / SECTOR)
#define PER_TABLE       512
#define TABLE           (PER_TABLE * 4)
#define DESCRIPTOR_AT   1
#define DESCRIPTOR_SIZE 20 /* sectors */
#define HEADS           255
#define TRACK           63

struct header {
	uint32_t magic, version, flags;
	uint64_t capacity, grain, descriptor, descriptor_size;
	uint32_t per_table;
	uint64_t second, first, overhead;
	uint8_t unclean, newline[4];
	uint16_t compression;
	uint8_t unused[433];
} __attribute__((packed));

struct plan {
	uint64_t capacity; /* sectors */
	size_t tables;
	uint64_t folder, second, first,
		data; /* sectors: the size of a folder, and where things are */
};

static uint64_t sectors(uint64_t bytes)
{
	return (bytes + SECTOR - 1) / SECTOR;
}

static void make_plan(const struct sparse *s, struct plan *p)
{
	p->capacity = s->n * (uint64_t)GRAIN_SECTORS;
	p->tables = (s->n + PER_TABLE - 1) / PER_TABLE;
	p->folder = sectors(p->tables * 4);
	p->second = DESCRIPTOR_AT + DESCRIPTOR_SIZE;
	p->first = p->second + p->folder + p->tables * (TABLE / SECTOR);
	p->data = p->first + p->folder + p->tables * (TABLE / SECTOR);
	p->data = (p->data + GRAIN_SECTORS - 1) / GRAIN_SECTORS * GRAIN_SECTORS;
}

static int write_header(const struct plan *p, int fd, struct err **err)
{
	struct header h = {
		.magic = htole32(0x564d444b),
		.version = htole32(1),
		.flags = htole32(3), /* the newlines are right, and there is a second folder */
		.capacity = htole64(p->capacity),
		.grain = htole64(GRAIN_SECTORS),
		.descriptor = htole64(DESCRIPTOR_AT),
		.descriptor_size = htole64(DESCRIPTOR_SIZE),
		.per_table = htole32(PER_TABLE),
		.second = htole64(p->second),
		.first = htole64(p->first),
		.overhead = htole64(p->data),
		.newline = { '\n', ' ', '\r', '\n' },
	};

	return copy_write_at(fd, 0, &h, sizeof(h), err);
}

/* The id of the content is of the image's digest. */
static int write_descriptor(const struct export *x, const struct plan *p, int fd, struct err **err)
{
	cleanup_free char *text = xasprintf(
		"# Disk DescriptorFile\nversion=1\nCID=%.8s\nparentCID=ffffffff\n"
		"createType=\"monolithicSparse\"\n\n# Extent description\n"
		"RW %llu SPARSE \"%s.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n"
		"ddb.virtualHWVersion = \"8\"\nddb.geometry.cylinders = \"%llu\"\n"
		"ddb.geometry.heads = \"%d\"\nddb.geometry.sectors = \"%d\"\n"
		"ddb.adapterType = \"lsilogic\"\n",
		oci_digest_hex(x->image->digest), (unsigned long long)p->capacity, x->image->name,
		(unsigned long long)(p->capacity / (HEADS * TRACK)), HEADS, TRACK);

	return copy_write_at(fd, DESCRIPTOR_AT * SECTOR, text, strlen(text), err);
}

/* A folder and its tables; both copies say the same of the grains. */
static int write_folder(const struct sparse *s, const struct plan *p, uint64_t at, int fd,
			struct err **err)
{
	cleanup_free uint32_t *folder = xcalloc(p->folder, SECTOR);
	cleanup_free uint32_t *tables = xcalloc(p->tables, TABLE);
	uint64_t begin = at + p->folder, grain = p->data;
	int r;

	for (size_t i = 0; i < p->tables; i++)
		folder[i] = htole32((uint32_t)(begin + i * (TABLE / SECTOR)));
	for (size_t i = 0; i < s->n; i++) {
		if (!s->full[i])
			continue;
		tables[i] = htole32((uint32_t)grain);
		grain += GRAIN_SECTORS;
	}
	r = copy_write_at(fd, at * SECTOR, folder, p->folder * SECTOR, err);
	return r < 0 ? r : copy_write_at(fd, begin * SECTOR, tables, p->tables * TABLE, err);
}

static int write_all(const struct export *x, const struct sparse *s, int fd, struct err **err)
{
	struct plan p;
	int r;

	make_plan(s, &p);
	if (p.data + s->n_full * (uint64_t)GRAIN_SECTORS > UINT32_MAX)
		return err_set(err, EFBIG, "the disk is too large");
	r = write_header(&p, fd, err);
	if (r == 0)
		r = write_descriptor(x, &p, fd, err);
	if (r == 0)
		r = write_folder(s, &p, p.second, fd, err);
	if (r == 0)
		r = write_folder(s, &p, p.first, fd, err);
	return r < 0 ? r : sparse_copy(s, fd, p.data * SECTOR, err);
}

int format_vmdk(struct export *x, struct err **err)
{
	struct sparse s;
	int r = disk_open(x, GRAIN, &s, err);

	if (r < 0)
		return r;
	r = write_all(x, &s, x->out, err);
	sparse_close(&s);
	return r;
}
