/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: grains, compressed by zlib, each behind a marker that says which it is; behind the
 * grains of a table that table, behind all of them the folder, then the header again with the folder's place
 * (the one at the begin says that it is at the end). Grains that are zero and tables without grains are left out.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "copy.h"
#include "mem.h"
#include "vmdk.h"

#define VERSION  3
#define MARKERS  (UINT32_C(1) << 17)
#define DEFLATE  (UINT32_C(1) << 16)
#define AT_END   UINT64_MAX
#define OVERHEAD VMDK_GRAIN_SECTORS
#define LEVEL    6

enum marker { MARK_END = 0, MARK_TABLE = 1, MARK_FOLDER = 2, MARK_FOOTER = 3 };

struct grain_marker {
	uint64_t sector;
	uint32_t size;
} __attribute__((packed));

struct marker_block {
	uint64_t sectors;
	uint32_t size, type;
	uint8_t unused[496];
} __attribute__((packed));

_Static_assert(sizeof(struct marker_block) == VMDK_SECTOR, "a marker is one sector");

struct stream {
	const struct store_image *image;
	const struct sparse *s;
	int fd;
	uint64_t at;      /* sectors: where the next thing goes */
	uint32_t *folder; /* sectors where tables are */
	size_t tables;
	uint8_t *packed;
	uLong packed_max;
};

/* Fills its last sector up: what is not written is zero. */
static int put(struct stream *m, const void *data, size_t len, struct err **err)
{
	int r = copy_write_at(m->fd, m->at * VMDK_SECTOR, data, len, err);

	m->at += vmdk_sectors(len);
	if (r == 0 && m->at > UINT32_MAX)
		r = err_set(err, EFBIG, "the disk is too large");
	return r;
}

static int put_marker(struct stream *m, enum marker type, uint64_t sectors, struct err **err)
{
	struct marker_block b = { .sectors = htole64(sectors), .type = htole32(type) };

	return put(m, &b, sizeof(b), err);
}

static int put_grain(struct stream *m, size_t i, const char *grain, struct err **err)
{
	struct grain_marker marker = { .sector = htole64(i * (uint64_t)VMDK_GRAIN_SECTORS) };
	uLongf len = m->packed_max;

	if (compress2(m->packed + sizeof(marker), &len, (const Bytef *)grain, VMDK_GRAIN, LEVEL) !=
	    Z_OK)
		return err_set(err, EIO, "zlib does not compress");
	marker.size = htole32((uint32_t)len);
	memcpy(m->packed, &marker, sizeof(marker));
	return put(m, m->packed, sizeof(marker) + len, err);
}

/* The grains of one table, and the table. */
static int put_table(struct stream *m, size_t t, struct err **err)
{
	cleanup_free char *grain = xmalloc(VMDK_GRAIN);
	uint32_t table[VMDK_PER_TABLE] = { 0 };
	size_t begin = t * VMDK_PER_TABLE, n = 0;
	int r = 0;

	for (size_t i = begin; i < begin + VMDK_PER_TABLE && i < m->s->n && r == 0; i++) {
		if (!m->s->full[i])
			continue;
		n++;
		table[i - begin] = htole32((uint32_t)m->at);
		r = sparse_read(m->s, i, grain, err);
		if (r == 0)
			r = put_grain(m, i, grain, err);
	}
	if (r < 0 || n == 0)
		return r;
	r = put_marker(m, MARK_TABLE, sizeof(table) / VMDK_SECTOR, err);
	m->folder[t] = htole32((uint32_t)m->at);
	return r < 0 ? r : put(m, table, sizeof(table), err);
}

static struct vmdk_header make_header(const struct stream *m, uint64_t folder)
{
	struct vmdk_header h = vmdk_header(m->s->n * (uint64_t)VMDK_GRAIN_SECTORS, OVERHEAD);

	h.version = htole32(VERSION);
	h.flags |= htole32(DEFLATE | MARKERS);
	h.compression = htole16(1);
	h.first = htole64(folder);
	return h;
}

static int put_begin(struct stream *m, struct err **err)
{
	struct vmdk_header h = make_header(m, AT_END);
	cleanup_free char *text = vmdk_descriptor(m->image, le64toh(h.capacity), "streamOptimized");
	int r = put(m, &h, sizeof(h), err);

	if (r == 0)
		r = put(m, text, strlen(text), err);
	m->at = OVERHEAD;
	return r;
}

static int put_end(struct stream *m, struct err **err)
{
	uint64_t sectors = vmdk_sectors(m->tables * 4);
	struct vmdk_header h;
	int r = put_marker(m, MARK_FOLDER, sectors, err);

	h = make_header(m, m->at);
	if (r == 0)
		r = put(m, m->folder, sectors * VMDK_SECTOR, err);
	if (r == 0)
		r = put_marker(m, MARK_FOOTER, 1, err);
	if (r == 0)
		r = put(m, &h, sizeof(h), err);
	return r < 0 ? r : put_marker(m, MARK_END, 0, err);
}

int vmdk_write_stream(const struct store_image *image, const struct sparse *s, int fd,
		      struct err **err)
{
	struct stream m = { .image = image, .s = s, .fd = fd };
	int r;

	m.tables = (s->n + VMDK_PER_TABLE - 1) / VMDK_PER_TABLE;
	m.folder = xcalloc(vmdk_sectors(m.tables * 4), VMDK_SECTOR);
	m.packed_max = compressBound(VMDK_GRAIN);
	m.packed = xmalloc(sizeof(struct grain_marker) + m.packed_max);
	r = put_begin(&m, err);
	for (size_t t = 0; t < m.tables && r == 0; t++)
		r = put_table(&m, t, err);
	if (r == 0)
		r = put_end(&m, err);
	free(m.folder);
	free(m.packed);
	return r;
}
