/* SPDX-License-Identifier: MIT */
/*
 * Kernel files: an input is one, and its initramfs too. What is loaded must lie in memory and begin where
 * something was loaded, whatever the file says; what is not must be said in one line.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot.h"
#include "fd.h"
#include "layout.h"

#define MEMORY (UINT64_C(24) << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct memory *m, const struct boot_entry *entry)
{
	const uint64_t argument = entry->mode == BOOT_PVH ? LAYOUT_START_INFO : LAYOUT_ZERO_PAGE;

	if (entry->address < LAYOUT_KERNEL || !memory_at(m, entry->address, 1) ||
	    entry->argument != argument)
		__builtin_trap();
}

static void check_message(const struct err *err)
{
	if (!err || strchr(err->msg, '\n'))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct memory m;
	cleanup_fd int file = memfd_create("kernel", MFD_CLOEXEC);
	const struct boot_files files = { "kernel", "initrd", file, file, "quiet", LAYOUT_ACPI };
	struct boot_entry entry;
	struct err *err = NULL;

	if (!m.n_regions && memory_create(MEMORY, false, &m, NULL) < 0)
		abort();
	if (file < 0 || fd_write_all(file, data, size) < 0)
		return 0;
	if (boot_load(&m, &files, &entry, &err) == 0)
		check_entry(&m, &entry);
	else
		check_message(err);
	err_free(err);
	return 0;
}
