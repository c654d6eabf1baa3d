/* SPDX-License-Identifier: MIT */
/*
 * A kernel into guest memory, and how its first processor begins. The format is recognised by its
 * first bytes: an uncompressed ELF is entered through PVH (Xen's x86/HVM direct boot ABI), a bzImage by
 * Linux's 64-bit boot protocol. Kernel files are foreign bytes.
 */
#ifndef VMM_BOOT_H
#define VMM_BOOT_H

#include <stdint.h>

#include "err.h"
#include "memory.h"

enum boot_mode {
	BOOT_PVH, /* 32-bit protected mode without paging; ebx = argument */
	BOOT_LONG, /* 64-bit mode, identity-mapped by the tables at LAYOUT_PAGE_TABLES; rsi = argument */
};

struct boot_entry {
	enum boot_mode mode;
	uint64_t address;  /* of the first instruction */
	uint64_t argument; /* guest address of hvm_start_info or boot_params */
};

struct boot_files {
	const char *kernel_name, *initrd_name; /* for messages */
	int kernel, initrd;                    /* descriptors; initrd -1: none */
	const char *cmdline;                   /* never NULL */
	uint64_t rsdp;                         /* guest address of the ACPI tables */
};

/*
 * Loads kernel, initramfs, command line, memory map and (for BOOT_LONG) page tables and GDT. -EINVAL
 * for a kernel that is not one or is cut short, -ENOMEM for memory that is too small: nothing of the
 * guest ran then.
 */
int boot_load(const struct memory *m, const struct boot_files *files, struct boot_entry *ret,
	      struct err **err);

#endif
