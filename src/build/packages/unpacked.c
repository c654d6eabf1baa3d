/* SPDX-License-Identifier: MIT */
#include "unpacked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "deb.h"
#include "fd.h"
#include "mem.h"
#include "sha256.h"
#include "str.h"
#include "tree.h"

#define MAGIC       "atoll-unpacked 1"
#define ALIGN       16
#define CHUNK       (1 << 18)
#define CONTROL_MAX (1 << 20)
#define INDEX_MAX   ((size_t)256 << 20)

/* Numbers are as this machine has them: a cache does not move to others. */
struct record {
	uint64_t at, len;
	uint32_t mode, uid, gid;
	uint32_t path_len, target_len; /* of the strings that follow, without their NULs */
	uint32_t unused;
};

struct trailer {
	uint64_t index_at, index_len;
	char sha256[SHA256_HEX]; /* of all before this */
};

/* --- writing --- */

struct writer {
	int fd;
	uint64_t at;    /* how much was written so far */
	struct buf out; /* of that, what is not in the file yet */
	struct sha256 sum;
	struct buf entries;
	struct buf control, postinst; /* with a NUL */
	struct tree files;            /* what a hard link may name */
};

static int flush(struct writer *w, struct err **err)
{
	int r = fd_write_all(w->fd, buf_bytes(&w->out), w->out.len);

	sha256_add(&w->sum, buf_bytes(&w->out), w->out.len);
	buf_clear(&w->out);
	return r < 0 ? err_set_errno(err, -r, "cannot unpack to the cache") : 0;
}

static int put(struct writer *w, const void *data, size_t len, struct err **err)
{
	buf_append(&w->out, data, len);
	w->at += len;
	return w->out.len < CHUNK ? 0 : flush(w, err);
}

/* The NUL behind a file's bytes, and as many as the next begins after. */
static int pad(struct writer *w, struct err **err)
{
	static const char zeros[ALIGN];

	return put(w, zeros, ALIGN - w->at % ALIGN, err);
}

static int put_bytes(struct writer *w, struct archive *a, struct unpacked_entry *e,
		     struct err **err)
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	ssize_t n = 0;
	int r = 0;

	e->at = w->at;
	while (r == 0 && (n = deb_read_some(a, chunk, CHUNK, err)) > 0)
		r = put(w, chunk, (size_t)n, err);
	e->len = w->at - e->at;
	return r < 0 ? r : n < 0 ? (int)n : pad(w, err);
}

static void put_entry(struct writer *w, const struct unpacked_entry *e)
{
	const char *target = e->target ? e->target : "";
	const struct record record = {
		.at = e->at,
		.len = e->len,
		.mode = e->mode,
		.uid = e->uid,
		.gid = e->gid,
		.path_len = (uint32_t)strlen(e->path),
		.target_len = (uint32_t)strlen(target),
	};

	buf_append(&w->entries, &record, sizeof(record));
	buf_append(&w->entries, e->path, record.path_len + 1);
	buf_append(&w->entries, target, record.target_len + 1);
}

/* A further name of a file that came before. */
static int link_to(struct writer *w, const char *target, struct unpacked_entry *e, struct err **err)
{
	cleanup_free char *path = NULL;
	const struct tree_node *first;

	if (tree_path(target, &path) < 0 || !(first = tree_get(&w->files, path)))
		return err_set(err, EBADMSG, "/%s is a hard link to %s, which is not a file of it",
			       e->path, target);
	e->mode = first->mode;
	e->uid = first->uid;
	e->gid = first->gid;
	e->at = first->content_at;
	e->len = first->content_len;
	return 0;
}

static void note_file(struct writer *w, const struct unpacked_entry *e)
{
	tree_put(&w->files, (struct tree_node){ .path = xstrdup(e->path),
						.mode = e->mode,
						.uid = e->uid,
						.gid = e->gid,
						.content_at = e->at,
						.content_len = e->len });
}

static int fill(struct writer *w, struct archive *a, struct archive_entry *entry,
		struct unpacked_entry *e, struct err **err)
{
	const char *link = archive_entry_hardlink(entry);

