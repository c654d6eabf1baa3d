/* SPDX-License-Identifier: MIT */
/*
 * What boot.c and the kernel formats share: files that are read straight into guest memory, the memory
 * map, the initramfs. Nothing of it is for anyone else: see boot.h.
 */
#ifndef VMM_BOOT_PARTS_H
#define VMM_BOOT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "err.h"
#include "memory.h"

/* A regular file, of the size that it had at the start: a file that shrinks meanwhile is an error. */
struct boot_file {
	const char *name;
	int fd;
	uint64_t size;
};

/* Types of memory have the same numbers in e820 and PVH. */
#define BOOT_RAM      1
#define BOOT_RESERVED 2

struct boot_range {
	uint64_t base, size;
	uint32_t type;
};

#define BOOT_RANGES_MAX (MEMORY_REGIONS_MAX + 2)

/* One machine's boot, while it is prepared. */
struct boot {
	const struct memory *memory;
	uint64_t low_end; /* of RAM below the hole: kernel and initramfs lie under it */
	struct boot_file kernel, initrd; /* initrd.size 0: none */
	uint64_t initrd_base;
	uint64_t cmdline_len; /* it lies at LAYOUT_CMDLINE */
	uint64_t rsdp;
	struct boot_range map[BOOT_RANGES_MAX];
	size_t n_map;
};

struct boot_format {
	/* By the first bytes of the file; those that it is too short for are zeroes. */
	bool (*recognise)(const uint8_t *head);
	int (*load)(struct boot *b, struct boot_entry *ret, struct err **err);
};

#define BOOT_HEAD 1024 /* bytes for recognise */

extern const struct boot_format boot_elf, boot_bzimage;

/*
 * len bytes of a file at offset; `part` is what they are, for the message when the file ends before.
 * dst may be guest memory.
 */
int boot_read(const struct boot_file *f, uint64_t offset, void *dst, uint64_t len, const char *part,
	      struct err **err);

/* -ENOMEM when the kernel, from base up to size bytes further, does not fit under low_end. */
int boot_check_fit(const struct boot *b, uint64_t base, uint64_t size, struct err **err);

/*
 * Reads the initramfs, if there is one, to as high as it can be between kernel_end and `end` (first
 * address that it may not have).
 */
int boot_place_initrd(struct boot *b, uint64_t kernel_end, uint64_t end, struct err **err);

/* boot_pvh.c: what a kernel that is entered through PVH is given; entry is its first instruction. */
int boot_pvh_prepare(struct boot *b, uint64_t entry, uint64_t kernel_end, struct boot_entry *ret,
		     struct err **err);

#endif
