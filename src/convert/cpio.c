/* SPDX-License-Identifier: MIT */
#include "cpio.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "fd.h"
#include "mem.h"

#define FIRST_INODE 0x10000 /* above those of the archive that this one is put behind */
#define ALIGN       512

struct newc {
	const char *folder, *path; /* "FOLDER/PATH"; folder may be "" */
	mode_t mode;
	uint32_t uid, gid, inode;
	unsigned int links;
	uint64_t size;
};

static int put(struct cpio *c, const void *data, size_t len, struct err **err)
{
	int r = fd_write_all(c->fd, data, len);

	c->bytes += len;
	return r < 0 ? err_set_errno(err, -r, "writing") : 0;
}

static int pad(struct cpio *c, uint64_t to, struct err **err)
{
	static const char zeros[ALIGN];

	return put(c, zeros, (size_t)((to - c->bytes % to) % to), err);
}

static int put_header(struct cpio *c, const struct newc *e, struct err **err)
{
	cleanup_free char *name =
		xasprintf("%s%s%s", e->folder, *e->folder && *e->path ? "/" : "", e->path);
	cleanup_free char *header = NULL;
	int r;

	if (e->size > UINT32_MAX)
		return err_set(err, EFBIG, "/%s is too large for an initramfs", e->path);
	header = xasprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", e->inode,
			   e->mode, e->uid, e->gid, e->links, 0, (unsigned int)e->size, 0, 0, 0, 0,
			   (unsigned int)strlen(name) + 1, 0);
	r = put(c, header, strlen(header), err);
	if (r == 0)
		r = put(c, name, strlen(name) + 1, err);
	return r < 0 ? r : pad(c, 4, err);
}

static uint32_t next_inode(struct cpio *c)
{
	c->inode = c->inode ? c->inode + 1 : FIRST_INODE;
	return c->inode;
}

int cpio_add_folder(struct cpio *c, const char *path, struct err **err)
{
	struct newc e = { "", path, S_IFDIR | 0755, 0, 0, next_inode(c), 2, 0 };

	return put_header(c, &e, err);
}

int cpio_add_bytes(struct cpio *c, const char *path, const void *data, size_t len, struct err **err)
{
	struct newc e = { "", path, S_IFREG | 0644, 0, 0, next_inode(c), 1, len };
	int r = put_header(c, &e, err);

	if (r == 0)
		r = put(c, data, len, err);
	return r < 0 ? r : pad(c, 4, err);
}

/* The entry with a file's bytes. */
static int put_source(struct cpio *c, struct newc *e, const char *source, struct err **err)
{
	cleanup_fd int fd = open(source, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", source);
	e->size = (uint64_t)st.st_size;
	r = put_header(c, e, err);
	if (r == 0)
		r = copy_bytes(fd, c->fd, e->size, err);
	c->bytes += e->size;
	return r < 0 ? r : pad(c, 4, err);
}

int cpio_add_program(struct cpio *c, const char *path, const char *source, struct err **err)
{
	struct newc e = { "", path, S_IFREG | 0755, 0, 0, next_inode(c), 1, 0 };

	return put_source(c, &e, source, err);
}

struct first {
	const char *content;
	uint32_t inode;
};

static int compare_firsts(const void *a, const void *b)
{
	return strcmp(((const struct first *)a)->content, ((const struct first *)b)->content);
}

/* Whether the file came under another name already; its inode is then that one's. */
static bool is_further(void **firsts, const char *content, uint32_t *inode)
{
	struct first *f = xmalloc(sizeof(*f)), *there;

	*f = (struct first){ content, *inode };
	there = *(struct first **)tsearch(f, firsts, compare_firsts);
	if (there == f)
		return false;
	free(f);
	*inode = there->inode;
	return true;
}

/* The kernel takes a name of an inode that it knows, of a file with more names than one, as a link. */
static int add_node(struct cpio *c, const char *folder, void **firsts, const struct tree_node *n,
		    struct err **err)
{
	struct newc e = { folder, n->path, n->mode, n->uid, n->gid, next_inode(c), 2, 0 };
	int r;

	if (S_ISREG(n->mode) && n->content && !is_further(firsts, n->content, &e.inode))
		return put_source(c, &e, n->content, err);
	if (!S_ISLNK(n->mode))
		return put_header(c, &e, err);
	e.links = 1;
	e.size = strlen(n->target);
	r = put_header(c, &e, err);
	if (r == 0)
		r = put(c, n->target, e.size, err);
	return r < 0 ? r : pad(c, 4, err);
}

int cpio_add_tree(struct cpio *c, const char *folder, const struct tree *tree, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	void *firsts = NULL;
	int r = cpio_add_folder(c, folder, err);

	for (size_t i = 0; nodes[i] && r == 0; i++)
		r = add_node(c, folder, &firsts, nodes[i], err);
	tdestroy(firsts, free);
	return r;
}

int cpio_end(struct cpio *c, struct err **err)
{
	struct newc e = { "", "TRAILER!!!", 0, 0, 0, 0, 1, 0 };
	int r = put_header(c, &e, err);

	return r < 0 ? r : pad(c, ALIGN, err);
}
