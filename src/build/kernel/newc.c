/* SPDX-License-Identifier: MIT */
#include "newc.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <search.h>

#include "content.h"
#include "fd.h"
#include "mem.h"

#define FILE_MAX (64 << 20)
#define ALIGN    512

struct newc {
	struct archive *a;
	int64_t ino;
	void *firsts; /* struct first, by content */
};

/* Of the names of an inode the first, which has the bytes. */
struct first {
	const struct tree_node *node;
	int64_t ino;
};

static struct newc *new_writer(void)
{
	struct newc *n = xcalloc(1, sizeof(*n));

	n->a = archive_write_new();
	archive_write_set_format_cpio_newc(n->a);
	return n;
}

/* status: of opening. */
static int begin(struct newc *n, int status, struct newc **ret, struct err **err)
{
	if (status == ARCHIVE_OK) {
		*ret = n;
		return 0;
	}
	err_set(err, EIO, "%s", archive_error_string(n->a));
	return newc_end(n, -EIO, err);
}

int newc_create(const char *path, bool packed, struct newc **ret, struct err **err)
{
	struct newc *n = new_writer();
	int r;

	if (packed) {
		archive_write_add_filter_zstd(n->a);
		archive_write_set_options(n->a, "zstd:compression-level=19");
	}
	r = begin(n, archive_write_open_filename(n->a, path), ret, err);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

int newc_append(int fd, struct newc **ret, struct err **err)
{
	struct newc *n = new_writer();

	archive_write_set_bytes_in_last_block(n->a, ALIGN);
	return begin(n, archive_write_open_fd(n->a, fd), ret, err);
}

static struct archive_entry *new_entry(struct newc *n, const char *path, mode_t mode)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, path);
	archive_entry_set_mode(entry, mode);
	archive_entry_set_size(entry, 0);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_nlink(entry, S_ISDIR(mode) ? 2 : 1);
	archive_entry_set_ino64(entry, ++n->ino);
	return entry;
}

/* Frees the entry. */
static int put(struct newc *n, struct archive_entry *entry, const void *data, size_t len,
	       struct err **err)
{
	int r = 0;

	if (len)
		archive_entry_set_size(entry, (la_int64_t)len);
	if (archive_write_header(n->a, entry) != ARCHIVE_OK ||
	    (len && archive_write_data(n->a, data, len) != (la_ssize_t)len))
		r = err_set(err, EIO, "%s: %s", archive_entry_pathname(entry),
			    archive_error_string(n->a));
	archive_entry_free(entry);
	return r;
}

int newc_add(struct newc *n, const char *path, mode_t mode, dev_t rdev, const struct buf *bytes,
	     struct err **err)
{
	struct archive_entry *entry = new_entry(n, path, mode);

	archive_entry_set_rdev(entry, rdev);
	return put(n, entry, bytes ? buf_bytes(bytes) : NULL, bytes ? bytes->len : 0, err);
}

int newc_add_file(struct newc *n, const char *path, const char *source, mode_t mode,
		  struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = file_read(source, FILE_MAX, &bytes, err);

	return r < 0 ? r : newc_add(n, path, S_IFREG | mode, 0, &bytes, err);
}

static int compare_firsts(const void *a, const void *b)
{
	const struct first *x = a, *y = b;

	return content_compare(x->node, y->node);
}

/* Whether the inode came under another name already; *ino is then that one's. */
static bool is_further(struct newc *n, const struct tree_node *node, int64_t *ino)
{
	struct first *f = xmalloc(sizeof(*f)), *there;

	*f = (struct first){ node, *ino };
	there = *(struct first **)tsearch(f, &n->firsts, compare_firsts);
	if (there == f)
		return false;
	free(f);
	*ino = there->ino;
	return true;
}

static int put_content(struct newc *n, struct archive_entry *entry, const struct tree_node *node,
		       struct err **err)
{
	struct content content;
	int r = content_map(node, &content, err);

	if (r < 0) {
		archive_entry_free(entry);
		return r;
	}
	r = put(n, entry, content.data, content.len, err);
	content_unmap(&content);
	return r;
}

/* The kernel takes a name of an inode that it knows, of a file with more names than one, as a link. */
static int put_file(struct newc *n, struct archive_entry *entry, const struct tree_node *node,
		    struct err **err)
{
	int64_t ino = n->ino;

	if (!node->content)
		return put(n, entry, NULL, 0, err);
	archive_entry_set_nlink(entry, 2);
	if (!is_further(n, node, &ino))
		return put_content(n, entry, node, err);
	archive_entry_set_ino64(entry, ino);
	return put(n, entry, NULL, 0, err);
}

static int add_node(struct newc *n, const char *folder, const struct tree_node *node,
		    struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, node->path);
	struct archive_entry *entry = new_entry(n, path, node->mode);

	archive_entry_set_uid(entry, node->uid);
	archive_entry_set_gid(entry, node->gid);
	if (S_ISREG(node->mode))
		return put_file(n, entry, node, err);
	if (S_ISLNK(node->mode))
		archive_entry_set_symlink(entry, node->target);
	return put(n, entry, NULL, 0, err);
}

int newc_add_tree(struct newc *n, const char *folder, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	int r = newc_add(n, folder, S_IFDIR | 0755, 0, NULL, err);

	for (size_t i = 0; nodes[i] && r == 0; i++)
		r = add_node(n, folder, nodes[i], err);
	return r;
}

int newc_end(struct newc *n, int r, struct err **err)
{
	if (r == 0 && archive_write_close(n->a) != ARCHIVE_OK)
		r = err_set(err, EIO, "%s", archive_error_string(n->a));
	archive_write_free(n->a);
	tdestroy(n->firsts, free);
	free(n);
	return r;
}
