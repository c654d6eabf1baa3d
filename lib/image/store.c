/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. Two lock files order those who change the store; who only reads takes none.
 *
 *	index.lock    alone, around reading, changing and replacing index.json
 *	writers.lock  shared by those who write blobs, from their first blob to store_close;
 *	              alone by gc, which gives up at once when somebody writes
 *
 * A blob comes to be by rename of a synced file from ingest/; the index by rename as well, once the blobs' names are synced. So
 * whatever happens to a writer (a kill, no space, no power) leaves at most files that nothing names,
 * which gc deletes.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "fd.h"
#include "json_read.h"
#include "mem.h"
#include "store_internal.h"
#include "str.h"

#define LAYOUT_TEXT "{\"imageLayoutVersion\": \"1.0.0\"}\n"

char *store_path(const struct store *s, const char *name)
{
	return xasprintf("%s/%s", s->path, name);
}

int store_error(const struct store *s, int code, const char *what, struct err **err)
{
	struct stat st;

	if (code == ENOSPC || code == EDQUOT)
		return err_set(err, ENOSPC,
			       "store %s: %s: no space left; nothing was changed ('atoll gc' frees "
			       "what no image has)",
			       s->path, what);
	if (code == EROFS)
		return err_set(err, EROFS,
			       "store %s: %s: the file system is read-only; set ATOLL_ROOT to a "
			       "folder that can be written to",
			       s->path, what);
	if ((code == EACCES || code == EPERM) && stat(s->path, &st) == 0)
		return err_set(
			err, code,
			"store %s: %s: permission denied; it belongs to user %u: run as that "
			"user, or set ATOLL_ROOT to a folder of your own",
			s->path, what, (unsigned int)st.st_uid);
	if (code == EACCES || code == EPERM)
		return err_set(
			err, code,
			"store %s: %s: permission denied; set ATOLL_ROOT to a folder of your "
			"own",
			s->path, what);
	return err_set_errno(err, code, "store %s: %s", s->path, what);
}

int store_lock(struct store *s, const char *name, int how, int *ret_fd, struct err **err)
{
	cleanup_free char *path = store_path(s, name);
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return store_error(s, errno, name, err);
	while (flock(fd, how) < 0) {
		if (errno != EINTR)
			return store_error(s, errno, name, err);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int make_layout(struct store *s, struct err **err)
{
	static const char *const folders[] = { "blobs/sha256", "ingest" };
	cleanup_free char *layout = store_path(s, "oci-layout");
	cleanup_free char *index = store_path(s, "index.json");
	cleanup_err struct err *cause = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++) {
		cleanup_free char *path = store_path(s, folders[i]);

		r = dir_make(path, 0755, &cause);
	}
	/* Two that make it at once write the same; an index that is there stays. */
	if (r == 0 && !file_exists(index)) {
		cleanup_fd int lock = -1;
		cleanup_index struct oci_index *empty = oci_index_new();

		r = store_lock(s, STORE_INDEX_LOCK, LOCK_EX, &lock, err);
		if (r < 0)
			return r;
		if (!file_exists(index))
			r = store_write_index(s, empty, &cause);
	}
	if (r == 0)
		r = file_write_atomic(layout, LAYOUT_TEXT, strlen(LAYOUT_TEXT), 0644, &cause);
	return r < 0 ? store_error(s, -r, "cannot be made", err) : 0;
}

static int check_layout(const char *path, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_json json_t *o = NULL;
	const char *version;
	int r = file_read(path, 65536, &text, err);

	if (r == 0)
		r = json_read_text(buf_bytes(&text), text.len, &o, err);
	if (r < 0)
		return r;
	version = json_string_value(json_object_get(o, "imageLayoutVersion"));
	if (!version || !str_starts(version, "1."))
		return err_set(err, EBADMSG, "%s: expected imageLayoutVersion 1.x, found \"%s\"",
			       path, version ? version : "");
	return 0;
}

int store_open(const char *path, struct store **ret, struct err **err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	cleanup_free char *layout = NULL;
	int r;

	s->path = xstrdup(path);
	s->writing = -1;
	layout = store_path(s, "oci-layout");
	if (access(layout, F_OK) == 0)
		r = check_layout(layout, err);
	else if (errno == ENOENT)
		r = make_layout(s, err);
	else
		r = store_error(s, errno, "oci-layout", err);
	if (r < 0) {
		store_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	fd_close(&s->writing);
	free(s->path);
	free(s);
}

int store_read_index(struct store *s, struct oci_index **ret, struct err **err)
{
	cleanup_free char *path = store_path(s, "index.json");
	cleanup_buf struct buf text = BUF_INIT;
	int r = file_read(path, OCI_INDEX_MAX, &text, err);

	if (r == -ENOENT) {
		err_free(err ? steal_ptr(*err) : NULL);
		*ret = oci_index_new();
		return 0;
	}
	if (r < 0)
		return r == -EACCES ? store_error(s, EACCES, "index.json", err) : r;
	r = oci_index_parse(buf_bytes(&text), text.len, ret, err);
	if (r < 0) {
		err_prefix(err,
			   "%s is damaged (move it away and build the appliances again; their "
			   "blobs are still there)",
			   path);
		return r;
	}
	return 0;
}

int store_write_index(struct store *s, const struct oci_index *index, struct err **err)
{
	cleanup_free char *path = store_path(s, "index.json");
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_err struct err *cause = NULL;
	int r = store_sync_blobs(s);

	if (r < 0)
		return store_error(s, -r, "blobs", err);
	oci_index_write(index, &text);
	r = file_write_atomic(path, buf_bytes(&text), text.len, 0644, &cause);
	return r < 0 ? store_error(s, -r, "index.json", err) : 0;
}
