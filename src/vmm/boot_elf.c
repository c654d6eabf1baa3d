/* SPDX-License-Identifier: MIT */
/*
 * An uncompressed kernel: a 64-bit ELF file for x86, whose segments are loaded at their physical
 * addresses. Its entry point is for whoever has set up paging; we enter it at the other one, which a note
 * tells (XEN_ELFNOTE_PHYS32_ENTRY, of Xen's x86/HVM direct boot ABI).
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "boot_parts.h"
#include "mem.h"

#define PHDRS_MAX 64
#define NOTES_MAX (64u << 10)
#define SPARSE    (128u << 10) /* of 2 MiB: too little for a huge page */

#define XEN_ELFNOTE_PHYS32_ENTRY 18

struct elf {
	Elf64_Ehdr header;
	Elf64_Phdr segments[PHDRS_MAX];
	uint64_t end; /* of what was loaded */
};

static const struct {
	unsigned int machine;
	const char *name;
} machines[] = {
	{ EM_386, "32-bit x86" }, { EM_ARM, "32-bit ARM" }, { EM_AARCH64, "arm64" },
	{ EM_RISCV, "RISC-V" },   { EM_PPC64, "POWER" },    { EM_S390, "s390" },
	{ EM_MIPS, "MIPS" },      { 258, "LoongArch" },
};

static bool recognise(const uint8_t *head)
{
	return memcmp(head, ELFMAG, SELFMAG) == 0;
}

static int check_machine(const struct boot *b, const Elf64_Ehdr *h, struct err **err)
{
	const bool big = h->e_ident[EI_DATA] == ELFDATA2MSB;
	const unsigned int machine = big ? __builtin_bswap16(h->e_machine) : h->e_machine;
	const char *name = "another processor";

	if (machine == EM_X86_64 && h->e_ident[EI_CLASS] == ELFCLASS64 && !big)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine)
			name = machines[i].name;
	if (machine == EM_X86_64)
		name = "another kind of x86";
	return err_set(err, EINVAL, "%s: an ELF file for %s, a kernel for 64-bit x86 is needed",
		       b->kernel.name, name);
}

static int read_headers(const struct boot *b, struct elf *elf, struct err **err)
{
	Elf64_Ehdr *h = &elf->header;
	int r = boot_read(&b->kernel, 0, h, sizeof(*h), "the ELF header", err);

	if (r == 0)
		r = check_machine(b, h, err);
	if (r < 0)
		return r;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return err_set(err, EINVAL, "%s: an ELF file, but not a program: a module?",
			       b->kernel.name);
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum == 0 || h->e_phnum > PHDRS_MAX)
		return err_set(err, EINVAL,
			       "%s: broken: %u program headers of %u bytes, 1 to %d of %zu are "
			       "expected",
			       b->kernel.name, h->e_phnum, h->e_phentsize, PHDRS_MAX,
			       sizeof(Elf64_Phdr));
	return boot_read(&b->kernel, h->e_phoff, elf->segments,
			 h->e_phnum * sizeof(elf->segments[0]), "the program header table", err);
}

/*
 * The entry among a segment of notes; 0 when it is not there. Notes are padded to the segment's
 * alignment, 4 or 8.
 */
static uint64_t find_entry(const uint8_t *notes, size_t len, size_t align)
{
	Elf64_Nhdr n;
	uint64_t entry = 0;

	for (size_t at = 0; len - at >= sizeof(n);) {
		const uint8_t *name = notes + at + sizeof(n);
		size_t desc, next;

		memcpy(&n, notes + at, sizeof(n));
		if (n.n_namesz > len || n.n_descsz > len)
			return 0;
		desc = (at + sizeof(n) + n.n_namesz + align - 1) & ~(align - 1);
		next = (desc + n.n_descsz + align - 1) & ~(align - 1);
		if (desc + n.n_descsz > len)
			return 0;
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == sizeof("Xen") &&
		    memcmp(name, "Xen", sizeof("Xen")) == 0 &&
		    (n.n_descsz == 4 || n.n_descsz == 8)) {
			memcpy(&entry, notes + desc, n.n_descsz);
			return entry;
		}
		if (next > len)
			return 0;
		at = next;
	}
	return 0;
}

static int read_notes(const struct boot *b, const Elf64_Phdr *segment, uint64_t *entry,
		      struct err **err)
{
	cleanup_free uint8_t *notes = NULL;
	int r;

