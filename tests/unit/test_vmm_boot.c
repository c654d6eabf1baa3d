/* SPDX-License-Identifier: MIT */
/*
 * Loading kernels: what is then in guest memory, byte by byte, and what is said of each file that is
 * not a kernel. The kernels are made here; with ATOLL_SEEDS=FOLDER they are written there, as the seeds
 * in fuzz/corpus/boot were.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot.h"
#include "fd.h"
#include "layout.h"
#include "mem.h"

#define MIB      (UINT64_C(1) << 20)
#define RSDP     UINT64_C(0xe0000)
#define CMDLINE  "console=ttyS0 root=/dev/vda"
#define FILE_MAX 8192

/* A small ELF kernel: headers, notes, a segment of code and one of data with zeroes behind it. */
#define ELF_NOTES 0x100
#define ELF_CODE  0x200
#define ELF_DATA  0x300
#define ELF_END   0x380
#define ELF_ENTRY 0x200040

/* A small bzImage: one setup sector and a kernel proper. */
#define BZ_KERNEL 1024
#define BZ_END    2048
#define BZ_BASE   0x1000000
#define BZ_ROOM   0x200000

struct file {
	uint8_t bytes[FILE_MAX];
	size_t len;
};

struct patch {
	size_t offset, size;
	uint64_t value;
};

/* A file with some bytes otherwise, or shorter, and what must be said of it. */
struct broken {
	const char *expected;
	struct patch patches[4];
	size_t len;      /* 0: all */
	uint64_t memory; /* MiB; 0: 64 */
};

static void make_elf(struct file *f)
{
	const Elf64_Ehdr header = {
		.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = 0xffffffff81000000,
		.e_phoff = sizeof(Elf64_Ehdr),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 3,
	};
	const Elf64_Phdr segments[] = {
		{ PT_LOAD, PF_R | PF_X, ELF_CODE, 0xffffffff80200000, 0x200000, 0x100, 0x100,
		  4096 },
		{ PT_LOAD, PF_R | PF_W, ELF_DATA, 0xffffffff80400000, 0x400000, 0x80, 0x2000,
		  4096 },
		{ PT_NOTE, PF_R, ELF_NOTES, 0, 0, 0x28, 0x28, 4 },
	};
	const struct {
		Elf64_Nhdr head;
		char name[4];
		uint32_t desc;
	} notes[] = {
		{ { 4, 4, 18 }, "GNU", 7 }, /* the number alone does not do */
		{ { 4, 4, 18 }, "Xen", ELF_ENTRY },
	};

	memset(f, 0, sizeof(*f));
	memcpy(f->bytes, &header, sizeof(header));
	memcpy(f->bytes + header.e_phoff, segments, sizeof(segments));
	memcpy(f->bytes + ELF_NOTES, notes, sizeof(notes));
	memset(f->bytes + ELF_CODE, 0xc0, 0x100);
	memset(f->bytes + ELF_DATA, 0xda, 0x80);
	f->len = ELF_END;
}

static void make_bzimage(struct file *f)
{
	const struct setup_header header = {
		.setup_sects = 1,
		.syssize = (BZ_END - BZ_KERNEL) / 16,
		.boot_flag = 0xaa55,
		.jump = 0x6aeb, /* to behind the header's end */
		.header = 0x53726448,
		.version = 0x020f,
		.loadflags = LOADED_HIGH | CAN_USE_HEAP,
		.initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000,
		.relocatable_kernel = 1,
		.xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		.cmdline_size = 2047,
		.setup_data = 0x123456,
		.pref_address = BZ_BASE,
		.init_size = BZ_ROOM,
	};

	memset(f, 0, sizeof(*f));
	memset(f->bytes, 0xff, 0x1f1); /* what must not reach the zero page */
	memcpy(f->bytes + 0x1f1, &header, sizeof(header));
	memset(f->bytes + BZ_KERNEL, 0xbb, BZ_END - BZ_KERNEL);
	f->len = BZ_END;
}

static int make_fd(const void *bytes, size_t len)
{
	const int fd = memfd_create("kernel", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, len), 0);
	return fd;
}

