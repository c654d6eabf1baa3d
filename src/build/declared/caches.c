/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A desktop's libraries read caches that no package has: scripts and triggers
 * make them when packages are installed. Here each is made from files as data, by the program that
 * they would have called, but the builder's own, which never loads anything of what it reads.
 *
 *	declare   an empty file where the cache belongs   ──> closure: does anything ask for it?
 *	make      what it is made of, in a folder of the workspace ──> program ──> the cache
 *
 * What a cache is made of is only needed in the image when programs read that, too (fonts, icons).
 * Every folder is given the time that all of the image has, since fontconfig's cache holds it.
 *
 * gdk-pixbuf's program would have to load the loaders, which are code, maybe for another processor; so
 * what it writes about those of Debian is a table.
 */
#include "caches.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "fd.h"
#include "mem.h"
#include "stage.h"
#include "str.h"

#define FONTS      "usr/share/fonts"
#define FONT_CACHE "var/cache/fontconfig"
#define FONT_CONF  "fonts.conf"

/*
 * The folders' names in the cache have to be the same wherever it is made; readers put that by which
 * they looked for it in its place. (With --sysroot, fc-cache would read the builder's own fonts.)
 */
static const char font_conf[] =
	"<?xml version=\"1.0\"?>\n<!DOCTYPE fontconfig SYSTEM \"urn:fontconfig:fonts.dtd\">\n"
	"<fontconfig><remap-dir as-path=\"/" FONTS "\">/proc/self/cwd/" FONTS "</remap-dir>"
	"<cachedir>/proc/self/cwd/" FONT_CACHE "</cachedir></fontconfig>\n";

struct work {
	struct workspace *ws;
	struct tree *tree;
	const struct tree *left;
	char ***notes;
	char *root; /* where what a cache is made of is staged; NULL: nowhere yet */
};

/* A program of the builder's host. */
struct tool {
	const char *name, *package;
	const char *options[3];
};

/*
 * Made of all that the packages have in a folder; nobody reads that again. The program gets `folder`
 * below the root, and makes `path`.
 */
static const struct made {
	const char *path, *folder;
	const char *inputs[2]; /* patterns of fnmatch(3) */
	struct tool tool;
} made[] = {
	{ "usr/share/mime/mime.cache",
	  "usr/share/mime",
	  { "usr/share/mime/packages/*.xml" },
	  { "update-mime-database", "shared-mime-info", { NULL } } },
	{ "usr/share/glib-2.0/schemas/gschemas.compiled",
	  "usr/share/glib-2.0/schemas",
	  { "usr/share/glib-2.0/schemas/*.xml", "usr/share/glib-2.0/schemas/*.override" },
	  { "glib-compile-schemas", "libglib2.0-bin", { NULL } } },
};

static const struct tool icon_tool = { "gtk-update-icon-cache",
				       "gtk-update-icon-cache",
				       { "--force", "--quiet" } };
static const struct tool font_tool = { "fc-cache", "fontconfig", { "--force" } };

/* --- what is there --- */

static bool is_input(const struct made *m, const struct tree_node *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(m->inputs) && m->inputs[i]; i++)
		if (fnmatch(m->inputs[i], node->path, FNM_PATHNAME) == 0)
			return true;
	return false;
}

static const struct tree_node *first_input(const struct tree *tree, const struct made *m)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++)
		if (is_input(m, nodes[i]))
			return nodes[i];
	return NULL;
}

void caches_declare(struct tree *tree)
{
	for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
		const struct tree_node *input = first_input(tree, &made[i]);

		if (input && !tree_get(tree, made[i].path))
			tree_because(
				tree_put_file(tree, made[i].path, 0644, NULL, input->owner, ""),
				REASON_MADE, input->path, made[i].tool.name);
	}
}

/* --- staging --- */

static char *staged(const struct work *w, const char *path)
{
	return xasprintf("%s/%s", w->root, path);
}

static int stage_inputs(struct work *w, const struct tree *tree, const struct made *m,
			struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	int r = 0;

	for (size_t i = 0; nodes[i] && r == 0; i++)
		if (is_input(m, nodes[i]))
			r = stage_under(w->ws, tree, nodes[i], w->root, err);
	return r;
}

static void begin(struct work *w)
{
	w->root = workspace_temp(w->ws, "cache");
}

static void end(struct work *w)
{
	dir_remove(w->root, NULL);
	free(steal_ptr(w->root));
}

