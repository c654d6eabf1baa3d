/* SPDX-License-Identifier: MIT */
#include "verity.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "mem.h"
#include "oci_digest.h"

#define PER_BLOCK  (VERITY_BLOCK / DIGEST_BYTES)
#define SIGNATURE  "verity\0" /* with the literal's own end, eight bytes */
#define LEVELS_MAX 9

static const uint8_t uuid[16] = { 0x61, 0x74, 0x6f, 0x6c, 0x6c, 0x2d, 0x41, 0x70,
				  0x70, 0x6c, 0x69, 0x61, 0x6e, 0x63, 0x65, 0x31 };

struct superblock {
	uint8_t signature[8];
	uint32_t version;
	uint32_t hash_type;
	uint8_t uuid[16];
	uint8_t algorithm[32];
	uint32_t data_block_size;
	uint32_t hash_block_size;
	uint64_t data_blocks;
	uint16_t salt_size;
	uint8_t pad1[6];
	uint8_t salt[256];
	uint8_t pad2[168];
};
_Static_assert(sizeof(struct superblock) == 512, "verity's superblock has 512 bytes");

/* A file, mapped. */
struct view {
	const uint8_t *data;
	size_t size;
};

static int view_open(const char *path, struct view *ret, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	if (st.st_size <= 0)
		return err_set(err, EBADMSG, "%s: it is empty", path);
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_set_errno(err, errno, "%s", path);
	*ret = (struct view){ .data = data, .size = (size_t)st.st_size };
	return 0;
}

static void view_close(struct view *v)
{
	munmap((void *)(uintptr_t)v->data, v->size);
}

/* One level: the digests of n blocks, filled up with zeros to whole blocks. */
static void hash_blocks(const uint8_t *data, uint64_t n, struct buf *out)
{
	uint64_t blocks = (n + PER_BLOCK - 1) / PER_BLOCK;
	uint8_t *place = buf_reserve(out, blocks * VERITY_BLOCK);

	memset(place, 0, blocks * VERITY_BLOCK);
	for (uint64_t i = 0; i < n; i++)
		oci_digest_bytes(data + i * VERITY_BLOCK, VERITY_BLOCK, place + i * DIGEST_BYTES);
	buf_commit(out, blocks * VERITY_BLOCK);
}

/* The tree over `blocks` blocks, top first, and its root. A single block has no tree: it is the root's. */
static void make_tree(const uint8_t *data, uint64_t blocks, struct buf *tree,
		      char root[VERITY_HEX + 1])
{
	struct buf levels[LEVELS_MAX] = { 0 };
	uint8_t digest[DIGEST_BYTES];
	size_t n = 0;

	while (blocks > 1) {
		hash_blocks(data, blocks, &levels[n]);
		data = buf_bytes(&levels[n]);
		blocks = levels[n++].len / VERITY_BLOCK;
	}
	oci_digest_bytes(data, VERITY_BLOCK, digest);
	sodium_bin2hex(root, VERITY_HEX + 1, digest, sizeof(digest));
	while (n) {
		buf_append(tree, buf_bytes(&levels[n - 1]), levels[n - 1].len);
		buf_free(&levels[--n]);
	}
}

static struct superblock make_superblock(uint64_t blocks)
{
	struct superblock s = {
		.signature = SIGNATURE,
		.version = htole32(1),
		.hash_type = htole32(1),
		.algorithm = "sha256",
		.data_block_size = htole32(VERITY_BLOCK),
		.hash_block_size = htole32(VERITY_BLOCK),
		.data_blocks = htole64(blocks),
	};

	memcpy(s.uuid, uuid, sizeof(uuid));
	return s;
}

/* What stands behind the file system: the superblock in a block of its own, and the tree. */
static void make_tail(const uint8_t *data, uint64_t blocks, struct buf *tail,
		      char root[VERITY_HEX + 1])
{
	struct superblock s = make_superblock(blocks);
	uint8_t *block = buf_reserve(tail, VERITY_BLOCK);

	memset(block, 0, VERITY_BLOCK);
	memcpy(block, &s, sizeof(s));
	buf_commit(tail, VERITY_BLOCK);
	make_tree(data, blocks, tail, root);
}

static int write_tail(const char *path, uint64_t offset, const struct buf *tail, struct err **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	int r = fd < 0 || lseek(fd, (off_t)offset, SEEK_SET) < 0 ? -errno : 0;

	if (r == 0)
		r = fd_write_all(fd, buf_bytes(tail), tail->len);
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

static int fill_up(const char *path, struct err **err)
{
	struct stat st;
	off_t whole;

	if (stat(path, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	whole = (st.st_size + VERITY_BLOCK - 1) / VERITY_BLOCK * VERITY_BLOCK;
	if (whole != st.st_size && truncate(path, whole) < 0)
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int verity_append(const char *path, struct verity *ret, struct err **err)
{
	cleanup_buf struct buf tail = BUF_INIT;
	struct verity v;
	struct view view;
	int r = fill_up(path, err);

	if (r == 0)
		r = view_open(path, &view, err);
	if (r < 0)
		return r;
	v.offset = view.size;
	make_tail(view.data, view.size / VERITY_BLOCK, &tail, v.root);
	view_close(&view);
	r = write_tail(path, v.offset, &tail, err);
	if (r == 0)
		*ret = v;
	return r;
}

static bool has_room(const struct view *view, const struct verity *v)
{
	return v->offset && v->offset % VERITY_BLOCK == 0 && view->size % VERITY_BLOCK == 0 &&
	       v->offset < view->size;
}

/* The superblock, and the first block behind it against the root. */
static bool top_is_right(const struct view *view, const struct verity *v)
{
	struct superblock s = make_superblock(v->offset / VERITY_BLOCK);
	uint64_t top = v->offset == VERITY_BLOCK ? 0 : v->offset + VERITY_BLOCK;
	char root[VERITY_HEX + 1];
	uint8_t digest[DIGEST_BYTES];

	if (memcmp(view->data + v->offset, &s, sizeof(s)) != 0 || top >= view->size)
		return false;
	oci_digest_bytes(view->data + top, VERITY_BLOCK, digest);
	sodium_bin2hex(root, sizeof(root), digest, sizeof(digest));
	return strcmp(root, v->root) == 0;
}

static bool all_is_right(const struct view *view, const struct verity *v)
{
	cleanup_buf struct buf tail = BUF_INIT;
	char root[VERITY_HEX + 1];

	make_tail(view->data, v->offset / VERITY_BLOCK, &tail, root);
	return strcmp(root, v->root) == 0 && view->size - v->offset == tail.len &&
	       memcmp(view->data + v->offset, buf_bytes(&tail), tail.len) == 0;
}

static int check(const char *path, const struct verity *v,
		 bool (*is_right)(const struct view *, const struct verity *), struct err **err)
{
	struct view view;
	bool right;
	int r = view_open(path, &view, err);

	if (r < 0)
		return r;
	right = has_room(&view, v) && is_right(&view, v);
	view_close(&view);
	if (right)
		return 0;
	return err_set(
		err, EBADMSG,
		"%s: the root file system is not the one whose verity root hash the manifest "
		"has; build the appliance again ('atoll build --force RECIPE')",
		path);
}

int verity_check(const char *path, const struct verity *v, struct err **err)
{
	return check(path, v, all_is_right, err);
}

int verity_check_top(const char *path, const struct verity *v, struct err **err)
{
	return check(path, v, top_is_right, err);
}
