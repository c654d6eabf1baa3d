/* SPDX-License-Identifier: MIT */
/*
 * A bzImage, by Linux's x86 boot protocol (Documentation/arch/x86/boot.rst), 2.12 or later, and entered
 * in 64-bit mode. The file is a real-mode part, which only brings the setup header, and the kernel
 * proper, which unpacks itself in place: it needs init_size bytes from where it is loaded.
 *
 * It is loaded at the address that it prefers and nowhere else. A lower one would not save memory,
 * since Linux moves up to that address before it unpacks.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "boot_parts.h"
#include "layout.h"
#include "mem.h"

#define HEADER_MAGIC    0x53726448 /* "HdrS" */
#define HEADER_OFFSET   offsetof(struct boot_params, hdr)
#define HEADER_END_BYTE 0x201 /* the header ends so many bytes behind 0x202 */
#define VERSION_MIN     0x020c
#define SECTOR          512
#define ENTRY_64        0x200 /* behind the kernel's begin */
#define LOADER_OTHER    0xff  /* type_of_loader: none that has a number */

/* Page tables: one table of each level, and four of the third, which map 1 GiB each by 2 MiB pages. */
#define TABLE_ENTRIES 512
#define GIB_MAPPED    4
#define PTE_PRESENT   1u
#define PTE_WRITABLE  2u
#define PTE_LARGE     0x80u
#define LARGE_PAGE    (2u << 20)
#define TABLE(n)      (LAYOUT_PAGE_TABLES + 0x1000u * (n))

_Static_assert(TABLE(2 + GIB_MAPPED) <= LAYOUT_CMDLINE, "page tables overlap the command line");

struct bzimage {
	struct boot_params params;
	uint64_t offset, size; /* of the kernel proper in the file */
	uint64_t base;         /* where it is loaded */
	uint64_t room;         /* what it needs from there on */
};

static bool recognise(const uint8_t *head)
{
	uint32_t magic;

	memcpy(&magic, head + HEADER_OFFSET + offsetof(struct setup_header, header), sizeof(magic));
	return magic == HEADER_MAGIC;
}

/* The setup header, as far as the kernel says it goes, into clean boot parameters. */
static int read_header(const struct boot *b, struct bzimage *z, struct err **err)
{
	struct setup_header *h = &z->params.hdr;
	const size_t least = offsetof(struct setup_header, init_size) + sizeof(h->init_size);
	uint8_t end;
	size_t len;
	int r = boot_read(&b->kernel, HEADER_END_BYTE, &end, 1, "the setup header", err);

	if (r < 0)
		return r;
	len = HEADER_END_BYTE + 1u + end - HEADER_OFFSET;
	if (len > sizeof(*h))
		len = sizeof(*h);
	if (len < least)
		return err_set(err, EINVAL,
			       "%s: its setup header has %zu bytes, at least %zu are needed",
			       b->kernel.name, len, least);
	return boot_read(&b->kernel, HEADER_OFFSET, h, len, "the setup header", err);
}

static int check_header(const struct boot *b, const struct setup_header *h, struct err **err)
{
	const char *name = b->kernel.name;

	if (h->version < VERSION_MIN)
		return err_set(err, EINVAL,
			       "%s: Linux boot protocol %u.%02u, at least 2.12 (Linux 3.8) is "
			       "needed",
			       name, h->version >> 8, h->version & 0xff);
	if (!(h->xloadflags & XLF_KERNEL_64))
		return err_set(err, EINVAL, "%s: a 32-bit kernel, one for 64-bit x86 is needed",
			       name);
	if (!(h->loadflags & LOADED_HIGH))
		return err_set(err, EINVAL, "%s: a zImage, a bzImage is needed", name);
	if (h->kernel_alignment == 0 || (h->kernel_alignment & (h->kernel_alignment - 1)))
		return err_set(err, EINVAL, "%s: broken: kernel_alignment %#x is no power of 2",
			       name, h->kernel_alignment);
	if (h->pref_address % h->kernel_alignment)
		return err_set(err, EINVAL, "%s: broken: pref_address %#llx is not aligned to %#x",
			       name, (unsigned long long)h->pref_address, h->kernel_alignment);
	if (b->cmdline_len > h->cmdline_size)
		return err_set(err, EINVAL, "command line: has %llu bytes, %s takes %u at most",
			       (unsigned long long)b->cmdline_len, name, h->cmdline_size);
	return 0;
}

