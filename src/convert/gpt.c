/* SPDX-License-Identifier: MIT */
#include "gpt.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "copy.h"
#include "mem.h"
#include "oci_digest.h"

#define BOOT_CODE     440
#define ENTRY         128
#define TABLE         (GPT_MAX * ENTRY)
#define TABLE_SECTORS (TABLE / GPT_SECTOR)
#define HEADER        92
#define DISK          (-1)

struct header {
	char magic[8];
	uint32_t revision, size, crc, reserved;
	uint64_t here, other, first, last;
	uint8_t guid[16];
	uint64_t table;
	uint32_t n, entry, table_crc;
} __attribute__((packed));

struct entry {
	uint8_t type[16], guid[16];
	uint64_t first, last, flags;
	uint16_t name[36];
} __attribute__((packed));

/* IEEE 802.3's, as zlib has it. */
static uint32_t crc32_of(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0U;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* The first three fields of a GUID are little endian. */
static void put_guid(const char *text, uint8_t out[16])
{
	unsigned int a, b, c, d[8];

	sscanf(text, "%8x-%4x-%4x-%2x%2x-%2x%2x%2x%2x%2x%2x", &a, &b, &c, &d[0], &d[1], &d[2],
	       &d[3], &d[4], &d[5], &d[6], &d[7]);
	memcpy(out, &(uint32_t){ htole32(a) }, 4);
	memcpy(out + 4, &(uint16_t){ htole16((uint16_t)b) }, 2);
	memcpy(out + 6, &(uint16_t){ htole16((uint16_t)c) }, 2);
	for (int i = 0; i < 8; i++)
		out[8 + i] = (uint8_t)d[i];
}

/* An id of its own for each partition, and for the disk; of the kind that is random (RFC 9562). */
static void make_guid(const char *seed, int which, uint8_t out[16])
{
	cleanup_free char *text = xasprintf("%s partition %d", seed, which);
	uint8_t hash[DIGEST_BYTES];

	oci_digest_bytes(text, strlen(text), hash);
	memcpy(out, hash, 16);
	out[7] = (uint8_t)((out[7] & 0x0f) | 0x40);
	out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

static void make_table(const struct gpt *g, uint8_t out[TABLE])
{
	memset(out, 0, TABLE);
	for (size_t i = 0; i < g->n; i++) {
		const struct gpt_partition *p = &g->parts[i];
		struct entry e = { .first = htole64(p->first),
				   .last = htole64(p->first + p->sectors - 1) };

		put_guid(p->type, e.type);
		make_guid(g->seed, (int)i, e.guid);
		for (size_t c = 0; p->name[c]; c++)
			e.name[c] = htole16((uint16_t)p->name[c]);
		memcpy(out + i * ENTRY, &e, sizeof(e));
	}
}

static void make_header(const struct gpt *g, const uint8_t *table, uint64_t here, uint64_t other,
			uint64_t table_at, uint8_t out[GPT_SECTOR])
{
	struct header h = {
		.revision = htole32(0x10000),
		.size = htole32(HEADER),
		.here = htole64(here),
		.other = htole64(other),
		.first = htole64(GPT_FIRST),
		.last = htole64(g->sectors - TABLE_SECTORS - 2),
		.table = htole64(table_at),
		.n = htole32(GPT_MAX),
		.entry = htole32(ENTRY),
		.table_crc = htole32(crc32_of(table, TABLE)),
	};

	memcpy(h.magic, "EFI PART", sizeof(h.magic));
	make_guid(g->seed, DISK, h.guid);
	h.crc = htole32(crc32_of(&h, sizeof(h)));
	memset(out, 0, GPT_SECTOR);
	memcpy(out, &h, sizeof(h));
}

/* One partition of the whole disk, of the type that says: look at the GPT. Some BIOSes want it active. */
static void make_mbr(const struct gpt *g, const uint8_t *boot, uint8_t out[GPT_SECTOR])
{
	uint64_t sectors = g->sectors - 1 > UINT32_MAX ? UINT32_MAX : g->sectors - 1;
	uint32_t first = htole32(1), count = htole32((uint32_t)sectors);
	static const uint8_t types[] = { 0x80, 0, 2, 0, 0xee, 0xff, 0xff, 0xff };

	memset(out, 0, GPT_SECTOR);
	if (boot)
		memcpy(out, boot, BOOT_CODE);
	memcpy(out + 446, types, sizeof(types));
	memcpy(out + 454, &first, 4);
	memcpy(out + 458, &count, 4);
	out[510] = 0x55;
	out[511] = 0xaa;
}

int gpt_write(const struct gpt *g, const uint8_t *boot, int fd, struct err **err)
{
	cleanup_free uint8_t *table = xmalloc(TABLE);
	uint64_t last = g->sectors - 1, copy = last - TABLE_SECTORS;
	uint8_t sector[GPT_SECTOR];
	int r;

	make_table(g, table);
	make_mbr(g, boot, sector);
	r = copy_write_at(fd, 0, sector, sizeof(sector), err);
	make_header(g, table, 1, last, 2, sector);
	if (r == 0)
		r = copy_write_at(fd, GPT_SECTOR, sector, sizeof(sector), err);
	if (r == 0)
		r = copy_write_at(fd, 2 * GPT_SECTOR, table, TABLE, err);
	if (r == 0)
		r = copy_write_at(fd, copy * GPT_SECTOR, table, TABLE, err);
	make_header(g, table, last, 1, copy, sector);
	return r < 0 ? r : copy_write_at(fd, last * GPT_SECTOR, sector, sizeof(sector), err);
}
