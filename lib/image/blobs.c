/* SPDX-License-Identifier: MIT */
/* Blobs: written once under the name of their digest, read, verified. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "store_internal.h"
#include "str.h"

#define CHUNK (1 << 18)

struct store_writer {
	struct store *store;
	char *temp; /* in ingest/ */
	int fd;
	uint64_t size;
	struct oci_digest_state digest;
};

char *store_blob_path(const struct store *s, const char *digest)
{
	return xasprintf("%s/blobs/sha256/%s", s->path, oci_digest_hex(digest));
}

/* From here on gc leaves what is there alone. */
static int begin_writing(struct store *s, struct err **err)
{
	return s->writing < 0 ? store_lock(s, STORE_WRITER_LOCK, LOCK_SH, &s->writing, err) : 0;
}

int store_writer_begin(struct store *s, struct store_writer **ret, struct err **err)
{
	struct store_writer *w;
	int r = begin_writing(s, err);

	if (r < 0)
		return r;
	w = xcalloc(1, sizeof(*w));
	w->store = s;
	w->temp = store_path(s, "ingest/blob.XXXXXX");
	w->fd = mkostemp(w->temp, O_CLOEXEC);
	if (w->fd < 0) {
		r = store_error(s, errno, "ingest", err);
		*w->temp = '\0';
		store_writer_abort(w);
		return r;
	}
	oci_digest_begin(&w->digest);
	*ret = w;
	return 0;
}

int store_writer_write(struct store_writer *w, const void *data, size_t len, struct err **err)
{
	int r = fd_write_all(w->fd, data, len);

	if (r < 0)
		return store_error(w->store, -r, "writing a blob", err);
	oci_digest_add(&w->digest, data, len);
	w->size += len;
	return 0;
}

