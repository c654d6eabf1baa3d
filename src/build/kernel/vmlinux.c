/* SPDX-License-Identifier: MIT */
/* Owns: reading a bzImage and the ELF file in it, both foreign bytes. Not: where they are kept. */
#include "vmlinux.h"

#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "mem.h"

/* The setup header: offsets from the file's begin. */
#define SETUP_SECTS    0x1f1
#define SETUP_MAGIC    0x202
#define SETUP_VERSION  0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define SETUP_END      0x250
#define VERSION_MIN    0x0208 /* the first with a payload's place */
#define SECTOR         512
#define SIZE_LEN       4 /* the unpacked size, at the payload's end */

#define SEGMENTS_MAX         64
#define HOLE                 (32 << 10) /* filler that is worth a segment more */
#define INT3                 0xcc
#define NOTE_NAME            "Xen"
#define NOTE_PHYS32_ENTRY    18
#define NOTE_ALIGN(n)        (((uint64_t)(n) + 3) & ~UINT64_C(3))
#define CHUNK                (1 << 20)
#define GZIP_MAGIC           "\x1f\x8b"
#define BAD(err, what)       err_set(err, EBADMSG, "kernel image: " what)
#define NOT_PVH_ENTRY(err)   err_set(err, ENOEXEC, "not an x86-64 ELF kernel with a PVH entry")
#define OUT_OF(off, len, in) ((off) > (in) || (len) > (in) - (off))

static uint32_t read32(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static uint16_t read16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

struct payload {
	const uint8_t *data;
	size_t len;
	uint32_t unpacked;
};

static int find_payload(const uint8_t *image, size_t len, struct payload *ret, struct err **err)
{
	uint64_t setup, offset, length;

	if (len < SETUP_END || memcmp(image + SETUP_MAGIC, "HdrS", 4) != 0 ||
	    read16(image + SETUP_VERSION) < VERSION_MIN)
		return err_set(err, ENOEXEC, "not a bzImage");
	setup = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	offset = (setup + 1) * SECTOR + read32(image + PAYLOAD_OFFSET);
	length = read32(image + PAYLOAD_LENGTH);
	if (length <= SIZE_LEN || OUT_OF(offset, length, len))
		return BAD(err, "its payload is outside of the file");
	*ret = (struct payload){ .data = image + offset, .len = length };
	ret->unpacked = read32(ret->data + length - SIZE_LEN);
	if (ret->unpacked > VMLINUX_MAX)
		return BAD(err, "its payload is too large");
	/* gzip has the size at its own end; behind the others the kernel's build puts it. */
	if (memcmp(ret->data, GZIP_MAGIC, 2) != 0)
		ret->len -= SIZE_LEN;
	return 0;
}

static int fail(struct archive *a, struct err **err)
{
	const char *why = archive_error_string(a);

	return err_set(err, EBADMSG, "kernel image: its payload does not unpack: %s",
		       why ? why : "damaged");
}

static int read_all(struct archive *a, size_t expected, struct buf *out, struct err **err)
{
	la_ssize_t n;

	while ((n = archive_read_data(a, buf_reserve(out, CHUNK), CHUNK)) > 0) {
		buf_commit(out, (size_t)n);
		if (out->len > expected)
			break;
	}
	if (n < 0)
		return fail(a, err);
	return out->len == expected ? 0 : BAD(err, "its payload has not the size that it says");
}

static int decompress(const struct payload *p, struct buf *out, struct err **err)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	int r;

	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_raw(a);
	if (archive_read_open_memory(a, p->data, p->len) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) != ARCHIVE_OK)
		r = fail(a, err);
	else
		r = read_all(a, p->unpacked, out, err);
	archive_read_free(a);
	return r;
}

