/* SPDX-License-Identifier: MIT */
/*
 * Layout: reserved sectors, two tables, the root folder, clusters. The folders EFI and BOOT are the
 * clusters 2 and 3, the file begins at 4. As many sectors are reserved as it takes for clusters to begin
 * at a multiple of 4096 bytes, so that the file has whole blocks of any medium.
 */
#include "fat.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "mem.h"

#define SECTOR       512
#define ALIGN        4096
#define ROOT_ENTRIES 512
#define ROOT_BYTES   (ROOT_ENTRIES * 32)
#define CLUSTER_MIN  4096
#define CLUSTER_MAX  32768
#define CLUSTERS_MIN 4200  /* fewer than 4085 are a FAT12 */
#define CLUSTERS_MAX 65000 /* more than 65524 a FAT32 */
#define MIB          (1 << 20)
#define LAST         0xffff
#define FIRST_FILE   4
#define ATTR_FOLDER  0x10
#define ATTR_FILE    0x20
#define DATE         0x0021 /* the first day of 1980: before that there is no time */

struct boot_sector {
	uint8_t jump[3];
	char oem[8];
	uint16_t sector;
	uint8_t cluster;
	uint16_t reserved;
	uint8_t tables;
	uint16_t root, sectors16;
	uint8_t media;
	uint16_t table, track, heads;
	uint32_t hidden, sectors32;
	uint8_t drive, unused, signature;
	uint32_t serial;
	char label[11], type[8];
} __attribute__((packed));

struct entry {
	char name[11];
	uint8_t attr, unused[8];
	uint16_t high, time, date, cluster;
	uint32_t size;
} __attribute__((packed));

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

int fat_plan(struct fat *f, struct err **err)
{
	uint64_t clusters, data;

	f->cluster = CLUSTER_MIN;
	while (f->size / f->cluster + FIRST_FILE > CLUSTERS_MAX && f->cluster < CLUSTER_MAX)
		f->cluster *= 2;
	clusters = (f->size + f->cluster - 1) / f->cluster + FIRST_FILE;
	if (clusters > CLUSTERS_MAX)
		return err_set(err, EFBIG, "kernel and initramfs are too large to be booted");
	if (clusters < CLUSTERS_MIN)
		clusters = CLUSTERS_MIN;
	f->table =
		(uint32_t)(round_up((clusters + 2) * 2 + MIB / CLUSTER_MIN * 2, SECTOR) / SECTOR);
	data = round_up(SECTOR + 2 * (uint64_t)f->table * SECTOR + ROOT_BYTES, ALIGN);
	f->bytes = round_up(data + clusters * f->cluster, MIB);
	f->file_at = data + 2 * (uint64_t)f->cluster;
	return 0;
}

static uint64_t data_at(const struct fat *f)
{
	return f->file_at - 2 * (uint64_t)f->cluster;
}

static uint64_t tables_at(const struct fat *f)
{
	return data_at(f) - ROOT_BYTES - 2 * (uint64_t)f->table * SECTOR;
}

static void make_boot_sector(const struct fat *f, uint64_t hidden, uint8_t out[SECTOR])
{
	struct boot_sector b = {
		.jump = { 0xeb, 0x3c, 0x90 },
		.sector = htole16(SECTOR),
		.cluster = (uint8_t)(f->cluster / SECTOR),
		.reserved = htole16((uint16_t)(tables_at(f) / SECTOR)),
		.tables = 2,
		.root = htole16(ROOT_ENTRIES),
		.media = 0xf8,
		.table = htole16((uint16_t)f->table),
		.track = htole16(63),
		.heads = htole16(255),
		.hidden = htole32((uint32_t)(hidden / SECTOR)),
		.drive = 0x80,
		.signature = 0x29,
		.serial = htole32(f->serial),
	};

	if (f->bytes / SECTOR < 65536)
		b.sectors16 = htole16((uint16_t)(f->bytes / SECTOR));
	else
		b.sectors32 = htole32((uint32_t)(f->bytes / SECTOR));
	memcpy(b.oem, "ATOLL   ", 8);
	memcpy(b.label, "ATOLL      ", 11);
	memcpy(b.type, "FAT16   ", 8);
	memset(out, 0, SECTOR);
	memcpy(out, &b, sizeof(b));
	out[510] = 0x55;
	out[511] = 0xaa;
}

static void make_table(const struct fat *f, uint16_t *table)
{
	uint64_t n = (f->size + f->cluster - 1) / f->cluster;

	table[0] = htole16(0xfff8);
	for (unsigned int i = 1; i < FIRST_FILE; i++)
		table[i] = htole16(LAST);
	for (uint64_t i = 0; i < n; i++)
		table[FIRST_FILE + i] = htole16(i + 1 < n ? (uint16_t)(FIRST_FILE + i + 1) : LAST);
}

/* "BOOTX64.EFI" as a folder has it: eight and three, filled up with spaces. */
static struct entry make_entry(const char *name, uint8_t attr, uint16_t cluster, uint32_t size)
{
	struct entry e = { .attr = attr, .date = htole16(DATE) };
	const char *dot = name[0] == '.' ? NULL : strchr(name, '.');
	size_t base = dot ? (size_t)(dot - name) : strlen(name);

	memset(e.name, ' ', sizeof(e.name));
	memcpy(e.name, name, base < 8 ? base : 8);
	if (dot)
		memcpy(e.name + 8, dot + 1, strlen(dot + 1) < 3 ? strlen(dot + 1) : 3);
	e.cluster = htole16(cluster);
	e.size = htole32(size);
	return e;
}

static int write_at(int fd, uint64_t at, const void *data, size_t len, struct err **err)
{
	ssize_t n = pwrite(fd, data, len, (off_t)at);

	if (n < 0)
		return err_set_errno(err, errno, "writing");
	return (size_t)n == len ? 0 : err_set_errno(err, ENOSPC, "writing");
}

static int write_folders(const struct fat *f, int fd, uint64_t at, struct err **err)
{
	uint64_t data = at + data_at(f);
	struct entry root = make_entry("EFI", ATTR_FOLDER, 2, 0);
	struct entry efi[] = { make_entry(".", ATTR_FOLDER, 2, 0),
			       make_entry("..", ATTR_FOLDER, 0, 0),
			       make_entry("BOOT", ATTR_FOLDER, 3, 0) };
	struct entry boot[] = { make_entry(".", ATTR_FOLDER, 3, 0),
				make_entry("..", ATTR_FOLDER, 2, 0),
				make_entry(f->name, ATTR_FILE, FIRST_FILE, (uint32_t)f->size) };
	int r = write_at(fd, data - ROOT_BYTES, &root, sizeof(root), err);

	if (r == 0)
		r = write_at(fd, data, efi, sizeof(efi), err);
	return r < 0 ? r : write_at(fd, data + f->cluster, boot, sizeof(boot), err);
}

int fat_write(const struct fat *f, int fd, uint64_t at, struct err **err)
{
	cleanup_free uint16_t *table = xcalloc(f->table, SECTOR);
	uint64_t len = (uint64_t)f->table * SECTOR;
	uint8_t sector[SECTOR];
	int r;

	make_boot_sector(f, at, sector);
	make_table(f, table);
	r = write_at(fd, at, sector, sizeof(sector), err);
	for (int i = 0; i < 2 && r == 0; i++)
		r = write_at(fd, at + tables_at(f) + i * len, table, len, err);
	return r < 0 ? r : write_folders(f, fd, at, err);
}
