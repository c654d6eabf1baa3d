/* SPDX-License-Identifier: MIT */
#include "bios.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define LINE_AT   (3 * BIOS_SECTOR)
#define READ_MAX  32768
#define IMAGE_MAX (512 << 20) /* what both may have: it goes above 16 MB */

/* As bios_loader.S has it. */
struct params {
	uint64_t kernel, initramfs;
	uint32_t kernel_blocks, initramfs_blocks, initramfs_bytes;
	uint32_t chunk, block_words;
	uint8_t whole;
} __attribute__((packed));

#ifdef __x86_64__
extern const uint8_t bios_loader[], bios_loader_params[], bios_loader_rest[], bios_loader_end[];

static uint32_t blocks_of(const struct bios_boot *b, const struct bios_run *run)
{
	return (uint32_t)((run->bytes + b->block - 1) / b->block);
}

static void fill_params(const struct bios_boot *b, struct params *p)
{
	p->kernel = htole64(b->kernel.byte / b->block);
	p->initramfs = htole64(b->initramfs.byte / b->block);
	p->kernel_blocks = htole32(blocks_of(b, &b->kernel));
	p->initramfs_blocks = htole32(blocks_of(b, &b->initramfs));
	p->initramfs_bytes = htole32((uint32_t)b->initramfs.bytes);
	p->chunk = htole32(READ_MAX / b->block);
	p->block_words = htole32(b->block / 4);
	p->whole = b->rest == 0;
}

int bios_make(const struct bios_boot *b, uint8_t ret[BIOS_LOADER], struct err **err)
{
	uint64_t rest = htole64(b->rest);
	struct params p = { 0 };

	if (b->kernel.bytes > IMAGE_MAX || b->initramfs.bytes > IMAGE_MAX)
		return err_set(err, EFBIG, "kernel and initramfs are too large to be booted");
	if (strlen(b->command_line) >= BIOS_SECTOR)
		return err_set(err, EINVAL, "the kernel's command line is too long");
	fill_params(b, &p);
	memcpy(ret, bios_loader, BIOS_LOADER);
	memcpy(ret + (bios_loader_params - bios_loader), &p, sizeof(p));
	memcpy(ret + (bios_loader_rest - bios_loader), &rest, sizeof(rest));
	strcpy((char *)ret + LINE_AT, b->command_line);
	return 0;
}
#else
int bios_make(const struct bios_boot *b, uint8_t ret[BIOS_LOADER], struct err **err)
{
	(void)b;
	(void)ret;
	return err_set(err, EOPNOTSUPP,
		       "the boot loader for BIOS is only in Atoll for amd64 computers");
}
#endif
