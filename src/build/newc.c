/* SPDX-License-Identifier: MIT */
#include "newc.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include "fd.h"
#include "mem.h"

#define FILE_MAX (64 << 20)

struct newc {
	struct archive *a;
	int64_t ino; /* counted, so that the bytes do not depend on where files happen to be */
};

int newc_begin(const char *path, bool packed, struct newc **ret, struct err **err)
{
	struct newc *n = xcalloc(1, sizeof(*n));

	n->a = archive_write_new();
	archive_write_set_format_cpio_newc(n->a);
	if (packed) {
		archive_write_add_filter_zstd(n->a);
		archive_write_set_options(n->a, "zstd:compression-level=19");
	}
	if (archive_write_open_filename(n->a, path) == ARCHIVE_OK) {
		*ret = n;
		return 0;
	}
	err_set(err, EIO, "%s: %s", path, archive_error_string(n->a));
	return newc_end(n, -EIO, err);
}

int newc_add(struct newc *n, const char *path, mode_t mode, dev_t rdev, const struct buf *bytes,
	     struct err **err)
{
	struct archive_entry *entry = archive_entry_new();
	size_t len = bytes ? bytes->len : 0;
	int r = 0;

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_rdev(entry, rdev);
	archive_entry_set_size(entry, (la_int64_t)len);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_nlink(entry, S_ISDIR(mode) ? 2 : 1);
	archive_entry_set_ino64(entry, ++n->ino);
	if (archive_write_header(n->a, entry) != ARCHIVE_OK ||
	    (len && archive_write_data(n->a, buf_bytes(bytes), len) != (la_ssize_t)len))
		r = err_set(err, EIO, "%s: %s", path, archive_error_string(n->a));
	archive_entry_free(entry);
	return r;
}

int newc_add_file(struct newc *n, const char *path, const char *source, mode_t mode,
		  struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = file_read(source, FILE_MAX, &bytes, err);

	return r < 0 ? r : newc_add(n, path, S_IFREG | mode, 0, &bytes, err);
}

int newc_end(struct newc *n, int r, struct err **err)
{
	if (r == 0 && archive_write_close(n->a) != ARCHIVE_OK)
		r = err_set(err, EIO, "%s", archive_error_string(n->a));
	archive_write_free(n->a);
	free(n);
	return r;
}
