/* SPDX-License-Identifier: MIT */
/*
 * --as iso: a CD (ECMA-119) that PCs boot (El Torito 1.0; UEFI specification 2.10, 12.3.2.1), by BIOS with
 * the code of bios.h and by UEFI with a FAT that has the unified kernel image. A CD has no partitions, and its
 * drives need drivers, so the root's files are in the initramfs.
 *
 * Sectors: 16 volume, 17 boot record, 18 end, 19 and 20 path tables, 21 root folder, 22 boot catalogue, 23 the
 * BIOS's boot image, from 24 on the FAT.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bios.h"
#include "copy.h"
#include "fat.h"
#include "format.h"
#include "mem.h"
#include "standalone.h"
#include "str.h"
#include "uki.h"

#define SECTOR    2048
#define AT_VOLUME 16
#define AT_BOOT   17
#define AT_END    18
#define AT_PATHS  19 /* and the big-endian one behind it */
#define AT_ROOT   21
#define AT_CAT    22
#define AT_BIOS   23
#define AT_FAT    24
#define PATHS     10                 /* bytes */
#define NO_TIME   "0000000000000000" /* and a zero for the zone */

struct iso {
	struct export *x;
	struct uki uki;
	struct fat fat;
	char *initramfs;
	uint32_t sectors;
};

static void put_both32(uint8_t *p, uint32_t v)
{
	memcpy(p, &(uint32_t){ htole32(v) }, 4);
	memcpy(p + 4, &(uint32_t){ htobe32(v) }, 4);
}

static void put_both16(uint8_t *p, uint16_t v)
{
	memcpy(p, &(uint16_t){ htole16(v) }, 2);
	memcpy(p + 2, &(uint16_t){ htobe16(v) }, 2);
}

static void put_text(uint8_t *p, size_t len, const char *text)
{
	memset(p, ' ', len);
	memcpy(p, text, strlen(text) < len ? strlen(text) : len);
}

/* A folder's record of a file (9.1); its length. */
static size_t put_record(uint8_t *p, const char *name, size_t name_len, bool folder, uint32_t at,
			 uint32_t size)
{
	size_t len = (33 + name_len + 1) & ~(size_t)1;

	memset(p, 0, len);
	p[0] = (uint8_t)len;
	put_both32(p + 2, at);
	put_both32(p + 10, size);
	p[18] = 70; /* 1970-01-01 */
	p[19] = p[20] = 1;
	p[25] = folder ? 2 : 0;
	put_both16(p + 28, 1);
	p[32] = (uint8_t)name_len;
	memcpy(p + 33, name, name_len);
	return len;
}

static int put_sector(struct iso *iso, uint32_t at, const uint8_t *sector, struct err **err)
{
	return copy_write_at(iso->x->out, (uint64_t)at * SECTOR, sector, SECTOR, err);
}

