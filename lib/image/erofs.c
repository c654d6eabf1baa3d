/* SPDX-License-Identifier: MIT */
#include "erofs.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define SUPER_AT    1024
#define SUPER_MAGIC 0xE0F5E1E2
#define INODE_UNIT  32
#define FOLDER_MAX  (16 << 20) /* bytes of one folder */
#define DIRENT_SIZE 12

/* Of i_format: whether it is the long inode, and where the data is. */
#define FORMAT_EXTENDED 1
#define LAYOUT(format)  ((format) >> 1 & 7)
#define LAYOUT_PLAIN    0
#define LAYOUT_INLINE   2

struct super {
	uint32_t magic, checksum, compat;
	uint8_t block_bits, extra;
	uint16_t root;
	uint64_t inodes, time;
	uint32_t time_ns, blocks, meta, xattr;
} __attribute__((packed));

struct inode_compact {
	uint16_t format, xattrs, mode, links;
	uint32_t size, reserved, block, number;
	uint16_t uid, gid;
	uint32_t reserved2;
} __attribute__((packed));

struct inode_extended {
	uint16_t format, xattrs, mode, reserved;
	uint64_t size;
	uint32_t block, number, uid, gid;
	uint64_t time;
	uint32_t time_ns, links;
	uint8_t reserved2[16];
} __attribute__((packed));

struct dirent_raw {
	uint64_t number;
	uint16_t name;
	uint8_t type, reserved;
} __attribute__((packed));

struct reader {
	int fd;
	uint64_t block; /* bytes of one */
	uint64_t meta;  /* where inodes are counted from */
	size_t n;       /* files so far */
	erofs_file_fn fn;
	void *data;
};

struct inode {
	uint64_t number, size, at; /* at: of its inline data */
	uint32_t block, uid, gid;
	unsigned int layout;
	mode_t mode;
};

static int damaged(const char *what, struct err **err)
{
	return err_set(err, EBADMSG, "not an EROFS image that we can read: %s", what);
}

static int read_at(const struct reader *r, uint64_t at, void *data, size_t len, struct err **err)
{
	ssize_t n;

	if (at > INT64_MAX - len)
		return damaged("an address is out of bounds", err);
	n = pread(r->fd, data, len, (off_t)at);
	if (n < 0)
		return err_set_errno(err, errno, "reading");
	return (size_t)n == len ? 0 : damaged("it is cut short", err);
}

static int read_inode(const struct reader *r, uint64_t number, struct inode *ret, struct err **err)
{
	struct inode_extended x = { 0 };
	struct inode_compact c;
	uint16_t format, xattrs;
	uint64_t at;
	int e;

	if (number > INT64_MAX / INODE_UNIT - r->meta)
		return damaged("an inode is out of bounds", err);
	at = r->meta + number * INODE_UNIT;
	e = read_at(r, at, &c, sizeof(c), err);
	if (e < 0)
		return e;
	format = le16toh(c.format);
	xattrs = le16toh(c.xattrs);
	*ret = (struct inode){ .number = number, .layout = LAYOUT(format) };
	ret->mode = le16toh(c.mode);
	ret->size = le32toh(c.size);
	ret->block = le32toh(c.block);
	ret->uid = le16toh(c.uid);
	ret->gid = le16toh(c.gid);
	ret->at = at + sizeof(c);
	if (format & FORMAT_EXTENDED) {
		e = read_at(r, at, &x, sizeof(x), err);
		ret->size = le64toh(x.size);
		ret->uid = le32toh(x.uid);
		ret->gid = le32toh(x.gid);
		ret->at = at + sizeof(x);
	}
	ret->at += xattrs ? 12 + (uint64_t)(xattrs - 1) * 4 : 0;
	return e;
}

/* All bytes of a folder or link, which are never compressed. */
static int read_data(const struct reader *r, const struct inode *i, size_t max, char **ret,
		     struct err **err)
{
	uint64_t tail = i->layout == LAYOUT_INLINE ? i->size % r->block : 0;
	cleanup_free char *bytes = NULL;
	int e = 0;

	if (i->layout != LAYOUT_PLAIN && i->layout != LAYOUT_INLINE)
		return damaged("a folder or link is compressed", err);
	if (i->size > max)
		return damaged("a folder or link is too large", err);
	bytes = xcalloc(1, i->size + 1);
	if (i->size > tail)
		e = read_at(r, i->block * r->block, bytes, i->size - tail, err);
	if (e == 0 && tail)
		e = read_at(r, i->at, bytes + i->size - tail, tail, err);
	if (e == 0)
		*ret = steal_ptr(bytes);
	return e;
}