/* Where things are in the file and will be in memory. */
static int measure(const struct boot *b, struct bzimage *z, struct err **err)
{
	const struct setup_header *h = &z->params.hdr;
	const unsigned int sectors = h->setup_sects ? h->setup_sects : 4;

	z->offset = (sectors + 1u) * SECTOR;
	z->size = h->syssize * UINT64_C(16);
	z->base = h->pref_address;
	z->room = h->init_size > z->size ? h->init_size : z->size;
	if (z->size <= ENTRY_64)
		return err_set(err, EINVAL, "%s: broken: a kernel of %llu bytes", b->kernel.name,
			       (unsigned long long)z->size);
	return boot_check_fit(b, z->base, z->room, err);
}

static void fill_params(const struct boot *b, struct bzimage *z)
{
	struct boot_params *p = &z->params;

	p->hdr.type_of_loader = LOADER_OTHER;
	p->hdr.loadflags &= (uint8_t) ~(CAN_USE_HEAP | KEEP_SEGMENTS);
	p->hdr.code32_start = (uint32_t)z->base;
	p->hdr.cmd_line_ptr = LAYOUT_CMDLINE;
	p->hdr.ramdisk_image = (uint32_t)b->initrd_base;
	p->ext_ramdisk_image = (uint32_t)(b->initrd_base >> 32);
	p->hdr.ramdisk_size = (uint32_t)b->initrd.size;
	p->ext_ramdisk_size = (uint32_t)(b->initrd.size >> 32);
	p->hdr.setup_data = 0;
	p->acpi_rsdp_addr = b->rsdp;
	for (size_t i = 0; i < b->n_map; i++)
		p->e820_table[i] =
			(struct boot_e820_entry){ b->map[i].base, b->map[i].size, b->map[i].type };
	p->e820_entries = (uint8_t)b->n_map;
}

/* The first 4 GiB at their own addresses. */
static void write_page_tables(const struct memory *m)
{
	uint64_t *table = memory_at(m, TABLE(0), (2 + GIB_MAPPED) * 0x1000u);
	uint64_t *pointers = table + TABLE_ENTRIES, *large = pointers + TABLE_ENTRIES;

	table[0] = TABLE(1) | PTE_PRESENT | PTE_WRITABLE;
	for (uint64_t i = 0; i < GIB_MAPPED; i++)
		pointers[i] = TABLE(2 + i) | PTE_PRESENT | PTE_WRITABLE;
	for (uint64_t i = 0; i < GIB_MAPPED * TABLE_ENTRIES; i++)
		large[i] = i * LARGE_PAGE | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE;
}

/* With the boot protocol's selectors: __BOOT_CS is 0x10, __BOOT_DS 0x18. */
static void write_gdt(const struct memory *m)
{
	static const uint64_t gdt[] = {
		0, 0, UINT64_C(0x00af9b000000ffff), /* code, 64-bit */
		UINT64_C(0x00cf93000000ffff),       /* data */
	};

	memcpy(memory_at(m, LAYOUT_GDT, sizeof(gdt)), gdt, sizeof(gdt));
}

static int load_kernel(struct boot *b, struct bzimage *z, struct err **err)
{
	int r = read_header(b, z, err);

	if (r == 0)
		r = check_header(b, &z->params.hdr, err);
	if (r == 0)
		r = measure(b, z, err);
	if (r < 0)
		return r;
	r = boot_read(&b->kernel, z->offset, memory_at(b->memory, z->base, z->size), z->size,
		      "the kernel behind its setup sectors", err);
	if (r < 0)
		return r;
	return boot_place_initrd(b, z->base + z->room, z->params.hdr.initrd_addr_max + UINT64_C(1),
				 err);
}

static int load(struct boot *b, struct boot_entry *ret, struct err **err)
{
	struct bzimage z;
	int r;

	memset(&z, 0, sizeof(z));
	r = load_kernel(b, &z, err);
	if (r < 0)
		return r;
	fill_params(b, &z);
	memcpy(memory_at(b->memory, LAYOUT_ZERO_PAGE, sizeof(z.params)), &z.params,
	       sizeof(z.params));
	write_page_tables(b->memory);
	write_gdt(b->memory);
	*ret = (struct boot_entry){ BOOT_LONG, z.base + ENTRY_64, LAYOUT_ZERO_PAGE };
	return 0;
}

const struct boot_format boot_bzimage = { recognise, load };