/* The primary volume descriptor (8.4). */
static int write_volume(struct iso *iso, struct err **err)
{
	uint8_t s[SECTOR] = { 1, 'C', 'D', '0', '0', '1', 1 };
	static const size_t times[] = { 813, 830, 847, 864 };
	char name[32] = "";

	for (size_t i = 0; i < sizeof(name) - 1 && iso->x->image->name[i]; i++) {
		char c = iso->x->image->name[i];

		name[i] = c == '-' ? '_' : (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	put_text(s + 8, 32, "");
	put_text(s + 40, 32, name);
	put_both32(s + 80, iso->sectors);
	put_both16(s + 120, 1);
	put_both16(s + 124, 1);
	put_both16(s + 128, SECTOR);
	put_both32(s + 132, PATHS);
	memcpy(s + 140, &(uint32_t){ htole32(AT_PATHS) }, 4);
	memcpy(s + 148, &(uint32_t){ htobe32(AT_PATHS + 1) }, 4);
	put_record(s + 156, "", 1, true, AT_ROOT, SECTOR);
	put_text(s + 190, 813 - 190, "");
	put_text(s + 574, 128, "ATOLL");
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		memcpy(s + times[i], NO_TIME, 16);
	s[881] = 1;
	return put_sector(iso, AT_VOLUME, s, err);
}

static int write_boot_record(struct iso *iso, struct err **err)
{
	uint8_t s[SECTOR] = { 0, 'C', 'D', '0', '0', '1', 1 };
	uint8_t end[SECTOR] = { 255, 'C', 'D', '0', '0', '1', 1 };
	int r;

	memcpy(s + 7, "EL TORITO SPECIFICATION", 23);
	memcpy(s + 0x47, &(uint32_t){ htole32(AT_CAT) }, 4);
	r = put_sector(iso, AT_BOOT, s, err);
	return r < 0 ? r : put_sector(iso, AT_END, end, err);
}

/* One folder, the root, in both orders of bytes; and what is in it. */
static int write_folders(struct iso *iso, struct err **err)
{
	uint8_t little[SECTOR] = { 1, 0, AT_ROOT, 0, 0, 0, 1, 0 };
	uint8_t big[SECTOR] = { 1, 0, 0, 0, 0, AT_ROOT, 0, 1 };
	uint8_t root[SECTOR] = { 0 };
	size_t n = put_record(root, "", 1, true, AT_ROOT, SECTOR);
	int r;

	n += put_record(root + n, "\1", 1, true, AT_ROOT, SECTOR);
	n += put_record(root + n, "BIOS.BIN;1", 10, false, AT_BIOS, BIOS_LOADER);
	n += put_record(root + n, "BOOT.CAT;1", 10, false, AT_CAT, SECTOR);
	put_record(root + n, "EFI.IMG;1", 9, false, AT_FAT, (uint32_t)iso->fat.bytes);
	r = put_sector(iso, AT_PATHS, little, err);
	if (r == 0)
		r = put_sector(iso, AT_PATHS + 1, big, err);
	return r < 0 ? r : put_sector(iso, AT_ROOT, root, err);
}

/* An entry of the boot catalogue: an image that is loaded as it is. */
static void put_boot(uint8_t *p, uint16_t sectors, uint32_t at)
{
	p[0] = 0x88;
	memcpy(p + 6, &(uint16_t){ htole16(sectors) }, 2);
	memcpy(p + 8, &(uint32_t){ htole32(at) }, 4);
}

static int write_catalogue(struct iso *iso, struct err **err)
{
	uint8_t s[SECTOR] = { 1 }; /* the platform is 80x86 */
	uint64_t sectors = iso->fat.bytes / BIOS_SECTOR;
	uint16_t sum = 0;

	memcpy(s + 4, "ATOLL", 5);
	s[30] = 0x55;
	s[31] = 0xaa;
	for (int i = 0; i < 32; i += 2)
		sum = (uint16_t)(sum + s[i] + s[i + 1] * 256);
	memcpy(s + 28, &(uint16_t){ htole16((uint16_t)-sum) }, 2);
	put_boot(s + 32, BIOS_LOADER / BIOS_SECTOR, AT_BIOS);
	s[64] = 0x91; /* the last section: one entry, for EFI */
	s[65] = 0xef;
	s[66] = 1;
	/* A number that does not fit is 0, "to the end of the medium". */
	put_boot(s + 96, sectors > UINT16_MAX ? 0 : (uint16_t)sectors, AT_FAT);
	return put_sector(iso, AT_CAT, s, err);
}

static int write_boot_images(struct iso *iso, struct err **err)
{
	uint64_t fat = (uint64_t)AT_FAT * SECTOR, file = fat + iso->fat.file_at;
	struct bios_boot b = { .block = SECTOR,
			       .kernel = iso->uki.kernel_at,
			       .initramfs = iso->uki.initramfs_at,
			       .command_line = STANDALONE_LINE };
	uint8_t loader[BIOS_LOADER];
	int r;

	b.kernel.byte += file;
	b.initramfs.byte += file;
	r = bios_make(&b, loader, err);
	if (r == 0)
		r = put_sector(iso, AT_BIOS, loader, err);
	if (r == 0)
		r = fat_write(&iso->fat, iso->x->out, fat, err);
	return r < 0 ? r : uki_write(&iso->uki, iso->x->out, file, err);
}

static int plan(struct iso *iso, struct err **err)
{
	const struct store_image *image = iso->x->image;
	int r = standalone_initramfs(iso->x, true, &iso->initramfs, err);

	if (r < 0)
		return r;
	iso->uki = (struct uki){ .arch = image->arch,
				 .kernel = image->kernel.path,
				 .initramfs = iso->initramfs,
				 .command_line = STANDALONE_LINE,
				 .title = image->name };
	r = uki_plan(&iso->uki, err);
	if (r < 0)
		return r;
	iso->fat = (struct fat){ .name = uki_file_name(image->arch),
				 .size = iso->uki.bytes,
				 .serial = 0x61746f6c };
	r = fat_plan(&iso->fat, err);
	iso->sectors = (uint32_t)(AT_FAT + iso->fat.bytes / SECTOR);
	return r;
}

static int write_all(struct iso *iso, struct err **err)
{
	int r = plan(iso, err);

	if (r == 0 && ftruncate(iso->x->out, (off_t)iso->sectors * SECTOR) < 0)
		r = err_set_errno(err, errno, "writing");
	if (r == 0)
		r = write_volume(iso, err);
	if (r == 0)
		r = write_boot_record(iso, err);
	if (r == 0)
		r = write_folders(iso, err);
	if (r == 0)
		r = write_catalogue(iso, err);
	return r < 0 ? r : write_boot_images(iso, err);
}

int format_iso(struct export *x, struct err **err)
{
	struct iso iso = { .x = x };
	int r;

	if (!str_eq(x->image->arch, "amd64"))
		return err_set(err, EOPNOTSUPP, "a CD is made for amd64 alone");
	r = write_all(&iso, err);
	uki_finish(&iso.uki);
	free(iso.initramfs);
	return r;
}
