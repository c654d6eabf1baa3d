/* SPDX-License-Identifier: MIT */
/* Kernels that are made here: an ELF file with a PVH note, and a bzImage around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "vmlinux.h"

#define CODE     "code of the kernel"
#define CODE_AT  0x200
#define ZEROS    1000
#define NOTE_AT  (sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr))
#define TAIL     "symbols and relocations"
#define SETUP    (2 * 512) /* one sector of setup code, and the first */
#define FILE_LEN (CODE_AT + sizeof(CODE) + ZEROS + sizeof(TAIL))

struct note {
	Elf64_Nhdr header;
	char name[4];
	uint32_t entry;
};

struct kernel_file {
	Elf64_Ehdr header;
	Elf64_Phdr load, note, stack;
	struct note pvh;
	char fill[CODE_AT - NOTE_AT - sizeof(struct note)];
	char code[sizeof(CODE) + ZEROS];
	char tail[sizeof(TAIL)];
};

static struct kernel_file make_kernel(void)
{
	struct kernel_file k = {
		.header = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
					 ELFDATA2LSB },
			    .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_phoff = sizeof(Elf64_Ehdr),
			    .e_phentsize = sizeof(Elf64_Phdr),
			    .e_phnum = 3,
			    .e_shoff = offsetof(struct kernel_file, tail),
			    .e_shnum = 1 },
		.load = { .p_type = PT_LOAD,
			  .p_offset = CODE_AT,
			  .p_filesz = sizeof(k.code),
			  .p_memsz = sizeof(k.code) },
		.note = { .p_type = PT_NOTE,
			  .p_offset = NOTE_AT,
			  .p_filesz = sizeof(struct note),
			  .p_memsz = sizeof(struct note) },
		.stack = { .p_type = PT_GNU_STACK, .p_offset = UINT64_MAX, .p_filesz = 1 },
		.pvh = { .header = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
			 .name = "Xen",
			 .entry = 0x1000000 },
		.code = CODE,
		.tail = TAIL,
	};

	return k;
}

static int trim(const struct kernel_file *k, size_t len, struct buf *out)
{
	cleanup_err struct err *err = NULL;
	int r;

	buf_clear(out);
	buf_append(out, k, len);
	r = vmlinux_trim(out, &err);
	assert_true(r == 0 || err);
	return r;
}

static void test_trim(void **state)
{
	struct kernel_file k = make_kernel(), got = { 0 };
	cleanup_buf struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(offsetof(struct kernel_file, pvh), NOTE_AT);
	assert_int_equal(trim(&k, sizeof(k), &out), 0);
	assert_int_equal(out.len, CODE_AT + strlen(CODE));
	memcpy(&got, buf_bytes(&out), out.len);
	assert_int_equal(got.header.e_shoff, 0);
	assert_int_equal(got.header.e_shnum, 0);
	assert_int_equal(got.load.p_filesz, strlen(CODE));
	assert_int_equal(got.load.p_memsz, sizeof(k.code));
	assert_memory_equal(&got.note, &k.note, sizeof(k.note));
	assert_memory_equal(&got.pvh, &k.pvh, sizeof(k.pvh));
	assert_memory_equal(got.code, CODE, sizeof(CODE));
}

#define BLOCK (32 << 10)

/*
 * A kernel whose only segment begins at `at`; it has code and the note, so many blocks of filler, and one
 * last byte.
 */
static void make_sparse(struct buf *out, size_t at, size_t blocks, uint8_t filler)
{
	struct kernel_file k = make_kernel();
	const size_t len = (1 + blocks) * BLOCK + 1;
	uint8_t *bytes;

	k.load.p_offset = at;
	k.load.p_filesz = len;
	k.load.p_memsz = len + 7;
	k.load.p_paddr = 0x1000000;
	k.load.p_vaddr = 0x2000000;
	k.load.p_flags = PF_R | PF_X;
	k.note.p_offset = at + sizeof(CODE);
	buf_clear(out);
	bytes = memset(buf_reserve(out, at + len), 0, at + len);
	memcpy(bytes, &k, NOTE_AT);
	memcpy(bytes + at, CODE, sizeof(CODE));
	memcpy(bytes + at + sizeof(CODE), &k.pvh, sizeof(k.pvh));
	memset(bytes + at + BLOCK, filler, blocks * BLOCK);
	bytes[at + len - 1] = 'x';
	buf_commit(out, at + len);
}

