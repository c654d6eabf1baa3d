/* SPDX-License-Identifier: MIT */
/*
 * What a kernel finds that is entered through PVH (Xen's x86/HVM direct boot ABI, version 1): struct
 * hvm_start_info with the list of modules, which has the initramfs, and the memory map. The structs are
 * those of Xen's public/arch-x86/hvm/start_info.h.
 */
#include <string.h>

#include "boot_parts.h"
#include "layout.h"

#define START_MAGIC 0x336ec578

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
	uint64_t memmap_paddr;
	uint32_t memmap_entries, reserved;
};

struct module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};

struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* Everything at LAYOUT_START_INFO. */
struct start_page {
	struct start_info info;
	struct module initrd;
	struct memmap_entry map[BOOT_RANGES_MAX];
};

_Static_assert(LAYOUT_START_INFO + sizeof(struct start_page) <= LAYOUT_ZERO_PAGE,
	       "start info overlaps what follows it");

static uint64_t place_of(size_t offset)
{
	return LAYOUT_START_INFO + offset;
}

int boot_pvh_prepare(struct boot *b, uint64_t entry, uint64_t kernel_end, struct boot_entry *ret,
		     struct err **err)
{
	struct start_page page = { .info = {
					   .magic = START_MAGIC,
					   .version = 1,
					   .cmdline_paddr = LAYOUT_CMDLINE,
					   .rsdp_paddr = b->rsdp,
					   .memmap_paddr =
						   place_of(offsetof(struct start_page, map)),
					   .memmap_entries = (uint32_t)b->n_map,
				   } };
	const int r = boot_place_initrd(b, kernel_end, LAYOUT_HOLE, err);

	if (r < 0)
		return r;
	if (b->initrd.size) {
		page.info.nr_modules = 1;
		page.info.modlist_paddr = place_of(offsetof(struct start_page, initrd));
		page.initrd = (struct module){ b->initrd_base, b->initrd.size, 0, 0 };
	}
	for (size_t i = 0; i < b->n_map; i++)
		page.map[i] =
			(struct memmap_entry){ b->map[i].base, b->map[i].size, b->map[i].type, 0 };
	memcpy(memory_at(b->memory, LAYOUT_START_INFO, sizeof(page)), &page, sizeof(page));
	*ret = (struct boot_entry){ BOOT_PVH, entry, LAYOUT_START_INFO };
	return 0;
}