int vmlinux_unpack(const void *bzimage, size_t len, struct buf *ret_elf, struct err **err)
{
	cleanup_buf struct buf elf = BUF_INIT;
	struct payload payload = { 0 };
	int r = find_payload(bzimage, len, &payload, err);

	if (r == 0)
		r = decompress(&payload, &elf, err);
	if (r < 0)
		return r;
	*ret_elf = elf;
	elf = (struct buf)BUF_INIT;
	return 0;
}

/* Notes, one after the other: name length, length, type, name, contents, each filled up to 4 bytes. */
static bool has_pvh_note(const uint8_t *notes, uint64_t len)
{
	while (len >= sizeof(Elf64_Nhdr)) {
		uint64_t name = NOTE_ALIGN(read32(notes)), desc = NOTE_ALIGN(read32(notes + 4));
		uint64_t size = sizeof(Elf64_Nhdr) + name + desc;

		if (size > len)
			return false;
		if (read32(notes + 8) == NOTE_PHYS32_ENTRY && read32(notes) == sizeof(NOTE_NAME) &&
		    desc >= 4 && memcmp(notes + 12, NOTE_NAME, sizeof(NOTE_NAME)) == 0)
			return true;
		notes += size;
		len -= size;
	}
	return false;
}

static int read_header(const struct buf *elf, Elf64_Ehdr *ret, struct err **err)
{
	if (elf->len < sizeof(*ret))
		return NOT_PVH_ENTRY(err);
	memcpy(ret, buf_bytes(elf), sizeof(*ret));
	if (memcmp(ret->e_ident, ELFMAG, SELFMAG) != 0 || ret->e_ident[EI_CLASS] != ELFCLASS64 ||
	    ret->e_ident[EI_DATA] != ELFDATA2LSB || le16toh(ret->e_machine) != EM_X86_64 ||
	    le16toh(ret->e_type) != ET_EXEC)
		return NOT_PVH_ENTRY(err);
	if (le16toh(ret->e_phentsize) != sizeof(Elf64_Phdr) ||
	    le16toh(ret->e_phnum) > SEGMENTS_MAX ||
	    OUT_OF(le64toh(ret->e_phoff), le16toh(ret->e_phnum) * sizeof(Elf64_Phdr), elf->len))
		return BAD(err, "its program headers are not as ELF says");
	return 0;
}

/* Memory behind a segment's bytes is zero: those at its end need not be in the file. */
static uint64_t without_zeros(const uint8_t *bytes, uint64_t len)
{
	while (len && !bytes[len - 1])
		len--;
	return len;
}

/* Zeros, or the int3 that a linker fills code with: nobody executes it. */
static bool is_filler(const uint8_t *block, bool code)
{
	return (block[0] == 0 || (code && block[0] == INT3)) &&
	       memcmp(block, block + 1, HOLE - 1) == 0;
}

/*
 * Where the first block of filler begins behind the first block (len: there is none), and where what
 * follows it and its like.
 */
static uint64_t find_hole(const uint8_t *bytes, uint64_t len, bool code, uint64_t *ret_end)
{
	uint64_t begin = HOLE, end;

	while (begin + HOLE <= len && !is_filler(bytes + begin, code))
		begin += HOLE;
	end = begin;
	while (end + HOLE <= len && is_filler(bytes + end, code))
		end += HOLE;
	*ret_end = end;
	return end > begin ? begin : len;
}

/* The program headers, as they are and as they are to be. */
struct segments {
	Elf64_Phdr old[SEGMENTS_MAX], new[SEGMENTS_MAX];
	uint64_t n_old, n_new;
	uint64_t begin, end; /* of the bytes in the file that are needed */
	bool load, pvh;
};

static int look_at_segment(const struct buf *elf, struct segments *s, Elf64_Phdr *p,
			   struct err **err)
{
	const uint64_t offset = le64toh(p->p_offset), size = le64toh(p->p_filesz);
	const bool load = le32toh(p->p_type) == PT_LOAD;

