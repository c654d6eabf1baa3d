/* SPDX-License-Identifier: MIT */
/*
 * A recipe may come from anywhere, so its files are only ever opened beneath its own folder: the
 * kernel resolves the path and refuses "..", absolute paths and links that lead out (openat2(2)).
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "closure.h"
#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

#define FILE_MAX    (256 << 20)
#define PROGRAM_DIR "usr/sbin/"

static int open_beneath(const char *dir, const char *path)
{
	cleanup_fd int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	long fd;

	if (dir_fd < 0)
		return -errno;
	fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static int explain_open(const struct recipe *recipe, const struct recipe_file *file, int r,
			struct err **err)
{
	if (r == -EXDEV)
		return err_set(
			err, EINVAL,
			"%s:%d:%d: file \"%s\" is outside the recipe's folder; copy it there",
			recipe->file, file->line, file->column, file->source);
	return err_set_errno(err, -r, "%s:%d:%d: file \"%s\"", recipe->file, file->line,
			     file->column, file->source);
}

/* The bytes of a file of the recipe, and the mode it shall have. */
static int read_source(const struct recipe *recipe, const struct recipe_file *file, struct buf *out,
		       mode_t *ret_mode, struct err **err)
{
	cleanup_fd int fd = -1;
	struct stat st;
	int r;

	if (!file->source) {
		buf_append_str(out, file->text ? file->text : "");
		*ret_mode = file->mode ? file->mode : 0644;
		return 0;
	}
	fd = open_beneath(recipe->dir, file->source);
	if (fd < 0)
		return explain_open(recipe, file, fd, err);
	if (fstat(fd, &st) < 0)
		return explain_open(recipe, file, -errno, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s:%d:%d: \"%s\" is not a regular file", recipe->file,
			       file->line, file->column, file->source);
	r = fd_read_all(fd, FILE_MAX, out);
	if (r < 0)
		return explain_open(recipe, file, r, err);
	*ret_mode = file->mode ? file->mode : st.st_mode & 0100 ? 0755 : 0644;
	return 0;
}

static int digest_one(const struct recipe *recipe, const struct recipe_file *file,
		      struct sha256 *digest, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	mode_t mode = 0;
	int r = read_source(recipe, file, &bytes, &mode, err);

	if (r < 0)
		return r;
	sha256_add_str(digest, file->path);
	sha256_add(digest, &mode, sizeof(mode));
	sha256_add(digest, &bytes.len, sizeof(bytes.len));
	sha256_add(digest, buf_bytes(&bytes), bytes.len);
	return 0;
}

static int digest_program(const char *name, struct sha256 *digest, struct err **err)
{
	cleanup_free char *path = paths_program(name);
	char hex[SHA256_HEX + 1];
	int r = sha256_file(path, hex, err);

	if (r < 0)
		return err_prefix(err, "program \"%s\"", name);
	sha256_add_str(digest, hex);
	return 0;
}

int files_digest(const struct recipe *recipe, struct sha256 *digest, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < recipe->n_files && r == 0; i++)
		r = digest_one(recipe, &recipe->files[i], digest, err);
	for (char **p = recipe->programs; p && *p && r == 0; p++)
		r = digest_program(*p, digest, err);
	return r;
}

/* Folders that every machine mounts something on, so that nobody sees what an image has there. */
static const char *const mounted[] = { "proc", "sys", "dev", "run", "tmp" };

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

/*
 * What may not be at the path: a folder, another file of the recipe, what Atoll makes of the recipe, and
 * packages' files but for configuration, unless the recipe leaves them out.
 */
static int check_place(const struct recipe *recipe, const struct tree *tree, const char *path,
		       struct err **err)
{
	const struct tree_node *there = tree_get(tree, path);

	for (size_t i = 0; i < ARRAY_SIZE(mounted); i++)
		if (is_below(path, mounted[i]))
			return err_set(err, EINVAL,
				       "machines mount a file system of their own on "
				       "/%s: nobody would see it",
				       mounted[i]);
	for (size_t i = 0; i < recipe->n_volumes; i++) {
		cleanup_free char *volume = NULL;

		if (tree_path(recipe->volumes[i].target, &volume) == 0 && is_below(path, volume))
			return err_set(err, EINVAL,
				       "the volume \"%s\" is mounted on /%s: nobody "
				       "would see it",
				       recipe->volumes[i].name, volume);
	}
	if (!there)
		return 0;
	if (S_ISDIR(there->mode))
		return err_set(err, EEXIST, "it is a folder of %s", there->owner);
	if (str_eq(there->owner, "recipe"))
		return err_set(err, EEXIST, "it is the same file as that of %s", there->detail);
	if (str_eq(there->detail, ACCOUNTS_DETAIL))
		return err_set(err, EEXIST, "it is made of the recipe's \"users\"");
	if (is_below(path, "etc") || str_eq(there->owner, "atoll") ||
	    closure_exclusion(recipe, path))
		return 0;
	return err_set(err, EEXIST,
		       "it is a file of the package %s, and not configuration; to have another in "
		       "its place, say \"keep: ['!/%s']\"",
		       there->owner, path);
}

static int put_file(struct workspace *ws, const struct recipe *recipe,
		    const struct recipe_file *file, const struct accounts *accounts,
		    struct tree *tree, struct err **err)
{
	cleanup_free char *path = NULL, *content = NULL;
	cleanup_free char *where = recipe_where(recipe, file->line, "files");
	cleanup_buf struct buf bytes = BUF_INIT;
	struct tree_node *node;
	uint32_t uid, gid;
	mode_t mode;
	int r = read_source(recipe, file, &bytes, &mode, err);

	if (r < 0)
		return r;
	if (tree_path(file->path, &path) < 0 || !*path)
		return err_set(err, EINVAL, "%s:%d:%d: \"%s\" is not a path below /", recipe->file,
			       file->line, file->column, file->path);
	r = check_place(recipe, tree, path, err);
	if (r == 0)
		r = accounts_find(accounts, file->owner, &uid, &gid, err);
	if (r < 0)
		return err_prefix(err, "%s:%d:%d: file \"%s\"", recipe->file, file->line,
				  file->column, file->path);
	r = workspace_write(ws, buf_bytes(&bytes), bytes.len, &content, err);
	if (r < 0)
		return r;
	node = tree_put_file(tree, path, mode, content, "recipe", where);
	node->uid = uid;
	node->gid = gid;
	return 0;
}

static int put_program(struct workspace *ws, const struct recipe *recipe, const char *name,
		       struct tree *tree, struct err **err)
{
	cleanup_free char *source = paths_program(name);
	cleanup_free char *path = xasprintf(PROGRAM_DIR "%s", name);
	cleanup_free char *where =
		recipe_where(recipe, recipe_line(recipe, "programs"), "programs");
	cleanup_free char *content = NULL;
	int r = workspace_copy(ws, source, &content, err);

	if (r < 0)
		return err_prefix(err, "program \"%s\"", name);
	tree_put_file(tree, path, 0755, content, "recipe", where);
	return 0;
}

int files_put(struct workspace *ws, const struct recipe *recipe, const struct accounts *accounts,
	      struct tree *tree, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < recipe->n_files && r == 0; i++)
		r = put_file(ws, recipe, &recipe->files[i], accounts, tree, err);
	for (char **p = recipe->programs; p && *p && r == 0; p++)
		r = put_program(ws, recipe, *p, tree, err);
	return r;
}