static int sync_folder(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/*
 * The rename replaces a blob that is there: it has the same bytes, or was corrupted and is whole
 * again now. Who has the old file open keeps it.
 */
static int publish(struct store_writer *w, const char *path)
{
	if (fchmod(w->fd, 0444) < 0 || fsync(w->fd) < 0 || rename(w->temp, path) < 0)
		return -errno;
	*w->temp = '\0';
	w->store->unsynced = true;
	return 0;
}

int store_sync_blobs(struct store *s)
{
	cleanup_free char *folder = store_path(s, "blobs/sha256");
	int r = s->unsynced ? sync_folder(folder) : 0;

	if (r == 0)
		s->unsynced = false;
	return r;
}

int store_writer_commit(struct store_writer *w, struct store_blob *ret_blob, struct err **err)
{
	char digest[DIGEST_LEN + 1];
	cleanup_free char *path = NULL;
	uint64_t size = w->size;
	int r;

	oci_digest_end(&w->digest, digest);
	path = store_blob_path(w->store, digest);
	r = publish(w, path);
	if (r < 0)
		r = store_error(w->store, -r, "writing a blob", err);
	store_writer_abort(w);
	if (r < 0)
		return r;
	memcpy(ret_blob->digest, digest, sizeof(digest));
	ret_blob->size = size;
	ret_blob->path = steal_ptr(path);
	return 0;
}

void store_writer_abort(struct store_writer *w)
{
	if (!w)
		return;
	if (*w->temp)
		unlink(w->temp);
	fd_close(&w->fd);
	free(w->temp);
	free(w);
}

static int copy_file(int fd, const char *path, struct store_writer *w, struct err **err)
{
	cleanup_free uint8_t *chunk = xmalloc(CHUNK);

	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "%s", path);
		if (n == 0)
			return 0;
		r = store_writer_write(w, chunk, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

static int digest_file(int fd, const char *path, char ret[DIGEST_LEN + 1], uint64_t *ret_size,
		       struct err **err)
{
	cleanup_free uint8_t *chunk = xmalloc(CHUNK);
	struct oci_digest_state d;
	uint64_t size = 0;

	oci_digest_begin(&d);
	for (;;) {
		ssize_t n = read(fd, chunk, CHUNK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, errno, "%s", path);
		if (n == 0)
			break;
		oci_digest_add(&d, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	oci_digest_end(&d, ret);
	*ret_size = size;
	return 0;
}

static bool same_bytes(int a, int b)
{
	cleanup_free uint8_t *x = xmalloc(CHUNK), *y = xmalloc(CHUNK);
	off_t at = 0;
	ssize_t n;

	while ((n = pread(a, x, CHUNK, at)) > 0 && pread(b, y, CHUNK, at) == n &&
	       memcmp(x, y, (size_t)n) == 0)
		at += n;
	return n == 0 && pread(b, y, 1, at) == 0;
}

/* Byte by byte: one that was damaged since is not there, so it is written again. */
static bool is_there(const struct store *s, int fd, const char *digest)
{
	cleanup_free char *path = store_blob_path(s, digest);
	cleanup_fd int there = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return there >= 0 && same_bytes(there, fd);
}

static int find_file(struct store *s, int fd, const char *path, struct store_blob *ret,
		     struct err **err)
{
	char digest[DIGEST_LEN + 1];
	uint64_t size;
	int r = begin_writing(s, err);

	if (r == 0)
		r = digest_file(fd, path, digest, &size, err);
	if (r < 0)
		return r;
	*ret = (struct store_blob){ 0 };
	if (!is_there(s, fd, digest))
		return 0;
	s->unsynced = true; /* who wrote it may not have come so far */
	memcpy(ret->digest, digest, sizeof(digest));
	ret->size = size;
	ret->path = store_blob_path(s, digest);
	return 0;
}

int store_find_file(struct store *s, const char *path, struct store_blob *ret_blob,
		    struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_set_errno(err, errno, "%s", path)
		      : find_file(s, fd, path, ret_blob, err);
}

static int add_new(struct store *s, int fd, const char *path, struct store_blob *ret_blob,
		   struct err **err)
{
	struct store_writer *w;
	int r = store_writer_begin(s, &w, err);

	if (r < 0)
		return r;
	r = lseek(fd, 0, SEEK_SET) < 0 ? err_set_errno(err, errno, "%s", path)
				       : copy_file(fd, path, w, err);
	if (r < 0) {
		store_writer_abort(w);
		return r;
	}
	return store_writer_commit(w, ret_blob, err);
}

int store_add_file(struct store *s, const char *path, struct store_blob *ret_blob, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? err_set_errno(err, errno, "%s", path)
		       : find_file(s, fd, path, ret_blob, err);

	return r < 0 || *ret_blob->digest ? r : add_new(s, fd, path, ret_blob, err);
}

int store_add_bytes(struct store *s, const void *data, size_t len, struct store_blob *ret_blob,
		    struct err **err)
{
	struct store_writer *w;
	int r = store_writer_begin(s, &w, err);

	if (r < 0)
		return r;
	r = store_writer_write(w, data, len, err);
	if (r < 0) {
		store_writer_abort(w);
		return r;
	}
	return store_writer_commit(w, ret_blob, err);
}

int store_add_described(struct store *s, const void *data, size_t len, struct oci_descriptor *ret,
			struct err **err)
{
	struct store_blob blob;
	int r = store_add_bytes(s, data, len, &blob, err);

	if (r < 0)
		return r;
	memcpy(ret->digest, blob.digest, sizeof(ret->digest));
	ret->size = blob.size;
	store_blob_finish(&blob);
	return 0;
}

void store_blob_finish(struct store_blob *b)
{
	free(b->path);
	*b = (struct store_blob){ 0 };
}

static int corrupted(const char *digest, const char *how, struct err **err)
{
	return err_set(
		err, EBADMSG,
		"blob %s is %s; build its appliance again ('atoll build --force RECIPE'), or "
		"take it out ('atoll rm', 'atoll gc')",
		digest, how);
}

int store_read_blob(struct store *s, const char *digest, size_t max, struct buf *out,
		    struct err **err)
{
	cleanup_free char *path = store_blob_path(s, digest);
	char found[DIGEST_LEN + 1];
	int r = file_read(path, max, out, err);

	if (r == -ENOENT)
		return corrupted(digest, "missing", err);
	if (r < 0)
		return r;
	oci_digest_of(buf_bytes(out), out->len, found);
	return str_eq(found, digest) ? 0 : corrupted(digest, "corrupted", err);
}

int store_verify_blob(struct store *s, const struct store_blob *b, struct err **err)
{
	cleanup_free char *path = store_blob_path(s, b->digest);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char found[DIGEST_LEN + 1];
	uint64_t size = 0;
	int r;

	if (fd < 0 && errno == ENOENT)
		return corrupted(b->digest, "missing", err);
	if (fd < 0)
		return store_error(s, errno, b->digest, err);
	r = digest_file(fd, path, found, &size, err);
	if (r < 0)
		return r;
	if (size != b->size || !str_eq(found, b->digest))
		return corrupted(b->digest, "corrupted", err);
	return 0;
}