	if (link)
		return link_to(w, link, e, err);
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return 0;
	case S_IFREG:
		return put_bytes(w, a, e, err);
	case S_IFLNK:
		e->target = archive_entry_symlink(entry);
		if (!e->target || !*e->target)
			return err_set(err, EBADMSG, "/%s is a link to nothing", e->path);
		return 0;
	default:
		return err_set(
			err, EINVAL,
			"/%s is a device, socket or pipe; an appliance has none in its image",
			e->path);
	}
}

static int handle_data(struct archive *a, struct archive_entry *entry, void *data, struct err **err)
{
	const char *name = archive_entry_pathname(entry);
	cleanup_free char *path = NULL;
	struct unpacked_entry e = { 0 };
	int r;

	if (!name || tree_path(name, &path) < 0)
		return err_set(err, EINVAL, "it has a path that leads outside or is too long: %s",
			       name ? name : "?");
	if (!*path)
		return 0;
	e.path = path;
	e.mode = archive_entry_mode(entry);
	e.uid = (uint32_t)archive_entry_uid(entry);
	e.gid = (uint32_t)archive_entry_gid(entry);
	r = fill(data, a, entry, &e, err);
	if (r < 0)
		return r;
	if (S_ISREG(e.mode))
		note_file(data, &e);
	put_entry(data, &e);
	return 0;
}

static int handle_control(struct archive *a, struct archive_entry *entry, void *data,
			  struct err **err)
{
	struct writer *w = data;
	const char *path = archive_entry_pathname(entry);
	struct buf *text;
	int r;

	path += path && str_starts(path, "./") ? 2 : 0;
	if (!path || (!str_eq(path, "control") && !str_eq(path, "postinst")))
		return 0;
	text = str_eq(path, "control") ? &w->control : &w->postinst;
	buf_clear(text);
	r = deb_read(a, CONTROL_MAX, text, err);
	buf_append(text, "", 1);
	return r;
}

static void put_text(struct buf *index, struct buf *text)
{
	const char *s = text->len ? (char *)buf_bytes(text) : "";

	buf_append(index, s, strlen(s) + 1);
}

/* The index and what says that all was written. */
static int finish_file(struct writer *w, struct err **err)
{
	cleanup_buf struct buf index = BUF_INIT;
	struct trailer t = { .index_at = w->at };
	char hex[SHA256_HEX + 1];
	int r;

	put_text(&index, &w->control);
	put_text(&index, &w->postinst);
	buf_append(&index, buf_bytes(&w->entries), w->entries.len);
	t.index_len = index.len;
	buf_append(&index, &t, offsetof(struct trailer, sha256));
	r = put(w, buf_bytes(&index), index.len, err);
	if (r == 0)
		r = flush(w, err);
	sha256_end(&w->sum, hex);
	buf_append(&w->out, hex, SHA256_HEX);
	return r < 0 ? r : flush(w, err);
}

static int write_all(struct writer *w, const char *deb, struct err **err)
{
	int r = put(w, MAGIC, ALIGN, err);

	if (r == 0)
		r = deb_each_control(deb, handle_control, w, err);
	if (r == 0)
		r = deb_each_data(deb, handle_data, w, err);
	return r < 0 ? r : finish_file(w, err);
}

int unpacked_make(const char *deb, const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct writer w = { .fd = fd };
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	sha256_begin(&w.sum);
	r = write_all(&w, deb, err);
	buf_free(&w.out);
	buf_free(&w.entries);
	buf_free(&w.control);
	buf_free(&w.postinst);
	tree_finish(&w.files);
	return r;
}

/* --- reading --- */

/* The next bytes of the index; NULL when there are not so many. */
static const void *next(const struct buf *index, size_t *at, size_t len)
{
	const uint8_t *bytes = buf_bytes(index);

	if (len > index->len - *at)
		return NULL;
	bytes += *at;
	*at += len;
	return bytes;
}

static const char *next_text(const struct buf *index, size_t *at, size_t len)
{
	const char *text = len < index->len - *at ? next(index, at, len + 1) : NULL;

	return text && strnlen(text, len + 1) == len ? text : NULL;
}

static const char *next_string(const struct buf *index, size_t *at)
{
	const char *text = (char *)buf_bytes(index);

	return *at < index->len ? next_text(index, at, strnlen(text + *at, index->len - *at))
				: NULL;
}

static bool is_sound(const struct unpacked_entry *e, uint64_t end)
{
	switch (e->mode & S_IFMT) {
	case S_IFDIR:
		return true;
	case S_IFREG:
		return e->at >= ALIGN && e->at % ALIGN == 0 && e->at < end && e->len < end - e->at;
	case S_IFLNK:
		return *e->target;
	default:
		return false;
	}
}