	if (!load && le32toh(p->p_type) != PT_NOTE)
		return 0;
	if (OUT_OF(offset, size, elf->len) || size > le64toh(p->p_memsz))
		return BAD(err, "one of its segments is outside of the file");
	if (load) {
		s->load = true;
		p->p_filesz = htole64(without_zeros(buf_bytes(elf) + offset, size));
	} else {
		s->pvh |= has_pvh_note(buf_bytes(elf) + offset, size);
	}
	if (offset < s->begin)
		s->begin = offset;
	if (offset + le64toh(p->p_filesz) > s->end)
		s->end = offset + le64toh(p->p_filesz);
	return 0;
}

/* Takes the bytes of p's first part out of it, and as many from its addresses. */
static void advance(Elf64_Phdr *p, uint64_t n)
{
	p->p_offset = htole64(le64toh(p->p_offset) + n);
	p->p_vaddr = htole64(le64toh(p->p_vaddr) + n);
	p->p_paddr = htole64(le64toh(p->p_paddr) + n);
	p->p_filesz = htole64(le64toh(p->p_filesz) - n);
	p->p_memsz = htole64(le64toh(p->p_memsz) - n);
}

/* p becomes several, without the filler between them, while there is room for more headers. */
static void split_segment(const struct buf *elf, struct segments *s, Elf64_Phdr p, uint64_t *room)
{
	const bool code = (le32toh(p.p_flags) & (PF_X | PF_W)) == PF_X;
	uint64_t begin, end, size;
	bool zeros;

	while (le32toh(p.p_type) == PT_LOAD && *room) {
		size = le64toh(p.p_filesz);
		begin = find_hole(buf_bytes(elf) + le64toh(p.p_offset), size, code, &end);
		if (begin >= size || end >= size)
			break;
		zeros = buf_bytes(elf)[le64toh(p.p_offset) + begin] == 0;
		s->new[s->n_new] = p;
		s->new[s->n_new].p_filesz = htole64(begin);
		s->new[s->n_new++].p_memsz = htole64(zeros ? end : begin);
		advance(&p, end);
		--*room;
	}
	s->new[s->n_new++] = p;
}

static void split_segments(const struct buf *elf, struct segments *s, uint64_t table)
{
	const uint64_t end = table + s->n_old * sizeof(Elf64_Phdr);
	uint64_t room = s->begin > end ? (s->begin - end) / sizeof(Elf64_Phdr) : 0;

	if (room > SEGMENTS_MAX - s->n_old)
		room = SEGMENTS_MAX - s->n_old;
	for (uint64_t i = 0; i < s->n_old; i++)
		split_segment(elf, s, s->old[i], &room);
}

int vmlinux_trim(struct buf *elf, struct err **err)
{
	cleanup_free struct segments *s = NULL;
	Elf64_Ehdr header;
	uint64_t table;
	int r = read_header(elf, &header, err);

	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->n_old = le16toh(header.e_phnum);
	table = le64toh(header.e_phoff);
	s->begin = UINT64_MAX;
	s->end = table + s->n_old * sizeof(Elf64_Phdr);
	if (s->end < sizeof(header))
		s->end = sizeof(header);
	memcpy(s->old, buf_bytes(elf) + table, s->n_old * sizeof(Elf64_Phdr));
	for (uint64_t i = 0; i < s->n_old && r == 0; i++)
		r = look_at_segment(elf, s, &s->old[i], err);
	if (r == 0 && (!s->load || !s->pvh))
		r = NOT_PVH_ENTRY(err);
	if (r < 0)
		return r;
	split_segments(elf, s, table);
	memcpy(buf_bytes(elf) + table, s->new, s->n_new * sizeof(Elf64_Phdr));
	header.e_phnum = htole16((uint16_t)s->n_new);
	header.e_shoff = 0;
	header.e_shnum = header.e_shstrndx = 0;
	memcpy(buf_bytes(elf), &header, sizeof(header));
	elf->len = s->end;
	return 0;
}