/* All folders get the image's time. */
static void age(const struct work *w)
{
	char *paths[] = { w->root, NULL };
	const struct timespec times[2] = { { 0, 0 }, { 0, 0 } };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;

	while (fts && (e = fts_read(fts)))
		if (e->fts_info == FTS_DP)
			utimensat(AT_FDCWD, e->fts_path, times, AT_SYMLINK_NOFOLLOW);
	if (fts)
		fts_close(fts);
}

/* Runs it below the root, on a folder there; it sees no home and no settings of who builds. */
static int run_tool(const struct work *w, const struct tool *tool, const char *folder,
		    struct err **err)
{
	const char *argv[6] = { tool->name };
	const char *const env[] = { "HOME",
				    w->root,
				    "XDG_DATA_HOME",
				    w->root,
				    "XDG_CACHE_HOME",
				    w->root,
				    "XDG_CONFIG_HOME",
				    w->root,
				    "FONTCONFIG_FILE",
				    "/proc/self/cwd/" FONT_CONF,
				    "PKGSYSTEM_ENABLE_FSYNC",
				    "0",
				    NULL };
	struct command c = { .argv = argv, .package = tool->package, .env = env, .dir = w->root };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	cleanup_free char *line = NULL;
	size_t n = 1;
	int status, r;

	for (size_t i = 0; i < ARRAY_SIZE(tool->options) && tool->options[i]; i++)
		argv[n++] = tool->options[i];
	argv[n] = folder;
	r = command_run(&c, &out, &errors, &status, err);
	if (r < 0 || status == 0)
		return r;
	line = command_last_line(errors.len ? &errors : &out);
	return err_set(err, EIO, "%s failed with %d: %s", tool->name, status, line);
}

/* What the program made below the root. */
static int take(struct work *w, const char *path, char **ret_content, struct err **err)
{
	cleanup_free char *source = staged(w, path);

	return workspace_copy(w->ws, source, ret_content, err);
}

/* --- of all that the packages have --- */

static int make_one(struct work *w, const struct made *m, struct tree_node *node, struct err **err)
{
	char *content;
	int r = stage_inputs(w, w->tree, m, err);

	if (r == 0 && w->left)
		r = stage_inputs(w, w->left, m, err);
	if (r == 0)
		r = run_tool(w, &m->tool, m->folder, err);
	if (r == 0)
		r = take(w, m->path, &content, err);
	if (r < 0)
		return r;
	node->content = content;
	return 0;
}

static int make_declared(struct work *w, struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(made) && r == 0; i++) {
		struct tree_node *node = tree_get(w->tree, made[i].path);

		if (!node || node->content || !S_ISREG(node->mode) || str_eq(node->owner, "recipe"))
			continue;
		begin(w);
		r = make_one(w, &made[i], node, err);
		end(w);
		if (r < 0)
			return err_prefix(err, "/%s", made[i].path);
	}
	return r;
}

/* --- loaders of images --- */

static int put_loaders(struct work *w, const char *path, const struct buf *text,
		       const struct tree_node *first, struct err **err)
{
	cleanup_free char *content = NULL;
	int r = workspace_write(w->ws, buf_bytes(text), text->len, &content, err);

	if (r == 0)
		tree_because(tree_put_file(w->tree, path, 0644, content, first->owner, ""),
			     REASON_MADE, first->path, "a line for each loader");
	return r;
}

static void add_loader(struct work *w, const struct tree_node *node, struct buf *text)
{
	const char *name = strrchr(node->path, '/') + 1;
	const char *lines = caches_pixbuf_loader(name);

	if (lines)
		buf_printf(text, "\"/%s\"\n%s\n", node->path, lines);
	else
		strv_take(w->notes, xasprintf("/%s of %s: what this loader reads is not known, so "
					      "no program will use it; the recipe's own "
					      "loaders.cache can say it",
					      node->path, node->owner));
}

/* "usr/lib/TRIPLET/gdk-pixbuf-2.0/2.10.0/loaders/X.so" gives "usr/lib/…/2.10.0/loaders.cache". */
static char *loaders_path(const struct tree_node *node)
{
	return xasprintf("%.*s.cache", (int)(strrchr(node->path, '/') - node->path), node->path);
}