static unsigned int count_headers(const struct buf *elf)
{
	Elf64_Ehdr header;

	memcpy(&header, buf_bytes(elf), sizeof(header));
	return header.e_phnum;
}

/* Filler in the midst of a segment is in no part of it, and its parts cover it whole. */
static void test_holes(void **state)
{
	cleanup_buf struct buf out = BUF_INIT;
	Elf64_Phdr p[4];

	(void)state;
	make_sparse(&out, CODE_AT, 2, 0);
	assert_int_equal(vmlinux_trim(&out, NULL), 0);
	assert_int_equal(out.len, CODE_AT + 3 * BLOCK + 1);
	assert_int_equal(count_headers(&out), 4);
	memcpy(p, buf_bytes(&out) + sizeof(Elf64_Ehdr), sizeof(p));
	assert_int_equal(p[0].p_filesz, BLOCK);
	assert_int_equal(p[0].p_memsz, 3 * BLOCK);
	assert_int_equal(p[1].p_type, PT_LOAD);
	assert_int_equal(p[1].p_offset, CODE_AT + 3 * BLOCK);
	assert_int_equal(p[1].p_paddr, 0x1000000 + 3 * BLOCK);
	assert_int_equal(p[1].p_vaddr, 0x2000000 + 3 * BLOCK);
	assert_int_equal(p[1].p_filesz, 1);
	assert_int_equal(p[1].p_memsz, 1 + 7);
	assert_int_equal(p[2].p_type, PT_NOTE);
	assert_int_equal(p[3].p_type, PT_GNU_STACK);
	/* What is no filler; and what fills code. */
	make_sparse(&out, CODE_AT, 2, 1);
	assert_int_equal(vmlinux_trim(&out, NULL), 0);
	assert_int_equal(count_headers(&out), 3);
	make_sparse(&out, CODE_AT, 2, 0xcc);
	assert_int_equal(vmlinux_trim(&out, NULL), 0);
	assert_int_equal(count_headers(&out), 4);
	/* Nothing to leave out; and no room for a header more. */
	make_sparse(&out, CODE_AT, 0, 0);
	assert_int_equal(vmlinux_trim(&out, NULL), 0);
	assert_int_equal(count_headers(&out), 3);
	make_sparse(&out, NOTE_AT + sizeof(Elf64_Phdr) - 1, 2, 0);
	assert_int_equal(vmlinux_trim(&out, NULL), 0);
	assert_int_equal(count_headers(&out), 3);
}

/* Each is one thing wrong with a good kernel. */
static void test_not_for_pvh(void **state)
{
	struct kernel_file k = make_kernel();
	cleanup_buf struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(trim(&k, 10, &out), -ENOEXEC);
	k.pvh.header.n_type = 17;
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
	k = make_kernel();
	k.pvh.name[0] = 'x';
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
	k = make_kernel();
	k.load.p_type = PT_NULL;
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
	k = make_kernel();
	k.header.e_machine = EM_AARCH64;
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
	k = make_kernel();
	k.header.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
}

static void test_damaged_elf(void **state)
{
	struct kernel_file k = make_kernel();
	cleanup_buf struct buf out = BUF_INIT;

	(void)state;
	k.header.e_phoff = UINT64_MAX - 8;
	assert_int_equal(trim(&k, sizeof(k), &out), -EBADMSG);
	k = make_kernel();
	k.header.e_phnum = 65;
	assert_int_equal(trim(&k, sizeof(k), &out), -EBADMSG);
	k = make_kernel();
	k.load.p_offset = UINT64_MAX - 4;
	assert_int_equal(trim(&k, sizeof(k), &out), -EBADMSG);
	k = make_kernel();
	k.load.p_memsz = 1;
	assert_int_equal(trim(&k, sizeof(k), &out), -EBADMSG);
	k = make_kernel();
	k.pvh.header.n_namesz = k.pvh.header.n_descsz = UINT32_MAX;
	assert_int_equal(trim(&k, sizeof(k), &out), -ENOEXEC);
	assert_int_equal(trim(&k, CODE_AT + 5, &out), -EBADMSG);
}

