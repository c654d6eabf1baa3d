/* SPDX-License-Identifier: MIT */
#include "uki.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "copy.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define STUB_FOLDER "/usr/lib/systemd/boot/efi"
#define STUB_MAX    (4 << 20)
#define ALIGN       4096
#define SECTIONS    4
#define READ_ONLY   0x40000040 /* initialised data that may be read */

static const struct {
	const char *arch, *file, *stub;
} firmwares[] = {
	{ "amd64", "BOOTX64.EFI", "linuxx64.efi.stub" },
	{ "i386", "BOOTIA32.EFI", "linuxia32.efi.stub" },
	{ "arm64", "BOOTAA64.EFI", "linuxaa64.efi.stub" },
};

/* Of a PE file (Microsoft's "PE Format"), what we change or need. */
struct section {
	char name[8];
	uint32_t size, address, file_size, file_at;
	uint32_t unused[3], flags;
} __attribute__((packed));

struct content {
	const char *name;
	const void *data; /* NULL: of a file */
	uint64_t size, file_at;
};

const char *uki_file_name(const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(firmwares); i++)
		if (str_eq(firmwares[i].arch, arch))
			return firmwares[i].file;
	return NULL;
}

static uint64_t round_up(uint64_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static int read_stub(const char *arch, struct buf *out, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(firmwares); i++) {
		cleanup_free char *path = xasprintf("%s/%s", STUB_FOLDER, firmwares[i].stub);

		if (!str_eq(firmwares[i].arch, arch))
			continue;
		if (!file_exists(path))
			return err_set(err, ENOENT,
				       "%s is missing; install the package systemd-boot-efi", path);
		return file_read(path, STUB_MAX, out, err);
	}
	return err_set(err, EOPNOTSUPP, "for the architecture %s there is nothing that boots it",
		       arch);
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static void put32(uint8_t *p, uint64_t v)
{
	uint32_t le = htole32((uint32_t)v);

	memcpy(p, &le, sizeof(le));
}

/*
 * Adds the sections to the headers, which have room for them up to the first section's bytes, and gives
 * each its place behind what is there.
 */
static int add_sections(struct buf *stub, struct content *c, uint64_t *ret_end, struct err **err)
{
	uint8_t *b = buf_bytes(stub);
	size_t pe = stub->len > 0x40 ? get32(b + 0x3c) : 0, table, n;
	uint64_t address, at = round_up(stub->len);

	if (!pe || pe > stub->len - 24 - 240 || memcmp(b + pe, "PE\0", 4) != 0)
		return err_set(err, EBADMSG, "the EFI stub is no PE file");
	n = get16(b + pe + 6);
	table = pe + 24 + get16(b + pe + 20);
	address = round_up(get32(b + pe + 24 + 56));
	if (table + (n + SECTIONS) * sizeof(struct section) > get32(b + pe + 24 + 60) ||
	    get32(b + pe + 24 + 60) > stub->len)
		return err_set(err, EBADMSG, "the EFI stub's headers have no room for sections");
	for (size_t i = 0; i < SECTIONS; i++) {
		struct section s = { .size = htole32((uint32_t)c[i].size),
				     .address = htole32((uint32_t)address),
				     .file_size = htole32((uint32_t)round_up(c[i].size)),
				     .file_at = htole32((uint32_t)at),
				     .flags = htole32(READ_ONLY) };

		memcpy(s.name, c[i].name, strnlen(c[i].name, sizeof(s.name)));
		memcpy(b + table + (n + i) * sizeof(s), &s, sizeof(s));
		c[i].file_at = at;
		at += round_up(c[i].size);
		address += round_up(c[i].size);
	}
	b[pe + 6] = (uint8_t)(n + SECTIONS);
	put32(b + pe + 24 + 56, address); /* SizeOfImage */
	put32(b + pe + 24 + 64, 0);       /* CheckSum: firmware does not look at it */
	*ret_end = at;
	return 0;
}

static int size_of(const char *path, uint64_t *ret, struct err **err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	if (st.st_size > INT32_MAX / 2)
		return err_set(err, EFBIG, "kernel and initramfs are too large to be booted");
	*ret = (uint64_t)st.st_size;
	return 0;
}

static void put_content(struct buf *out, const struct content *c)
{
	size_t fill = (size_t)(c->file_at - out->len);

	memset(buf_reserve(out, fill), 0, fill);
	buf_commit(out, fill);
	if (c->data)
		buf_append(out, c->data, (size_t)c->size);
}

int uki_plan(struct uki *u, struct err **err)
{
	cleanup_free char *release =
		xasprintf("ID=atoll\nNAME=\"%s\"\nPRETTY_NAME=\"%s\"\n", u->title, u->title);
	struct content c[SECTIONS] = {
		{ ".osrel", release, strlen(release), 0 },
		{ ".cmdline", u->command_line, strlen(u->command_line), 0 },
		{ ".linux", NULL, 0, 0 },
		{ ".initrd", NULL, 0, 0 },
	};
	int r = size_of(u->kernel, &c[2].size, err);

	if (r == 0)
		r = size_of(u->initramfs, &c[3].size, err);
	if (r == 0)
		r = read_stub(u->arch, &u->head, err);
	if (r == 0)
		r = add_sections(&u->head, c, &u->bytes, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < 3; i++)
		put_content(&u->head, &c[i]);
	u->kernel_at = (struct bios_run){ c[2].file_at, c[2].size };
	u->initramfs_at = (struct bios_run){ c[3].file_at, c[3].size };
	return 0;
}

int uki_write(const struct uki *u, int fd, uint64_t at, struct err **err)
{
	int r = copy_write_at(fd, at, buf_bytes(&u->head), u->head.len, err);

	if (r == 0)
		r = copy_file_to(u->kernel, fd, at + u->kernel_at.byte, err);
	return r < 0 ? r : copy_file_to(u->initramfs, fd, at + u->initramfs_at.byte, err);
}

void uki_finish(struct uki *u)
{
	buf_free(&u->head);
}
