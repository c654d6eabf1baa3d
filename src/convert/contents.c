/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: fsck.erofs unpacks the files' bytes as whoever runs it; names, owners and modes
 * are read from the image itself (erofs.h), so that nothing of them is lost on the way.
 */
#include "contents.h"

#include <errno.h>
#include <search.h>
#include <sys/stat.h>

#include "command.h"
#include "erofs.h"
#include "mem.h"
#include "str.h"

struct first {
	uint64_t number;
	char *content;
};

struct reading {
	const char *root; /* where the bytes are */
	struct tree *tree;
	void *firsts; /* of tsearch(3): the first name of each file, by inode */
};

static int compare_firsts(const void *a, const void *b)
{
	const struct first *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static void free_first(void *p)
{
	struct first *f = p;

	free(f->content);
	free(f);
}

/* The content of the inode's first name. */
static const char *content_of(struct reading *r, const struct erofs_file *file)
{
	struct first key = { .number = file->number }, *f;
	void **found = tfind(&key, &r->firsts, compare_firsts);

	if (found)
		return (*(struct first **)found)->content;
	f = xmalloc(sizeof(*f));
	f->number = file->number;
	f->content = xasprintf("%s/%s", r->root, file->path);
	if (!tsearch(f, &r->firsts, compare_firsts))
		abort(); /* out of memory, as in base/mem.h */
	return f->content;
}

static int handle_file(const struct erofs_file *file, void *data, struct err **err)
{
	struct reading *r = data;
	struct tree_node node = { .mode = file->mode, .uid = file->uid, .gid = file->gid };

	if (!S_ISREG(file->mode) && !S_ISDIR(file->mode) && !S_ISLNK(file->mode))
		return err_set(
			err, EINVAL,
			"/%s is a device, socket or pipe; an appliance has none in its image",
			file->path);
	node.path = xstrdup(file->path);
	if (S_ISREG(file->mode))
		node.content = xstrdup(content_of(r, file));
	if (file->target)
		node.target = xstrdup(file->target);
	tree_put(r->tree, node);
	return 0;
}

static int unpack(const char *image, const char *root, struct err **err)
{
	cleanup_free char *option = xasprintf("--extract=%s", root);
	const char *const argv[] = { "fsck.erofs", option, "--no-preserve", image, NULL };
	struct command c = { .argv = argv, .package = "erofs-utils" };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	cleanup_free char *line = NULL;
	int status, r = command_run(&c, &out, &errors, &status, err);

	if (r < 0 || status == 0)
		return r;
	line = command_last_line(errors.len ? &errors : &out);
	return err_set(err, EIO, "fsck.erofs failed with %d: %s", status, line);
}

int contents_read(struct workspace *ws, const struct store_image *image, struct tree *ret,
		  struct err **err)
{
	cleanup_free char *root = workspace_temp(ws, "contents");
	struct reading reading = { .root = root, .tree = ret };
	int r = unpack(image->rootfs.path, root, err);

	if (r == 0)
		r = erofs_each(image->rootfs.path, handle_file, &reading, err);
	tdestroy(reading.firsts, free_first);
	return r < 0 ? err_prefix(err, "root file system") : 0;
}
