/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A runtime has all classes of all modules in one file, lib/modules, with tables that are
 * made for just these modules; so a smaller one cannot be cut out of it, jlink(1) has to make it of the files .jmod.
 * That is a program of the packages, of the very version of the modules, and so it runs as a recipe's test does:
 * in a machine, without network. Its result depends on nothing but the modules, and is kept in the cache, with its
 * digest behind it, since nothing has to be believed of a cache.
 */
#include "java_link.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "java_modules.h"
#include "mem.h"
#include "sha256.h"
#include "str.h"
#include "trim.h"

#define FORMAT      "1" /* of the key */
#define JMODS       "usr/lib/jvm/*/jmods/*.jmod"
#define CACHE       "java"
#define CACHE_MAX   ((uint64_t)1 << 30)
#define MODULES_MAX ((size_t)1 << 30)
#define IMAGE       "runtime" /* what jlink makes, below TRIAL_MADE */

struct work {
	const struct trial *t;
	struct tree *tree, *left;
	struct tree_node **jmods; /* to link; NULL at their end */
	size_t n;
	char *folder; /* of them, with a slash at its end */
	char *home;
	struct tree_node *modules;
	char **names; /* "java.base", … */
};

/* --- which --- */

static bool is_jmod(const struct tree_node *node)
{
	return S_ISREG(node->mode) && fnmatch(JMODS, node->path, FNM_PATHNAME) == 0;
}

static void add_jmod(struct work *w, struct tree_node *node)
{
	const char *name = strrchr(node->path, '/') + 1;

	strv_take(&w->names, xstrndup(name, strlen(name) - strlen(".jmod")));
	w->jmods[w->n++] = node;
}

/* Of the first runtime that has some. */
static void find_jmods(struct work *w)
{
	cleanup_free struct tree_node **nodes = tree_list(w->tree);

	w->jmods = xcalloc(w->tree->n + 1, sizeof(struct tree_node *));
	for (size_t i = 0; nodes[i]; i++) {
		if (!is_jmod(nodes[i]))
			continue;
		if (!w->folder)
			w->folder = xstrndup(nodes[i]->path, (size_t)(strrchr(nodes[i]->path, '/') +
								      1 - nodes[i]->path));
		if (str_starts(nodes[i]->path, w->folder))
			add_jmod(w, nodes[i]);
	}
}

static bool leaves_some(const struct work *w)
{
	cleanup_free struct tree_node **nodes = tree_list(w->left);

	for (size_t i = 0; nodes[i]; i++)
		if (is_jmod(nodes[i]) && str_starts(nodes[i]->path, w->folder))
			return true;
	return false;
}

static bool find(struct work *w)
{
	cleanup_free char *path = NULL;

	find_jmods(w);
	if (!w->n || !leaves_some(w))
		return false;
	w->home = xstrndup(w->folder, strlen(w->folder) - strlen("/jmods/"));
	path = xasprintf("%s/lib/modules", w->home);
	w->modules = tree_get(w->tree, path);
	return w->modules && !str_eq(w->modules->owner, "recipe");
}

/* --- linking --- */

static void add_package(const struct work *w, struct sha256 *key, const char *name)
{
	const struct package *p = package_list_find(w->t->packages, name);

	sha256_add_str(key, name);
	sha256_add_str(key, p ? p->sha256 : NULL);
}

static char *find_cached(const struct work *w)
{
	char hex[SHA256_HEX + 1];
	struct sha256 key;

	sha256_begin(&key);
	sha256_add_str(&key, FORMAT);
	add_package(w, &key, w->jmods[0]->owner);
	add_package(w, &key, w->modules->owner);
	for (char **name = w->names; *name; name++)
		sha256_add_str(&key, *name);
	sha256_end(&key, hex);
	return workspace_cached(w->t->ws, CACHE, hex);
}

static void digest(const void *bytes, size_t len, char hex[SHA256_HEX + 1])
{
	struct sha256 d;

	sha256_begin(&d);
	sha256_add(&d, bytes, len);
	sha256_end(&d, hex);
}

/* What was linked before, if it is as it was then. */
static bool read_cached(const char *path, struct buf *out)
{
	char hex[SHA256_HEX + 1];

	if (file_read(path, MODULES_MAX, out, NULL) == 0 && out->len > SHA256_HEX) {
		size_t len = out->len - SHA256_HEX;

		digest(buf_bytes(out), len, hex);
		if (memcmp(buf_bytes(out) + len, hex, SHA256_HEX) == 0) {
			out->len = len;
			return true;
		}
	}
	buf_clear(out);
	return false;
}

