/* SPDX-License-Identifier: MIT */
/*
 * What is the same for each kernel format: recognising it, reading files, the memory map, the command
 * line, the place of the initramfs. The formats themselves are in boot_elf.c and boot_bzimage.c.
 */
#include "boot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot_parts.h"
#include "layout.h"
#include "mem.h"

#define MIB  (1u << 20)
#define PAGE UINT64_C(4096)

static const struct boot_format *const formats[] = { &boot_elf, &boot_bzimage };

/* What people hand over instead of a kernel. */
static const struct {
	unsigned int offset, len;
	const char *bytes, *what;
} strangers[] = {
	{ 0, 2, "\x1f\x8b", "gzip'd data: unpack it first" },
	{ 0, 6,
	  "\xfd"
	  "7zXZ\0",
	  "xz'd data: unpack it first" },
	{ 0, 4, "\x28\xb5\x2f\xfd", "zstd'd data: unpack it first" },
	{ 0, 3, "BZh", "bzip2'd data: unpack it first" },
	{ 0, 2, "#!", "a script" },
	{ 0, 6, "070701", "a cpio archive, as an initramfs is" },
	{ 0, 7, "!<arch>", "an archive, as a package is: unpack it first" },
	{ 0, 4, "QFI\xfb", "a qcow2 disk image" },
	{ 56, 4, "ARMd", "a kernel for arm64" },
	{ 56, 4, "RSC\x05", "a kernel for RISC-V" },
	{ 0, 2, "MZ", "an EFI program without a Linux kernel's header" },
	{ 510, 2, "\x55\xaa", "a disk image or boot sector" },
};

static const char *name_stranger(const uint8_t *head)
{
	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++)
		if (memcmp(head + strangers[i].offset, strangers[i].bytes, strangers[i].len) == 0)
			return strangers[i].what;
	return "something else";
}

static int look_at_file(const char *name, int fd, struct boot_file *ret, struct err **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s: not a regular file", name);
	if (st.st_size == 0)
		return err_set(err, EINVAL, "%s: empty", name);
	*ret = (struct boot_file){ name, fd, (uint64_t)st.st_size };
	return 0;
}

int boot_read(const struct boot_file *f, uint64_t offset, void *dst, uint64_t len, const char *part,
	      struct err **err)
{
	uint8_t *to = dst;