	if (segment->p_filesz > NOTES_MAX)
		return err_set(err, EINVAL, "%s: broken: %llu bytes of ELF notes", b->kernel.name,
			       (unsigned long long)segment->p_filesz);
	notes = xmalloc(segment->p_filesz + 1);
	r = boot_read(&b->kernel, segment->p_offset, notes, segment->p_filesz, "the ELF notes",
		      err);
	if (r == 0 && *entry == 0)
		*entry = find_entry(notes, segment->p_filesz, segment->p_align == 8 ? 8 : 4);
	return r;
}

static bool is_load(const Elf64_Phdr *p)
{
	return p->p_type == PT_LOAD && (p->p_memsz || p->p_filesz);
}

static int check_segment(const struct boot *b, struct elf *elf, const Elf64_Phdr *p,
			 struct err **err)
{
	int r;

	if (p->p_filesz > p->p_memsz)
		return err_set(err, EINVAL,
			       "%s: broken: segment %d has more bytes in the file than in memory",
			       b->kernel.name, (int)(p - elf->segments));
	r = boot_check_fit(b, p->p_paddr, p->p_memsz, err);
	if (r < 0)
		return r;
	if (p->p_paddr + p->p_memsz > elf->end)
		elf->end = p->p_paddr + p->p_memsz;
	return 0;
}

/* What is not in the file is zero, and so is fresh memory. */
static int load_segment(const struct boot *b, const struct elf *elf, const Elf64_Phdr *p,
			struct err **err)
{
	char part[32];

	snprintf(part, sizeof(part), "segment %d", (int)(p - elf->segments));
	return boot_read(&b->kernel, p->p_offset, memory_at(b->memory, p->p_paddr, p->p_filesz),
			 p->p_filesz, part, err);
}

/* How many bytes of the 2 MiB from base on are the segments'. */
static uint64_t count_used(const struct elf *elf, uint64_t base)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->segments[i];
		const uint64_t from = p->p_paddr > base ? p->p_paddr : base;
		const uint64_t end = p->p_paddr + p->p_memsz;
		const uint64_t to = end < base + MEMORY_HUGE ? end : base + MEMORY_HUGE;

		if (p->p_type == PT_LOAD && from < to)
			sum += to - from;
	}
	return sum;
}

/*
 * Linux has its entry code alone in 2 MiB, which are nobody's but for that (vmlinux_trim): no huge page is
 * for so little. What is behind the kernel's end is memory that it uses.
 */
static void spare_huge_pages(const struct boot *b, const struct elf *elf)
{
	for (uint64_t base = 0; base + MEMORY_HUGE <= elf->end; base += MEMORY_HUGE) {
		const uint64_t n = count_used(elf, base);

		if (n && n < SPARSE)
			memory_use_small_pages(b->memory, base);
	}
}

/* Whether an address lies in a loaded segment. */
static bool is_loaded(const struct elf *elf, uint64_t address)
{
	for (size_t i = 0; i < elf->header.e_phnum; i++) {
		const Elf64_Phdr *p = &elf->segments[i];

		if (p->p_type == PT_LOAD && address >= p->p_paddr &&
		    address - p->p_paddr < p->p_filesz)
			return true;
	}
	return false;
}

static int load(struct boot *b, struct boot_entry *ret, struct err **err)
{
	struct elf elf = { 0 };
	uint64_t entry = 0;
	int r = read_headers(b, &elf, err);

	/* Notes first: a program that is none of a kernel is then said to be so, before its size. */
	for (size_t i = 0; r == 0 && i < elf.header.e_phnum; i++)
		if (elf.segments[i].p_type == PT_NOTE)
			r = read_notes(b, &elf.segments[i], &entry, err);
	if (r < 0)
		return r;
	if (!entry)
		return err_set(err, EINVAL,
			       "%s: an ELF file without a PVH entry note: not a kernel, or one "
			       "without CONFIG_PVH (its bzImage boots too)",
			       b->kernel.name);
	for (size_t i = 0; r == 0 && i < elf.header.e_phnum; i++)
		if (is_load(&elf.segments[i]))
			r = check_segment(b, &elf, &elf.segments[i], err);
	if (r == 0)
		spare_huge_pages(b, &elf);
	for (size_t i = 0; r == 0 && i < elf.header.e_phnum; i++)
		if (is_load(&elf.segments[i]))
			r = load_segment(b, &elf, &elf.segments[i], err);
	if (r < 0)
		return r;
	if (!is_loaded(&elf, entry))
		return err_set(err, EINVAL, "%s: broken: its PVH entry %#llx is in no segment",
			       b->kernel.name, (unsigned long long)entry);
	return boot_pvh_prepare(b, entry, elf.end, ret, err);
}

const struct boot_format boot_elf = { recognise, load };