/* One thread and a small heap: others build beside us. The caller frees. */
static char **jlink_command(const struct work *w)
{
	cleanup_free char *program = xasprintf("/%s/bin/jlink", w->home);
	cleanup_free char *folder = xasprintf("/%s", w->folder);
	cleanup_free char *names = strv_join(w->names, ",");
	const char *const words[] = { program,
				      "-J-XX:+UseSerialGC",
				      "-J-XX:TieredStopAtLevel=1",
				      "-J-Xmx512m",
				      "--module-path",
				      folder,
				      "--add-modules",
				      names,
				      "--output",
				      TRIAL_MADE "/" IMAGE };
	char **argv = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		strv_append(&argv, words[i]);
	return argv;
}

static int run_jlink(const struct work *w, struct buf *out, struct err **err)
{
	cleanup_strv char **argv = jlink_command(w);
	cleanup_free char *made = workspace_temp(w->t->ws, "modules");
	int r = trial_make(w->t, argv, IMAGE "/lib/modules", made, err);

	if (r == 0)
		r = file_read(made, MODULES_MAX, out, err);
	unlink(made);
	return r;
}

static int keep_cached(const struct work *w, const char *cached, const struct buf *bytes,
		       struct err **err)
{
	cleanup_free char *folder = xstrndup(cached, (size_t)(strrchr(cached, '/') - cached));
	cleanup_free char *temp = NULL;
	cleanup_buf struct buf all = BUF_INIT;
	char hex[SHA256_HEX + 1];
	int r;

	digest(buf_bytes(bytes), bytes->len, hex);
	buf_append(&all, buf_bytes(bytes), bytes->len);
	buf_append_str(&all, hex);
	r = workspace_write(w->t->ws, buf_bytes(&all), all.len, &temp, err);
	if (r == 0)
		r = workspace_keep(temp, cached, err);
	trim_folder(folder, CACHE_MAX);
	return r;
}

static int make_modules(const struct work *w, struct buf *out, struct err **err)
{
	cleanup_free char *cached = find_cached(w);
	int r;

	if (read_cached(cached, out))
		return 0;
	r = run_jlink(w, out, err);
	return r < 0 ? r : keep_cached(w, cached, out, err);
}

/* --- the image --- */

static void lead_to_modules(struct work *w)
{
	cleanup_free struct tree_node **nodes = tree_list(w->tree);

	for (size_t i = 0; nodes[i]; i++)
		if (!is_jmod(nodes[i]))
			java_modules_stand_in(nodes[i], w->folder, w->modules);
}

static int replace(struct work *w, const struct buf *bytes, struct err **err)
{
	cleanup_free char *names = strv_join(w->names, ", ");
	cleanup_free char *detail = xasprintf("jlink made it of %s", names);
	cleanup_free char *folder = xstrndup(w->folder, strlen(w->folder) - 1);
	cleanup_free char *by = w->modules->by ? xstrdup(w->modules->by) : NULL;
	char *content;
	int r = workspace_write(w->t->ws, buf_bytes(bytes), bytes->len, &content, err);

	if (r < 0)
		return r;
	free(w->modules->content);
	w->modules->content = content;
	w->modules->content_at = w->modules->content_len = 0;
	tree_because(w->modules, w->modules->reason, by, detail);
	for (size_t i = 0; i < w->n; i++)
		tree_move(w->tree, w->jmods[i]->path, w->left);
	tree_move(w->tree, folder, w->left);
	lead_to_modules(w);
	return 0;
}

static void finish(struct work *w)
{
	free(w->jmods);
	free(w->folder);
	free(w->home);
	strv_free(w->names);
}

bool java_is_to_link(struct tree *tree, struct tree *left)
{
	struct work w = { .tree = tree, .left = left };
	bool found = find(&w);

	finish(&w);
	return found;
}

int java_link(const struct trial *t, struct tree *tree, struct tree *left, struct err **err)
{
	struct work w = { .t = t, .tree = tree, .left = left };
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = 0;

	if (find(&w)) {
		r = make_modules(&w, &bytes, err);
		if (r == 0)
			r = replace(&w, &bytes, err);
		if (r < 0)
			err_prefix(err, "/%s", w.modules->path);
	}
	finish(&w);
	return r;
}
