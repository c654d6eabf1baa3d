/* SPDX-License-Identifier: MIT */
#include "tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define CHUNK 65536

struct tar {
	struct archive *a;
	int fd, code; /* code: an errno of writing */
};

static la_ssize_t handle_write(struct archive *a, void *data, const void *bytes, size_t len)
{
	struct tar *t = data;
	int r = fd_write_all(t->fd, bytes, len);

	if (r == 0)
		return (la_ssize_t)len;
	t->code = -r;
	archive_set_error(a, -r, "%s", strerror(-r));
	return -1;
}

static int fail(struct tar *t, struct err **err)
{
	const char *why = archive_error_string(t->a);

	if (t->code)
		return err_set_errno(err, t->code, "writing");
	return err_set(err, EIO, "tar: %s", why ? why : "failed");
}

static int begin(int fd, bool ustar, struct tar **ret, struct err **err)
{
	struct tar *t = xcalloc(1, sizeof(*t));

	t->fd = fd;
	t->a = archive_write_new();
	if (ustar)
		archive_write_set_format_ustar(t->a);
	else
		archive_write_set_format_gnutar(t->a);
	archive_write_set_bytes_per_block(t->a, CHUNK);
	archive_write_set_bytes_in_last_block(t->a, 512);
	if (archive_write_open(t->a, t, NULL, handle_write, NULL) != ARCHIVE_OK) {
		int r = fail(t, err);

		tar_abort(t);
		return r;
	}
	*ret = t;
	return 0;
}

int tar_begin(int fd, struct tar **ret, struct err **err)
{
	return begin(fd, false, ret, err);
}

int tar_begin_ustar(int fd, struct tar **ret, struct err **err)
{
	return begin(fd, true, ret, err);
}

static int begin_entry(struct tar *t, struct archive_entry *e, struct err **err)
{
	archive_entry_set_mtime(e, 0, 0);
	return archive_write_header(t->a, e) == ARCHIVE_OK ? 0 : fail(t, err);
}

static int write_data(struct tar *t, const void *data, size_t len, struct err **err)
{
	return archive_write_data(t->a, data, len) == (la_ssize_t)len ? 0 : fail(t, err);
}

static struct archive_entry *new_entry(const char *path, mode_t mode, uint64_t size)
{
	struct archive_entry *e = archive_entry_new();

	archive_entry_set_pathname(e, path);
	archive_entry_set_mode(e, mode);
	archive_entry_set_size(e, (la_int64_t)size);
	return e;
}

int tar_add_bytes(struct tar *t, const char *path, const void *data, size_t len, struct err **err)
{
	struct archive_entry *e = new_entry(path, S_IFREG | 0644, len);
	int r = begin_entry(t, e, err);

	archive_entry_free(e);
	return r == 0 && len ? write_data(t, data, len, err) : r;
}

int tar_add_folder(struct tar *t, const char *path, struct err **err)
{
	struct archive_entry *e = new_entry(path, S_IFDIR | 0755, 0);
	int r = begin_entry(t, e, err);

	archive_entry_free(e);
	return r;
}

/* The entry's size is what the file had when it was opened: more or less is an error. */
static int copy_data(struct tar *t, int fd, uint64_t size, struct err **err)
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	int r = 0;

	while (r == 0 && size) {
		size_t n = size < CHUNK ? size : CHUNK;

		r = fd_read_exact(fd, chunk, n);
		if (r < 0)
			return err_set_errno(err, -r, "reading");
		r = write_data(t, chunk, n, err);
		size -= n;
	}
	return r;
}

/* Fills the size in and adds the entry with that file's bytes. */
static int add_source(struct tar *t, struct archive_entry *e, const char *source, struct err **err)
{
	cleanup_fd int fd = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", source);
	archive_entry_set_size(e, (la_int64_t)st.st_size);
	r = begin_entry(t, e, err);
	return r < 0 ? r : copy_data(t, fd, (uint64_t)st.st_size, err);
}

int tar_add_file(struct tar *t, const char *path, const char *source, struct err **err)
{
	struct archive_entry *e = new_entry(path, S_IFREG | 0644, 0);
	int r = add_source(t, e, source, err);

	archive_entry_free(e);
	return r;
}

static int compare_contents(const void *a, const void *b)
{
	const struct tree_node *x = a, *y = b;

	return strcmp(x->content, y->content);
}

static int add_node(struct tar *t, void **firsts, const struct tree_node *node, struct err **err)
{
	struct archive_entry *e = new_entry(node->path, node->mode, 0);
	const struct tree_node *first = node;
	int r;

	archive_entry_set_uid(e, node->uid);
	archive_entry_set_gid(e, node->gid);
	if (S_ISREG(node->mode) && node->content)
		first = *(struct tree_node **)tsearch(node, firsts, compare_contents);
	if (S_ISLNK(node->mode))
		archive_entry_set_symlink(e, node->target);
	if (first != node)
		archive_entry_set_hardlink(e, first->path);
	if (S_ISREG(node->mode) && node->content && first == node)
		r = add_source(t, e, node->content, err);
	else
		r = begin_entry(t, e, err);
	archive_entry_free(e);
	return r < 0 ? err_prefix(err, "/%s", node->path) : 0;
}

static void keep(void *node)
{
	(void)node;
}

int tar_add_tree(struct tar *t, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	void *firsts = NULL;
	int r = 0;

	for (size_t i = 0; nodes[i] && r == 0; i++)
		r = add_node(t, &firsts, nodes[i], err);
	tdestroy(firsts, keep);
	return r;
}

int tar_end(struct tar *t, struct err **err)
{
	int r = archive_write_close(t->a) == ARCHIVE_OK ? 0 : fail(t, err);

	if (r == 0)
		tar_abort(t);
	return r;
}

void tar_abort(struct tar *t)
{
	if (!t)
		return;
	/* What is unfinished need not become a whole archive. */
	archive_write_fail(t->a);
	archive_write_free(t->a);
	free(t);
}
