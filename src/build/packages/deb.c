/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: the outer ar archive is walked to the member that is asked for, and a second
 * libarchive reader takes its bytes from the first through a callback, so nothing is copied to disk
 * on the way.
 */
#include "deb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define CHUNK 65536

struct member {
	struct archive *ar;
	char chunk[CHUNK];
};

static la_ssize_t handle_read(struct archive *inner, void *data, const void **ret_chunk)
{
	struct member *m = data;
	la_ssize_t n = archive_read_data(m->ar, m->chunk, sizeof(m->chunk));

	if (n < 0)
		archive_set_error(inner, EIO, "%s", archive_error_string(m->ar));
	*ret_chunk = m->chunk;
	return n;
}

static int fail(struct archive *a, const char *what, struct err **err)
{
	const char *why = archive_error_string(a);

	return err_set(err, EBADMSG, "%s: %s", what, why ? why : "damaged");
}

static int each_entry(struct archive *tar, deb_entry_fn fn, void *data, struct err **err)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(tar, &entry)) != ARCHIVE_EOF) {
		if (r < ARCHIVE_WARN || r == ARCHIVE_RETRY)
			return fail(tar, "tar", err);
		r = fn(tar, entry, data, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_member(struct archive *ar, deb_entry_fn fn, void *data, struct err **err)
{
	cleanup_free struct member *m = xcalloc(1, sizeof(*m));
	struct archive *tar = archive_read_new();
	int r;

	m->ar = ar;
	archive_read_support_filter_xz(tar);
	archive_read_support_filter_zstd(tar);
	archive_read_support_filter_gzip(tar);
	archive_read_support_format_tar(tar);
	if (archive_read_open(tar, m, NULL, handle_read, NULL) != ARCHIVE_OK)
		r = fail(tar, "tar", err);
	else
		r = each_entry(tar, fn, data, err);
	archive_read_free(tar);
	return r;
}

static int find_member(struct archive *ar, const char *prefix, deb_entry_fn fn, void *data,
		       struct err **err)
{
	struct archive_entry *entry;
	int r;

	while ((r = archive_read_next_header(ar, &entry)) != ARCHIVE_EOF) {
		const char *name;

		if (r != ARCHIVE_OK)
			return fail(ar, "ar", err);
		name = archive_entry_pathname(entry);
		if (name && str_starts(name, prefix))
			return read_member(ar, fn, data, err);
	}
	return err_set(err, EBADMSG, "no %s in it: not a Debian package", prefix);
}

static int each(const char *deb, const char *member, deb_entry_fn fn, void *data, struct err **err)
{
	struct archive *ar = archive_read_new();
	int r;

	archive_read_support_format_ar(ar);
	if (archive_read_open_filename(ar, deb, CHUNK) != ARCHIVE_OK)
		r = fail(ar, "ar", err);
	else
		r = find_member(ar, member, fn, data, err);
	archive_read_free(ar);
	return r;
}

int deb_each_data(const char *deb, deb_entry_fn fn, void *data, struct err **err)
{
	return each(deb, "data.tar", fn, data, err);
}

int deb_each_control(const char *deb, deb_entry_fn fn, void *data, struct err **err)
{
	return each(deb, "control.tar", fn, data, err);
}

ssize_t deb_read_some(struct archive *a, void *data, size_t room, struct err **err)
{
	la_ssize_t n = archive_read_data(a, data, room);

	return n < 0 ? fail(a, "tar", err) : n;
}

int deb_extract(struct archive *a, const char *path, struct err **err)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	cleanup_free char *chunk = xmalloc(CHUNK);
	ssize_t n;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	while ((n = deb_read_some(a, chunk, CHUNK, err)) > 0) {
		int r = fd_write_all(fd, chunk, (size_t)n);

		if (r < 0)
			return err_set_errno(err, -r, "cannot unpack to %s", path);
	}
	return (int)n;
}

int deb_read(struct archive *a, size_t max, struct buf *out, struct err **err)
{
	size_t got = 0;
	ssize_t n;

	while ((n = deb_read_some(a, buf_reserve(out, CHUNK), CHUNK, err)) > 0) {
		got += (size_t)n;
		if (got > max)
			return err_set(err, EFBIG, "longer than %zu bytes", max);
		buf_commit(out, (size_t)n);
	}
	return (int)n;
}
