/* SPDX-License-Identifier: MIT */
/*
 * A recipe may come from anywhere, so its files are only ever opened beneath its own folder: the
 * kernel resolves the path and refuses "..", absolute paths and links that lead out (openat2(2)).
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
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
#define FILES_MAX   20000
#define DEPTH_MAX   40 /* of folders; a link to one above leads round for ever */
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

/* --- folders --- */

typedef int (*file_fn)(const struct recipe_file *file, void *data, struct err **err);

struct walk {
	const struct recipe *recipe;
	file_fn take;
	void *data;
	size_t n; /* how many files there were */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a folder, sorted, so that whoever lists them gets the same. */
static int list_names(int fd, char ***ret)
{
	DIR *dir = fdopendir(fd);
	char **names = NULL;
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			strv_append(&names, e->d_name);
	closedir(dir);
	if (names)
		qsort(names, strv_len(names), sizeof(*names), compare_names);
	*ret = names;
	return 0;
}

static int visit(struct walk *w, const struct recipe_file *file, int depth, struct err **err);

/* What a folder has goes below the path that it has, each file as if the recipe had named it. */
static int visit_folder(struct walk *w, const struct recipe_file *file, int fd, int depth,
			struct err **err)
{
	cleanup_strv char **names = NULL;
	int r = list_names(fd, &names);

	if (depth == DEPTH_MAX)
		return err_set(
			err, EINVAL,
			"%s:%d:%d: \"%s\" is more than %d folders deep; does a link lead round?",
			w->recipe->file, file->line, file->column, file->source, DEPTH_MAX);
	if (r < 0)
		return explain_open(w->recipe, file, r, err);
	for (char **name = names; name && *name && r == 0; name++) {
		cleanup_free char *path = xasprintf("%s/%s", file->path, *name);
		cleanup_free char *source = xasprintf("%s/%s", file->source, *name);
		struct recipe_file below = *file;

		below.path = path;
		below.source = source;
		r = visit(w, &below, depth + 1, err);
	}
	return r;
}

static int visit(struct walk *w, const struct recipe_file *file, int depth, struct err **err)
{
	struct stat st;
	int fd;

	if (!file->source)
		return w->take(file, w->data, err);
	fd = open_beneath(w->recipe->dir, file->source);
	if (fd < 0)
		return explain_open(w->recipe, file, fd, err);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return visit_folder(w, file, fd, depth, err); /* which closes it */
	close(fd);
	if (++w->n > FILES_MAX)
		return err_set(err, E2BIG, "%s:%d:%d: more than %d files", w->recipe->file,
			       file->line, file->column, FILES_MAX);
	return w->take(file, w->data, err);
}

static int each_file(const struct recipe *recipe, file_fn take, void *data, struct err **err)
{
	struct walk w = { .recipe = recipe, .take = take, .data = data };
	int r = 0;

	for (size_t i = 0; i < recipe->n_files && r == 0; i++)
		r = visit(&w, &recipe->files[i], 0, err);
	return r;
}

/* --- one file --- */

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
		return err_set(err, EINVAL,
			       "%s:%d:%d: \"%s\" is neither a regular file nor a folder",
			       recipe->file, file->line, file->column, file->source);
	r = fd_read_all(fd, FILE_MAX, out);
	if (r < 0)
		return explain_open(recipe, file, r, err);
	*ret_mode = file->mode ? file->mode : st.st_mode & 0100 ? 0755 : 0644;
	return 0;
}

struct digesting {
	const struct recipe *recipe;
	struct sha256 *digest;
};

static int digest_one(const struct recipe_file *file, void *data, struct err **err)
{
	const struct digesting *d = data;
	cleanup_buf struct buf bytes = BUF_INIT;
	mode_t mode = 0;
	int r = read_source(d->recipe, file, &bytes, &mode, err);

	if (r < 0)
		return r;
	sha256_add_str(d->digest, file->path);
	sha256_add(d->digest, &mode, sizeof(mode));
	sha256_add(d->digest, &bytes.len, sizeof(bytes.len));
	sha256_add(d->digest, buf_bytes(&bytes), bytes.len);
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
	struct digesting d = { .recipe = recipe, .digest = digest };
	int r = each_file(recipe, digest_one, &d, err);

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

struct putting {
	struct workspace *ws;
	const struct recipe *recipe;
	const struct accounts *accounts;
	struct tree *tree;
};

static int put_file(const struct recipe_file *file, void *data, struct err **err)
{
	const struct putting *p = data;
	const struct recipe *recipe = p->recipe;
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
	r = check_place(recipe, p->tree, path, err);
	if (r == 0)
		r = accounts_find(p->accounts, file->owner, &uid, &gid, err);
	if (r < 0)
		return err_prefix(err, "%s:%d:%d: file \"%s\"", recipe->file, file->line,
				  file->column, file->path);
	r = workspace_write(p->ws, buf_bytes(&bytes), bytes.len, &content, err);
	if (r < 0)
		return r;
	node = tree_put_file(p->tree, path, mode, content, "recipe", where);
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
	struct putting all = { .ws = ws, .recipe = recipe, .accounts = accounts, .tree = tree };
	int r = each_file(recipe, put_file, &all, err);

	for (char **p = recipe->programs; p && *p && r == 0; p++)
		r = put_program(ws, recipe, *p, tree, err);
	return r;
}