	if (offset > f->size || len > f->size - offset)
		return err_set(
			err, EINVAL,
			"%s: cut short in %s: %llu bytes from byte %llu on, the file has %llu",
			f->name, part, (unsigned long long)len, (unsigned long long)offset,
			(unsigned long long)f->size);
	while (len > 0) {
		const ssize_t n = pread(f->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "%s: %s", f->name, part);
		if (n == 0)
			return err_set(err, EINVAL, "%s: became shorter while %s was read", f->name,
				       part);
		to += n;
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

/* Rounded up, so that the machine that is then asked for is large enough. */
static unsigned long long mebibytes(uint64_t bytes)
{
	return bytes / MIB + (bytes % MIB != 0);
}

static int too_small(const struct boot *b, const char *who, uint64_t need, struct err **err)
{
	if (b->low_end == LAYOUT_HOLE)
		return err_set(err, ENOMEM,
			       "%s: needs %lluM of memory below 4G, a machine has %lluM there", who,
			       mebibytes(need), mebibytes(b->low_end));
	return err_set(err, ENOMEM, "%s: needs %lluM of memory, the machine has %lluM", who,
		       mebibytes(need), mebibytes(b->low_end));
}

int boot_check_fit(const struct boot *b, uint64_t base, uint64_t size, struct err **err)
{
	if (size > UINT64_MAX - base)
		return err_set(err, EINVAL, "%s: broken: its end is beyond all addresses",
			       b->kernel.name);
	if (base < LAYOUT_KERNEL)
		return err_set(err, EINVAL,
			       "%s: wants to be at %#llx, in the first MiB, where only boot "
			       "structures are",
			       b->kernel.name, (unsigned long long)base);
	return base + size > b->low_end ? too_small(b, b->kernel.name, base + size, err) : 0;
}

static uint64_t page_up(uint64_t n)
{
	return (n + PAGE - 1) & ~(PAGE - 1);
}

int boot_place_initrd(struct boot *b, uint64_t kernel_end, uint64_t end, struct err **err)
{
	const uint64_t size = b->initrd.size;

	if (!size)
		return 0;
	if (end > b->low_end)
		end = b->low_end;
	/* Page by page: the kernel frees its pages when it has unpacked it. */
	kernel_end = page_up(kernel_end);
	if (size > end || ((end - size) & ~(PAGE - 1)) < kernel_end) {
		if (end < b->low_end)
			return err_set(
				err, ENOMEM,
				"%s: %lluM do not fit below %lluM, where the kernel wants it",
				b->initrd.name, mebibytes(size), mebibytes(end));
		return too_small(b, b->initrd.name, kernel_end + page_up(size), err);
	}
	b->initrd_base = (end - size) & ~(PAGE - 1);
	return boot_read(&b->initrd, 0, memory_at(b->memory, b->initrd_base, size), size,
			 "the initramfs", err);
}

static int place_cmdline(struct boot *b, const char *cmdline, struct err **err)
{
	b->cmdline_len = strlen(cmdline);
	if (b->cmdline_len >= LAYOUT_CMDLINE_MAX)
		return err_set(err, EINVAL, "command line: has %llu bytes, %d are the most",
			       (unsigned long long)b->cmdline_len, LAYOUT_CMDLINE_MAX - 1);
	if (memory_write(b->memory, LAYOUT_CMDLINE, cmdline, b->cmdline_len + 1) < 0)
		return too_small(b, "boot", LAYOUT_KERNEL, err);
	return 0;
}

/*
 * What a BIOS has at the reset vector. To restart a machine that is hardware-reduced and that no UEFI
 * started, Linux jumps there in real mode, and does not look at ACPI's reset register.
 */
static void place_reset_code(const struct memory *m)
{
	/* mov $6, %al; mov $LAYOUT_RESET_CONTROL, %dx; out %al, (%dx); cli; hlt */
	static const char code[] = "\xb0\x06\xba\xf9\x0c\xee\xfa\xf4";

	_Static_assert(LAYOUT_RESET_CONTROL == 0x0cf9, "the code writes to another port");
	memory_write(m, LAYOUT_RESET, code, sizeof(code) - 1);
}

/* RAM, but for what is at the end of the first MiB: of that only the ACPI tables are told of. */
static void make_map(struct boot *b)
{
	const struct memory *m = b->memory;

	b->map[b->n_map++] = (struct boot_range){ 0, LAYOUT_LOW_END, BOOT_RAM };
	b->map[b->n_map++] =
		(struct boot_range){ LAYOUT_ACPI, LAYOUT_ACPI_END - LAYOUT_ACPI, BOOT_RESERVED };
	if (b->low_end > LAYOUT_KERNEL)
		b->map[b->n_map++] =
			(struct boot_range){ LAYOUT_KERNEL, b->low_end - LAYOUT_KERNEL, BOOT_RAM };
	for (size_t i = 1; i < m->n_regions; i++)
		b->map[b->n_map++] =
			(struct boot_range){ m->regions[i].base, m->regions[i].size, BOOT_RAM };
}

static int load_kernel(struct boot *b, struct boot_entry *ret, struct err **err)
{
	uint8_t head[BOOT_HEAD] = { 0 };
	const uint64_t len = b->kernel.size < BOOT_HEAD ? b->kernel.size : BOOT_HEAD;
	const int r = boot_read(&b->kernel, 0, head, len, "its begin", err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i]->recognise(head))
			return formats[i]->load(b, ret, err);
	return err_set(err, EINVAL, "%s: not a kernel (vmlinux or bzImage), but %s", b->kernel.name,
		       name_stranger(head));
}

int boot_load(const struct memory *m, const struct boot_files *files, struct boot_entry *ret,
	      struct err **err)
{
	struct boot b = { .memory = m, .low_end = m->regions[0].size, .rsdp = files->rsdp };
	struct boot_entry entry;
	int r = look_at_file(files->kernel_name, files->kernel, &b.kernel, err);

	if (r == 0 && files->initrd >= 0)
		r = look_at_file(files->initrd_name, files->initrd, &b.initrd, err);
	if (r == 0)
		r = place_cmdline(&b, files->cmdline, err);
	if (r < 0)
		return r;
	place_reset_code(m);
	make_map(&b);
	r = load_kernel(&b, &entry, err);
	if (r < 0)
		return r;
	memory_settle(m);
	*ret = entry;
	return 0;
}