static void put32(struct buf *b, size_t at, uint32_t n)
{
	memcpy(buf_bytes(b) + at, &n, sizeof(n));
}

static void compress(int (*filter)(struct archive *), const void *data, size_t len, struct buf *out)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	size_t used = 0;
	void *place = buf_reserve(out, 65536);

	assert_int_equal(filter(a), ARCHIVE_OK);
	archive_write_set_format_raw(a);
	archive_write_set_bytes_in_last_block(a, 1);
	assert_int_equal(archive_write_open_memory(a, place, 65536, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_size(entry, (la_int64_t)len);
	assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, data, len), len);
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(entry);
	buf_commit(out, used);
}

/* gzip brings the size itself; behind the others it is put, as by the kernel's build. */
static void make_bzimage(int (*filter)(struct archive *), struct buf *out)
{
	static const char gap[16];
	struct kernel_file k = make_kernel();
	uint32_t size = sizeof(k);

	buf_clear(out);
	memset(buf_reserve(out, SETUP), 0, SETUP);
	buf_commit(out, SETUP);
	buf_append(out, gap, sizeof(gap));
	compress(filter, &k, sizeof(k), out);
	if (filter != archive_write_add_filter_gzip)
		buf_append(out, &size, sizeof(size));
	buf_bytes(out)[0x1f1] = 1;
	memcpy(buf_bytes(out) + 0x202, "HdrS\x0f\x02", 6);
	put32(out, 0x248, sizeof(gap));
	put32(out, 0x24c, (uint32_t)(out->len - SETUP - sizeof(gap)));
	buf_append(out, "the compressed part's end", 10);
}

static int unpack(const struct buf *b, size_t len, struct buf *out)
{
	cleanup_err struct err *err = NULL;
	/* exactly as long, for the sanitizer */
	cleanup_free void *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, buf_bytes(b), len);
	r = vmlinux_unpack(copy, len, out, &err);
	assert_true(r == 0 || err);
	return r;
}

static void test_unpack(void **state)
{
	static int (*const filters[])(struct archive *) = {
		archive_write_add_filter_xz,   archive_write_add_filter_zstd,
		archive_write_add_filter_gzip, archive_write_add_filter_lz4,
		archive_write_add_filter_lzma, archive_write_add_filter_bzip2,
	};
	struct kernel_file k = make_kernel();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		cleanup_buf struct buf image = BUF_INIT, elf = BUF_INIT;

		make_bzimage(filters[i], &image);
		assert_int_equal(unpack(&image, image.len, &elf), 0);
		assert_int_equal(elf.len, sizeof(k));
		assert_memory_equal(buf_bytes(&elf), &k, sizeof(k));
	}
}

static void test_damaged_bzimage(void **state)
{
	cleanup_buf struct buf image = BUF_INIT, elf = BUF_INIT;
	size_t size_at;

	(void)state;
	make_bzimage(archive_write_add_filter_xz, &image);
	size_at = image.len - 10 - 4;
	assert_int_equal(unpack(&image, 0, &elf), -ENOEXEC);
	assert_int_equal(unpack(&image, 0x24f, &elf), -ENOEXEC);
	assert_int_equal(unpack(&image, size_at, &elf), -EBADMSG);
	put32(&image, size_at, sizeof(struct kernel_file) + 1);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	put32(&image, size_at, sizeof(struct kernel_file) - 1);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	put32(&image, size_at, UINT32_MAX);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	make_bzimage(archive_write_add_filter_xz, &image);
	put32(&image, SETUP + 16 + 12, 0x12345678);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	make_bzimage(archive_write_add_filter_xz, &image);
	put32(&image, 0x248, UINT32_MAX);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	put32(&image, 0x24c, 4);
	put32(&image, 0x248, 0);
	assert_int_equal(unpack(&image, image.len, &elf), -EBADMSG);
	put32(&image, 0x206, 0x0207);
	assert_int_equal(unpack(&image, image.len, &elf), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trim),        cmocka_unit_test(test_holes),
		cmocka_unit_test(test_not_for_pvh), cmocka_unit_test(test_damaged_elf),
		cmocka_unit_test(test_unpack),      cmocka_unit_test(test_damaged_bzimage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