static int visit(struct reader *r, const char *path, uint64_t number, struct err **err);

/* A name is at most 255 bytes, and leads nowhere else. */
static bool is_name(const char *name, size_t len)
{
	return len > 0 && len <= 255 && !memchr(name, '/', len);
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 || len == 2) && memcmp(name, "..", len) == 0;
}

static int visit_entry(struct reader *r, const char *folder, const char *name, size_t len,
		       uint64_t number, struct err **err)
{
	cleanup_free char *path = NULL;

	if (!is_name(name, len))
		return damaged("a name is no name", err);
	if (is_dots(name, len))
		return 0;
	path = xasprintf("%s%s%.*s", folder, *folder ? "/" : "", (int)len, name);
	if (strlen(path) >= EROFS_PATH_MAX)
		return damaged("a path is too long", err);
	return visit(r, path, number, err);
}

/* One block of a folder: entries, and behind them their names. */
static int visit_block(struct reader *r, const char *folder, const char *block, size_t len,
		       struct err **err)
{
	struct dirent_raw d, next;
	size_t n, e = 0;
	int result = 0;

	if (len < sizeof(d))
		return damaged("a folder is cut short", err);
	memcpy(&d, block, sizeof(d));
	n = le16toh(d.name) / DIRENT_SIZE;
	if (n == 0 || n * DIRENT_SIZE > len)
		return damaged("a folder has no entries", err);
	for (; e < n && result == 0; e++) {
		size_t begin, end = len;

		memcpy(&d, block + e * DIRENT_SIZE, sizeof(d));
		begin = le16toh(d.name);
		if (e + 1 < n) {
			memcpy(&next, block + (e + 1) * DIRENT_SIZE, sizeof(next));
			end = le16toh(next.name);
		}
		if (begin < n * DIRENT_SIZE || begin >= end || end > len)
			return damaged("a folder's names are out of bounds", err);
		result = visit_entry(r, folder, block + begin, strnlen(block + begin, end - begin),
				     le64toh(d.number), err);
	}
	return result;
}

static int visit_folder(struct reader *r, const char *path, const struct inode *i, struct err **err)
{
	cleanup_free char *bytes = NULL;
	int e = read_data(r, i, FOLDER_MAX, &bytes, err);

	for (uint64_t at = 0; e == 0 && at < i->size; at += r->block) {
		uint64_t len = i->size - at < r->block ? i->size - at : r->block;

		e = visit_block(r, path, bytes + at, len, err);
	}
	return e;
}

static int visit(struct reader *r, const char *path, uint64_t number, struct err **err)
{
	cleanup_free char *target = NULL;
	struct erofs_file file;
	struct inode i;
	int e = read_inode(r, number, &i, err);

	if (e == 0 && r->n++ >= EROFS_FILES_MAX)
		e = damaged("it has too many files", err);
	if (e == 0 && S_ISLNK(i.mode))
		e = read_data(r, &i, EROFS_PATH_MAX - 1, &target, err);
	if (e < 0)
		return e;
	file = (struct erofs_file){ path, i.mode, i.uid, i.gid, i.size, number, target };
	if (*path)
		e = r->fn(&file, r->data, err);
	else if (!S_ISDIR(i.mode))
		e = damaged("its root is not a folder", err);
	return e == 0 && S_ISDIR(i.mode) ? visit_folder(r, path, &i, err) : e;
}

static int each(struct reader *r, struct err **err)
{
	struct super s;
	int e = read_at(r, SUPER_AT, &s, sizeof(s), err);

	if (e < 0)
		return e;
	if (le32toh(s.magic) != SUPER_MAGIC || s.block_bits < 9 || s.block_bits > 16)
		return damaged("there is no superblock", err);
	r->block = UINT64_C(1) << s.block_bits;
	r->meta = le32toh(s.meta) * r->block;
	return visit(r, "", le16toh(s.root), err);
}

int erofs_each(const char *path, erofs_file_fn fn, void *data, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct reader r = { .fd = fd, .fn = fn, .data = data };
	int e;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	e = each(&r, err);
	return e < 0 ? err_prefix(err, "%s", path) : 0;
}