static bool next_entry(const struct buf *index, size_t *at, uint64_t end,
		       struct unpacked_entry *ret)
{
	const void *bytes = next(index, at, sizeof(struct record));
	struct record r;

	if (!bytes)
		return false;
	memcpy(&r, bytes, sizeof(r));
	*ret = (struct unpacked_entry){
		.at = r.at, .len = r.len, .mode = r.mode, .uid = r.uid, .gid = r.gid
	};
	ret->path = next_text(index, at, r.path_len);
	ret->target = ret->path ? next_text(index, at, r.target_len) : NULL;
	return ret->target && *ret->path && is_sound(ret, end);
}

int unpacked_parse(struct buf *index, uint64_t end, struct unpacked *ret)
{
	struct unpacked u = { .index = *index };
	size_t at = 0, room = 0;
	bool sound;

	*index = (struct buf)BUF_INIT;
	u.control = next_string(&u.index, &at);
	u.postinst = u.control ? next_string(&u.index, &at) : NULL;
	sound = u.postinst;
	while (sound && at < u.index.len) {
		if (u.n == room) {
			room = room ? 2 * room : 64;
			u.entries = xreallocarray(u.entries, room, sizeof(*u.entries));
		}
		sound = next_entry(&u.index, &at, end, &u.entries[u.n++]);
	}
	if (!sound) {
		unpacked_finish(&u);
		return -EBADMSG;
	}
	*ret = u;
	return 0;
}

static int read_at(int fd, uint64_t at, void *data, size_t len)
{
	return lseek(fd, (off_t)at, SEEK_SET) < 0 ? -errno : fd_read_exact(fd, data, len);
}

/* Reads the first `len` bytes through, and compares. */
static bool has_digest(int fd, uint64_t len, const char digest[SHA256_HEX])
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	char hex[SHA256_HEX + 1];
	struct sha256 sum;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return false;
	sha256_begin(&sum);
	for (uint64_t at = 0; at < len;) {
		size_t n = len - at < CHUNK ? (size_t)(len - at) : CHUNK;

		if (fd_read_exact(fd, chunk, n) < 0 ||
		    (at == 0 && (n < ALIGN || memcmp(chunk, MAGIC, ALIGN) != 0)))
			return false;
		sha256_add(&sum, chunk, n);
		at += n;
	}
	sha256_end(&sum, hex);
	return memcmp(hex, digest, SHA256_HEX) == 0;
}

static int read_index(int fd, uint64_t size, struct unpacked *ret)
{
	cleanup_buf struct buf index = BUF_INIT;
	struct trailer t;
	uint64_t end = size - sizeof(t);
	int r = size < ALIGN + sizeof(t) ? -EBADMSG : read_at(fd, end, &t, sizeof(t));

	if (r < 0 || !has_digest(fd, end + offsetof(struct trailer, sha256), t.sha256) ||
	    t.index_at > end || t.index_len != end - t.index_at || t.index_len > INDEX_MAX)
		return -EBADMSG;
	if (read_at(fd, t.index_at, buf_reserve(&index, t.index_len), t.index_len) < 0)
		return -EBADMSG;
	buf_commit(&index, t.index_len);
	return unpacked_parse(&index, t.index_at, ret);
}

int unpacked_open(const char *path, struct unpacked *ret, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int r = fd < 0 || fstat(fd, &st) < 0 ? -errno : 0;

	if (r < 0)
		return err_set_errno(err, -r, "%s", path);
	r = read_index(fd, (uint64_t)st.st_size, ret);
	if (r < 0)
		return err_set(err, -r, "%s: damaged", path);
	ret->file = xstrdup(path);
	futimens(fd, NULL); /* what was used longest ago is removed first */
	return 0;
}

const struct unpacked_entry *unpacked_find(const struct unpacked *u, const char *path)
{
	for (size_t i = 0; i < u->n; i++)
		if (str_eq(u->entries[i].path, path))
			return &u->entries[i];
	return NULL;
}

void unpacked_finish(struct unpacked *u)
{
	free(u->file);
	free(u->entries);
	buf_free(&u->index);
	*u = (struct unpacked){ 0 };
}
