/* SPDX-License-Identifier: MIT */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "sha256.h"
#include "str.h"

int bundle_open(struct workspace *ws, const char *source, struct bundle *ret, struct err **err)
{
	struct bundle b = { 0 };
	struct layers l = { .ws = ws, .plain = true };
	struct stat st;
	int r;

	if (stat(source, &st) < 0)
		return err_set_errno(err, errno, "%s", source);
	*ret = b;
	if (S_ISDIR(st.st_mode)) {
		ret->folder = source;
		return 0;
	}
	l.tree = &ret->tree;
	r = layer_apply(&l, source, err);
	if (r < 0)
		bundle_finish(ret);
	return r;
}

void bundle_finish(struct bundle *b)
{
	tree_finish(&b->tree);
}

/* A regular file inside the folder; no link is followed. */
static bool is_inside(const char *folder, const char *name)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	cleanup_fd int top = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_fd int fd = -1;
	struct stat st;

	if (top < 0)
		return false;
	fd = (int)syscall(SYS_openat2, top, name, &how, sizeof(how));
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static char *find(const struct bundle *b, const char *name)
{
	const struct tree_node *node;

	if (b->folder)
		return is_inside(b->folder, name) ? xasprintf("%s/%s", b->folder, name) : NULL;
	node = layer_find(&b->tree, name);
	return node && node->content ? xstrdup(node->content) : NULL;
}

bool bundle_has(const struct bundle *b, const char *name)
{
	cleanup_free char *path = find(b, name);

	return path != NULL;
}

int bundle_find(const struct bundle *b, const char *name, char **ret_path, struct err **err)
{
	*ret_path = find(b, name);
	return *ret_path ? 0 : err_set(err, ENOENT, "it has no file %s", name);
}

int bundle_find_blob(const struct bundle *b, const char *name, char **ret_path, struct err **err)
{
	const char *slash = strrchr(name, '/');
	cleanup_free char *path = NULL;
	char hex[SHA256_HEX + 1];
	int r = bundle_find(b, name, &path, err);

	if (r == 0)
		r = sha256_file(path, hex, err);
	if (r == 0 && !str_eq(hex, slash ? slash + 1 : name))
		r = err_set(err, EBADMSG, "%s: damaged, it has the digest %s", name, hex);
	if (r == 0)
		*ret_path = steal_ptr(path);
	return r;
}