static int make_loaders(struct work *w, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(w->tree);
	cleanup_buf struct buf text = BUF_INIT;
	const struct tree_node *first = NULL;
	cleanup_free char *path = NULL;

	for (size_t i = 0; nodes[i]; i++) {
		if (fnmatch("usr/lib/*/gdk-pixbuf-2.0/*/loaders/*.so", nodes[i]->path,
			    FNM_PATHNAME) != 0)
			continue;
		if (!first)
			first = nodes[i];
		add_loader(w, nodes[i], &text);
	}
	path = first ? loaders_path(first) : NULL;
	return text.len && !tree_get(w->tree, path) ? put_loaders(w, path, &text, first, err) : 0;
}

/* --- fonts --- */

static const struct tree_node *first_below(const struct tree *tree, const char *prefix)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);

	for (size_t i = 0; nodes[i]; i++)
		if (str_starts(nodes[i]->path, prefix) && !S_ISDIR(nodes[i]->mode))
			return nodes[i];
	return NULL;
}

static int put_font_cache(struct work *w, const char *name, const struct tree_node *font,
			  struct err **err)
{
	cleanup_free char *path = xasprintf(FONT_CACHE "/%s", name), *content = NULL;
	int r = take(w, path, &content, err);

	if (r == 0)
		tree_because(tree_put_file(w->tree, path, 0644, content, font->owner, ""),
			     REASON_MADE, font->path, font_tool.name);
	return r;
}

/* One file for each folder, of a name that says which. */
static int put_font_caches(struct work *w, const struct tree_node *font, struct err **err)
{
	cleanup_free char *folder = staged(w, FONT_CACHE);
	char *paths[] = { folder, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = 0;

	while (fts && r == 0 && (e = fts_read(fts)))
		if (e->fts_info == FTS_F && strstr(e->fts_name, ".cache-"))
			r = put_font_cache(w, e->fts_name, font, err);
	if (fts)
		fts_close(fts);
	return r;
}

static int make_fonts(struct work *w, struct err **err)
{
	const struct tree_node *font = first_below(w->tree, FONTS "/");
	cleanup_free char *conf = NULL;
	int r;

	if (!font || !tree_get(w->tree, "etc/fonts/fonts.conf"))
		return 0;
	begin(w);
	r = stage_below(w->ws, w->tree, FONTS "/", w->root, err);
	conf = staged(w, FONT_CONF);
	if (r == 0)
		r = file_write_atomic(conf, font_conf, strlen(font_conf), 0600, err);
	age(w);
	if (r == 0)
		r = run_tool(w, &font_tool, NULL, err);
	if (r == 0)
		r = put_font_caches(w, font, err);
	end(w);
	return r < 0 ? err_prefix(err, "the cache of fonts") : 0;
}

/* --- icons --- */

static int make_theme(struct work *w, const struct tree_node *index, struct err **err)
{
	cleanup_free char *folder =
		xstrndup(index->path, (size_t)(strrchr(index->path, '/') - index->path));
	cleanup_free char *prefix = xasprintf("%s/", folder), *content = NULL;
	cleanup_free char *path = xasprintf("%s/icon-theme.cache", folder);
	int r;

	if (tree_get(w->tree, path))
		return 0;
	begin(w);
	r = stage_below(w->ws, w->tree, prefix, w->root, err);
	age(w);
	if (r == 0)
		r = run_tool(w, &icon_tool, folder, err);
	if (r == 0)
		r = take(w, path, &content, err);
	if (r == 0)
		tree_because(tree_put_file(w->tree, path, 0644, content, index->owner, ""),
			     REASON_MADE, index->path, icon_tool.name);
	end(w);
	return r < 0 ? err_prefix(err, "/%s", path) : 0;
}

static int make_themes(struct work *w, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(w->tree);
	int r = 0;

	for (size_t i = 0; nodes[i] && r == 0; i++)
		if (fnmatch("usr/share/icons/*/index.theme", nodes[i]->path, FNM_PATHNAME) == 0 &&
		    S_ISREG(nodes[i]->mode))
			r = make_theme(w, nodes[i], err);
	return r;
}

int caches_make(struct workspace *ws, struct tree *tree, const struct tree *left, char ***notes,
		struct err **err)
{
	struct work w = { .ws = ws, .tree = tree, .left = left, .notes = notes };
	int r = make_declared(&w, err);

	if (r == 0)
		r = make_loaders(&w, err);
	if (r == 0)
		r = make_fonts(&w, err);
	return r < 0 ? r : make_themes(&w, err);
}