static void make_memory(uint64_t size, struct memory *m)
{
	struct err *err = NULL;

	if (memory_create(size, false, m, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static int load(const struct memory *m, const struct file *kernel, int initrd, const char *cmdline,
		struct boot_entry *ret, struct err **err)
{
	cleanup_fd int fd = make_fd(kernel->bytes, kernel->len);
	const struct boot_files files = { "vmlinux", "initrd", fd, initrd, cmdline, RSDP };

	return boot_load(m, &files, ret, err);
}

static void must_load(const struct memory *m, const struct file *kernel, int initrd,
		      struct boot_entry *ret)
{
	struct err *err = NULL;

	if (load(m, kernel, initrd, CMDLINE, ret, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static uint64_t number(const struct memory *m, uint64_t gpa, size_t size)
{
	uint64_t n = 0;

	assert_int_equal(memory_read(m, gpa, &n, size), 0);
	return n;
}

static void check_filled(const struct memory *m, uint64_t gpa, size_t len, uint8_t with)
{
	const uint8_t *at = memory_at(m, gpa, len);

	assert_non_null(at);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(at[i], with);
}

/* The memory map, with entries so far apart, of a machine of 64M. */
static void check_map(const struct memory *m, uint64_t at, size_t step)
{
	static const struct {
		uint64_t base, size, type;
	} map[] = { { 0, 0x9fc00, 1 }, { 0xe0000, 0x20000, 2 }, { MIB, 63 * MIB, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
		assert_int_equal(number(m, at + i * step, 8), map[i].base);
		assert_int_equal(number(m, at + i * step + 8, 8), map[i].size);
		assert_int_equal(number(m, at + i * step + 16, 4), map[i].type);
	}
}

static void test_elf(void **state)
{
	const uint64_t info = LAYOUT_START_INFO, page = 4096;
	cleanup_fd int initrd = make_fd("initramfs", 9);
	struct boot_entry entry;
	struct memory m;
	struct file f;

	(void)state;
	make_memory(64 * MIB, &m);
	make_elf(&f);
	must_load(&m, &f, initrd, &entry);
	assert_int_equal(entry.mode, BOOT_PVH);
	assert_int_equal(entry.address, ELF_ENTRY);
	assert_int_equal(entry.argument, info);
	check_filled(&m, 0x200000, 0x100, 0xc0);
	assert_int_equal(number(&m, LAYOUT_RESET, 8), 0xf4faee0cf9ba06b0);
	check_filled(&m, 0x400000, 0x80, 0xda);
	check_filled(&m, 0x400080, 0x2000, 0);

	assert_int_equal(number(&m, info, 4), 0x336ec578);
	assert_int_equal(number(&m, info + 4, 4), 1);
	assert_int_equal(number(&m, info + 8, 4), 0);
	assert_int_equal(number(&m, info + 12, 4), 1);
	assert_string_equal((char *)memory_at(&m, number(&m, info + 24, 8), 1), CMDLINE);
	assert_int_equal(number(&m, info + 32, 8), RSDP);
	assert_int_equal(number(&m, info + 48, 4), 3);
	check_map(&m, number(&m, info + 40, 8), 24);
	assert_int_equal(number(&m, number(&m, info + 16, 8), 8), 64 * MIB - page);
	assert_int_equal(number(&m, number(&m, info + 16, 8) + 8, 8), 9);
	assert_memory_equal(memory_at(&m, 64 * MIB - page, 9), "initramfs", 9);
	memory_destroy(&m);
}

/* How many pages of the 2 MiB from gpa on the host has given. */
static unsigned int count_pages(const struct memory *m, uint64_t gpa)
{
	unsigned char present[MEMORY_HUGE / 4096];
	unsigned int n = 0;

	assert_int_equal(mincore(memory_at(m, gpa, MEMORY_HUGE), MEMORY_HUGE, present), 0);
	for (size_t i = 0; i < ARRAY_SIZE(present); i++)
		n += present[i] & 1;
	return n;
}

/* A kernel that needs one page of 2 MiB costs one, also where there are huge pages. */
static void test_elf_sparse(void **state)
{
	struct boot_entry entry;
	struct memory m;
	struct file f;

	(void)state;
	make_memory(64 * MIB, &m);
	make_elf(&f);
	must_load(&m, &f, -1, &entry);
	assert_int_equal(count_pages(&m, 0x200000), 1);
	memory_destroy(&m);
}

/* The long form of the entry note, and notes that are padded to 8 bytes. */
static void test_elf_wide_note(void **state)
{
	const struct {
		Elf64_Nhdr head;
		char name[4];
		uint64_t desc;
	} notes[] = { { { 4, 8, 5 }, "Xen", 1 }, { { 4, 8, 18 }, "Xen", ELF_ENTRY } };
	struct boot_entry entry;
	struct memory m;
	struct file f;

	(void)state;
	make_memory(64 * MIB, &m);
	make_elf(&f);
	memcpy(f.bytes + ELF_NOTES, notes, sizeof(notes));
	((Elf64_Phdr *)(void *)(f.bytes + sizeof(Elf64_Ehdr)))[2].p_filesz = sizeof(notes);
	((Elf64_Phdr *)(void *)(f.bytes + sizeof(Elf64_Ehdr)))[2].p_align = 8;
	must_load(&m, &f, -1, &entry);
	assert_int_equal(entry.address, ELF_ENTRY);
	assert_int_equal(number(&m, LAYOUT_START_INFO + 12, 4), 0);
	memory_destroy(&m);
}

static void check_page_tables(const struct memory *m)
{
	const uint64_t last = 0xffe00000;
	uint64_t table = LAYOUT_PAGE_TABLES;

	for (uint64_t address = 0; address <= last; address += last) {
		uint64_t t = number(m, table, 8);

		assert_int_equal(t & 0xfff, 3);
		t = number(m, (t & ~UINT64_C(0xfff)) + (address >> 30) * 8, 8);
		assert_int_equal(t & 0xfff, 3);
		t = number(m, (t & ~UINT64_C(0xfff)) + (address >> 21) % 512 * 8, 8);
		assert_int_equal(t, address | 0x83);
	}
}

static void test_bzimage(void **state)
{
	const uint64_t zero = LAYOUT_ZERO_PAGE;
	cleanup_fd int initrd = make_fd("initramfs", 9);
	struct boot_params *p;
	struct boot_entry entry;
	struct memory m;
	struct file f;

	(void)state;
	make_memory(64 * MIB, &m);
	make_bzimage(&f);
	must_load(&m, &f, initrd, &entry);
	assert_int_equal(entry.mode, BOOT_LONG);
	assert_int_equal(entry.address, BZ_BASE + 0x200);
	assert_int_equal(entry.argument, zero);
	check_filled(&m, BZ_BASE, BZ_END - BZ_KERNEL, 0xbb);

	p = memory_at(&m, zero, sizeof(*p));
	check_filled(&m, zero, 0x70, 0);
	assert_int_equal(p->acpi_rsdp_addr, RSDP);
	assert_int_equal(p->sentinel, 0);
	assert_int_equal(p->hdr.header, 0x53726448);
	assert_int_equal(p->hdr.setup_sects, 1);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_int_equal(p->hdr.loadflags, LOADED_HIGH);
	assert_int_equal(p->hdr.setup_data, 0);
	assert_int_equal(p->hdr.ramdisk_image, 64 * MIB - 4096);
	assert_int_equal(p->hdr.ramdisk_size, 9);
	assert_memory_equal(memory_at(&m, 64 * MIB - 4096, 9), "initramfs", 9);
	assert_string_equal((char *)memory_at(&m, p->hdr.cmd_line_ptr, 1), CMDLINE);
	assert_int_equal(p->e820_entries, 3);
	check_map(&m, zero + offsetof(struct boot_params, e820_table), 20);
	check_page_tables(&m);
	assert_int_equal(number(&m, LAYOUT_GDT + 0x10, 8), 0x00af9b000000ffff);
	assert_int_equal(number(&m, LAYOUT_GDT + 0x18, 8), 0x00cf93000000ffff);
	memory_destroy(&m);
}

/* A machine with memory on both sides of the hole: nothing touches most of it, so any host can. */
static void test_much_memory(void **state)
{
	cleanup_fd int initrd = make_fd("initramfs", 9);
	struct boot_entry entry;
	struct boot_params *p;
	struct memory m;
	struct file f;

	(void)state;
	if ((uint64_t)sysconf(_SC_PHYS_PAGES) * 4096 < 4096 * MIB) {
		print_message("skipped: the host has less than 4G\n");
		skip();
	}
	make_memory(4096 * MIB, &m);
	make_bzimage(&f);
	must_load(&m, &f, initrd, &entry);
	p = memory_at(&m, LAYOUT_ZERO_PAGE, sizeof(*p));
	assert_int_equal(p->e820_entries, 4);
	assert_int_equal(p->e820_table[2].size, LAYOUT_HOLE - MIB);
	assert_int_equal(p->e820_table[3].addr, LAYOUT_HOLE_END);
	assert_int_equal(p->e820_table[3].size, 1024 * MIB);
	assert_int_equal(p->hdr.ramdisk_image, 0x80000000 - 4096); /* what initrd_addr_max allows */
	make_elf(&f);
	must_load(&m, &f, initrd, &entry);
	assert_int_equal(number(&m, number(&m, LAYOUT_START_INFO + 16, 8), 8), LAYOUT_HOLE - 4096);
	memory_destroy(&m);
}

#define EHDR(field) offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field)
#define PHDR(n, field)                                                                             \
	sizeof(Elf64_Ehdr) + (n) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field),               \
		sizeof(((Elf64_Phdr *)0)->field)
#define HDR(field)                                                                                 \
	0x1f1 + offsetof(struct setup_header, field), sizeof(((struct setup_header *)0)->field)

static const struct broken broken_elf[] = {
	{ "vmlinux: cut short in the ELF header: 64 bytes from byte 0 on, the file has 40",
	  .len = 40 },
	{ "vmlinux: an ELF file for arm64, a kernel for 64-bit x86 is needed",
	  { { EHDR(e_machine), EM_AARCH64 } } },
	{ "vmlinux: an ELF file for 32-bit x86, a kernel for 64-bit x86 is needed",
	  { { EHDR(e_machine), EM_386 }, { EI_CLASS, 1, ELFCLASS32 } } },
	{ "vmlinux: an ELF file for s390, a kernel for 64-bit x86 is needed",
	  { { EHDR(e_machine), EM_S390 << 8 }, { EI_DATA, 1, ELFDATA2MSB } } },
	{ "vmlinux: an ELF file for another kind of x86, a kernel for 64-bit x86 is needed",
	  { { EI_CLASS, 1, ELFCLASS32 } } },
	{ "vmlinux: an ELF file for another processor, a kernel for 64-bit x86 is needed",
	  { { EHDR(e_machine), EM_68K } } },
	{ "vmlinux: an ELF file, but not a program: a module?", { { EHDR(e_type), ET_REL } } },
	{ "vmlinux: broken: 0 program headers of 56 bytes, 1 to 64 of 56 are expected",
	  { { EHDR(e_phnum), 0 } } },
	{ "vmlinux: broken: 65535 program headers of 56 bytes, 1 to 64 of 56 are expected",
	  { { EHDR(e_phnum), 65535 } } },
	{ "vmlinux: broken: 3 program headers of 32 bytes, 1 to 64 of 56 are expected",
	  { { EHDR(e_phentsize), 32 } } },
	{ "vmlinux: cut short in the program header table: 168 bytes from byte "
	  "18446744073709551615 "
	  "on, the file has 896",
	  { { EHDR(e_phoff), UINT64_MAX } } },
	{ "vmlinux: cut short in the program header table: 168 bytes from byte 64 on, the file has "
	  "100",
	  .len = 100 },
	{ "vmlinux: cut short in the ELF notes: 40 bytes from byte 256 on, the file has 260",
	  .len = 260 },
	{ "vmlinux: broken: 70000 bytes of ELF notes", { { PHDR(2, p_filesz), 70000 } } },
	{ "vmlinux: an ELF file without a PVH entry note: not a kernel, or one without CONFIG_PVH "
	  "(its bzImage boots too)",
	  { { ELF_NOTES + 20 + 8, 4, 17 } } },
	{ "vmlinux: an ELF file without a PVH entry note: not a kernel, or one without CONFIG_PVH "
	  "(its bzImage boots too)",
	  { { PHDR(2, p_type), PT_NULL } } },
	{ "vmlinux: an ELF file without a PVH entry note: not a kernel, or one without CONFIG_PVH "
	  "(its bzImage boots too)",
	  { { ELF_NOTES, 4, UINT32_MAX } } }, /* a name without an end */
	{ "vmlinux: an ELF file without a PVH entry note: not a kernel, or one without CONFIG_PVH "
	  "(its bzImage boots too)",
	  { { ELF_NOTES + 20 + 4, 4, 0x1000 } } },
	{ "vmlinux: cut short in segment 1: 128 bytes from byte 768 on, the file has 895",
	  .len = 895 },
	{ "vmlinux: broken: segment 0 has more bytes in the file than in memory",
	  { { PHDR(0, p_memsz), 0x80 } } },
	{ "vmlinux: broken: segment 0 has more bytes in the file than in memory",
	  { { PHDR(0, p_memsz), 0 } } },
	{ "vmlinux: wants to be at 0x6000, in the first MiB, where only boot structures are",
	  { { PHDR(0, p_paddr), 0x6000 } } },
	{ "vmlinux: broken: its end is beyond all addresses",
	  { { PHDR(1, p_paddr), UINT64_MAX - 0x1000 } } },
	{ "vmlinux: needs 65M of memory, the machine has 64M",
	  { { PHDR(1, p_memsz), 60 * MIB + 1 } } },
	{ "vmlinux: needs 5M of memory, the machine has 4M", .memory = 4 },
	{ "vmlinux: broken: its PVH entry 0x400080 is in no segment",
	  { { ELF_NOTES + 20 + 16, 4, 0x400080 } } },
};

static const struct broken broken_bzimage[] = {
	{ "vmlinux: Linux boot protocol 2.11, at least 2.12 (Linux 3.8) is needed",
	  { { HDR(version), 0x020b } } },
	{ "vmlinux: a 32-bit kernel, one for 64-bit x86 is needed", { { HDR(xloadflags), 0 } } },
	{ "vmlinux: a zImage, a bzImage is needed", { { HDR(loadflags), 0 } } },
	{ "vmlinux: its setup header has 113 bytes, at least 115 are needed",
	  { { 0x201, 1, 0x60 } } },
	{ "vmlinux: broken: kernel_alignment 0x30 is no power of 2",
	  { { HDR(kernel_alignment), 0x30 } } },
	{ "vmlinux: broken: kernel_alignment 0 is no power of 2",
	  { { HDR(kernel_alignment), 0 } } },
	{ "vmlinux: broken: pref_address 0x1000001 is not aligned to 0x200000",
	  { { HDR(pref_address), BZ_BASE + 1 } } },
	{ "vmlinux: wants to be at 0, in the first MiB, where only boot structures are",
	  { { HDR(pref_address), 0 } } },
	{ "vmlinux: broken: its end is beyond all addresses",
	  { { HDR(pref_address), UINT64_MAX - 0xfffff }, { HDR(kernel_alignment), 1 } } },
	{ "command line: has 27 bytes, vmlinux takes 26 at most", { { HDR(cmdline_size), 26 } } },
	{ "vmlinux: broken: a kernel of 512 bytes", { { HDR(syssize), 32 } } },
	{ "vmlinux: needs 18M of memory, the machine has 17M", .memory = 17 },
	{ "vmlinux: needs 4112M of memory, the machine has 64M",
	  { { HDR(init_size), UINT32_MAX } } },
	{ "vmlinux: needs 80M of memory, the machine has 64M", /* init_size is not believed alone */
	  { { HDR(syssize), 4 * MIB } } },
	{ "vmlinux: cut short in the setup header: 123 bytes from byte 497 on, the file has 600",
	  .len = 600 },
	{ "vmlinux: cut short in the kernel behind its setup sectors: 1024 bytes from byte 1024 "
	  "on, "
	  "the file has 2047",
	  .len = 2047 },
	{ "vmlinux: cut short in the kernel behind its setup sectors: 1024 bytes from byte 2560 "
	  "on, "
	  "the file has 2048",
	  { { HDR(setup_sects), 0 } } },
};

static void check_broken(const struct broken *cases, size_t n, void (*make)(struct file *f))
{
	for (size_t i = 0; i < n; i++) {
		struct boot_entry entry = { .address = 1 };
		struct err *err = NULL;
		struct memory m;
		struct file f;

		make(&f);
		for (size_t j = 0; cases[i].patches[j].size; j++)
			memcpy(f.bytes + cases[i].patches[j].offset, &cases[i].patches[j].value,
			       cases[i].patches[j].size);
		if (cases[i].len)
			f.len = cases[i].len;
		make_memory((cases[i].memory ? cases[i].memory : 64) * MIB, &m);
		assert_true(load(&m, &f, -1, CMDLINE, &entry, &err) < 0);
		assert_string_equal(err_msg(err), cases[i].expected);
		assert_int_equal(entry.address, 1);
		err_free(err);
		memory_destroy(&m);
	}
}

static void test_broken_elf(void **state)
{
	(void)state;
	check_broken(broken_elf, ARRAY_SIZE(broken_elf), make_elf);
}

static void test_broken_bzimage(void **state)
{
	(void)state;
	check_broken(broken_bzimage, ARRAY_SIZE(broken_bzimage), make_bzimage);
}

#define NO_KERNEL "vmlinux: not a kernel (vmlinux or bzImage), but "

static void test_strangers(void **state)
{
	static const struct {
		size_t offset, len;
		const char *bytes, *expected;
	} cases[] = {
		{ 0, 3, "\x1f\x8b\x08", NO_KERNEL "gzip'd data: unpack it first" },
		{ 0, 6,
		  "\xfd"
		  "7zXZ",
		  NO_KERNEL "xz'd data: unpack it first" },
		{ 0, 4, "\x28\xb5\x2f\xfd", NO_KERNEL "zstd'd data: unpack it first" },
		{ 0, 10, "#!/bin/sh\n", NO_KERNEL "a script" },
		{ 0, 6, "070701", NO_KERNEL "a cpio archive, as an initramfs is" },
		{ 0, 8, "!<arch>\n", NO_KERNEL "an archive, as a package is: unpack it first" },
		{ 0, 4, "QFI\xfb", NO_KERNEL "a qcow2 disk image" },
		{ 56, 4, "ARMd", NO_KERNEL "a kernel for arm64" },
		{ 0, 2, "MZ", NO_KERNEL "an EFI program without a Linux kernel's header" },
		{ 510, 2, "\x55\xaa", NO_KERNEL "a disk image or boot sector" },
		{ 0, 5, "hello", NO_KERNEL "something else" },
		{ 0, 0, "", "vmlinux: empty" },
	};
	struct boot_entry entry;
	struct memory m;

	(void)state;
	make_memory(16 * MIB, &m);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct file f = { .len = cases[i].offset + cases[i].len };
		struct err *err = NULL;

		memcpy(f.bytes + cases[i].offset, cases[i].bytes, cases[i].len);
		assert_int_equal(load(&m, &f, -1, CMDLINE, &entry, &err), -EINVAL);
		assert_string_equal(err_msg(err), cases[i].expected);
		err_free(err);
	}
	memory_destroy(&m);
}

static void must_fail(const struct memory *m, const struct file *f, int initrd, const char *cmdline,
		      int code, const char *expected)
{
	struct boot_entry entry;
	struct err *err = NULL;

	assert_int_equal(load(m, f, initrd, cmdline, &entry, &err), -code);
	assert_string_equal(err_msg(err), expected);
	err_free(err);
}

static void test_initrd_and_cmdline(void **state)
{
	cleanup_fd int initrd = make_fd("", 0), folder = open("/tmp", O_RDONLY | O_CLOEXEC);
	cleanup_free char *line = xcalloc(LAYOUT_CMDLINE_MAX + 1, 1);
	struct boot_entry entry;
	struct memory m;
	struct file f;

	(void)state;
	make_memory(32 * MIB, &m);
	make_bzimage(&f);
	must_fail(&m, &f, initrd, "", EINVAL, "initrd: empty");
	must_fail(&m, &f, folder, "", EINVAL, "initrd: not a regular file");
	assert_int_equal(ftruncate(initrd, 14 * MIB), 0); /* exactly what is left */
	must_load(&m, &f, initrd, &entry);
	assert_int_equal(ftruncate(initrd, 14 * MIB + 1), 0);
	must_fail(&m, &f, initrd, "", ENOMEM, "initrd: needs 33M of memory, the machine has 32M");
	((struct setup_header *)(void *)(f.bytes + 0x1f1))->initrd_addr_max = 30 * MIB - 1;
	must_fail(&m, &f, initrd, "", ENOMEM,
		  "initrd: 15M do not fit below 30M, where the kernel wants it");
	make_elf(&f);
	memset(line, 'x', LAYOUT_CMDLINE_MAX);
	must_fail(&m, &f, -1, line, EINVAL, "command line: has 4096 bytes, 4095 are the most");
	memory_destroy(&m);
}

static void write_seed(const char *folder, const char *name, void (*make)(struct file *f))
{
	cleanup_free char *path = xasprintf("%s/%s", folder, name);
	struct file f;

	make(&f);
	assert_int_equal(file_write_atomic(path, f.bytes, f.len, 0644, NULL), 0);
}

static void test_seeds(void **state)
{
	const char *folder = getenv("ATOLL_SEEDS");

	(void)state;
	if (!folder)
		return;
	write_seed(folder, "elf", make_elf);
	write_seed(folder, "bzimage", make_bzimage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_elf_sparse),
		cmocka_unit_test(test_elf_wide_note),
		cmocka_unit_test(test_bzimage),
		cmocka_unit_test(test_much_memory),
		cmocka_unit_test(test_broken_elf),
		cmocka_unit_test(test_broken_bzimage),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_initrd_and_cmdline),
		cmocka_unit_test(test_seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
