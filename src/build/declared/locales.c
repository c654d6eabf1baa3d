/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. A program's language is what LANG, LC_* and LANGUAGE say: locale(7), and for
 * messages gettext's manual, "Locale Names". Debian's packages bring C.UTF-8 as files; of all others the
 * package locales has the sources, which its script compiles as an administrator chose. Here those that
 * the recipe's `env` names are compiled, by the builder's own localedef. That reads text and no code.
 *
 * SUPPORTED, in the same package, says which there are and in which character set each is.
 */
#include "locales.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "content.h"
#include "fd.h"
#include "mem.h"
#include "stage.h"
#include "str.h"

#define SOURCES       "usr/share/i18n"
#define SUPPORTED     SOURCES "/SUPPORTED"
#define SUPPORTED_MAX (1 << 20)
#define LOCALES       "usr/lib/locale"
#define CATALOGUES    "usr/share/locale/"

/* The value, or NULL when the line sets no locale: "LANG=x", "LC_TIME=x". */
static const char *value_of(const char *line)
{
	const char *value = strchr(line, '=');

	if (!value || !(str_starts(line, "LANG=") || str_starts(line, "LC_")))
		return NULL;
	value++;
	return *value && !strchr(value, '/') && *value != '.' ? value : NULL;
}

/* As the C library writes a character set in a folder's name: "UTF-8" is "utf8", "8859-1" is "iso88591". */
static char *normal_codeset(const char *codeset, size_t n)
{
	cleanup_buf struct buf out = BUF_INIT;
	bool letters = false;

	for (size_t i = 0; i < n; i++)
		letters |= isalpha((unsigned char)codeset[i]);
	if (!letters)
		buf_printf(&out, "iso");
	for (size_t i = 0; i < n; i++)
		if (isalnum((unsigned char)codeset[i]))
			buf_printf(&out, "%c", tolower((unsigned char)codeset[i]));
	return buf_steal_str(&out);
}

char *locales_folder(const char *line)
{
	const char *value = value_of(line), *dot, *at;
	cleanup_free char *codeset = NULL;

	if (!value || str_eq(value, "C") || str_eq(value, "POSIX"))
		return NULL;
	dot = strchr(value, '.');
	if (!dot)
		return xasprintf(LOCALES "/%s", value);
	at = dot + strcspn(dot, "@");
	codeset = normal_codeset(dot + 1, (size_t)(at - dot - 1));
	return xasprintf(LOCALES "/%.*s.%s%s", (int)(dot - value), value, codeset, at);
}

/* --- messages --- */

/* "de_AT.UTF-8@x" has those in "de_AT" and in "de"; both are looked for, so both are kept. */
static bool is_language(const char *value, const char *language, size_t n)
{
	size_t all = strcspn(value, ".:@"), short_one = strcspn(value, "_.:@");

	return strncmp(value, language, n) == 0 && (n == all || n == short_one);
}

/* LANGUAGE is a list: "de:fr". */
static bool names_language(const char *line, const char *language, size_t n)
{
	const char *value = value_of(line);

	if (str_starts(line, "LANGUAGE="))
		value = line + strlen("LANGUAGE=");
	for (; value && *value; value += strspn(value, ":")) {
		if (is_language(value, language, n))
			return true;
		value += strcspn(value, ":");
	}
	return false;
}

bool locales_has_messages(const struct recipe *recipe, const char *path)
{
	const char *language = path + strlen(CATALOGUES);
	size_t n;

	if (!str_starts(path, CATALOGUES) || !str_ends(path, ".mo"))
		return false;
	n = strcspn(language, "/");
	for (char **e = recipe->env; n && e && *e; e++)
		if (names_language(*e, language, n))
			return true;
	return false;
}

/* --- compiling --- */

struct work {
	struct workspace *ws;
	const struct recipe *recipe;
	struct tree *tree;
	char *root; /* the sources, staged; NULL: not yet */
	char *supported;
};

static int open_sources(struct work *w, const char *where, const char *value, struct err **err)
{
	const struct tree_node *node = tree_get(w->tree, SUPPORTED);
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (w->supported)
		return 0;
	if (!node || !node->content)
		return err_set(err, ENOENT,
			       "%s: none of the packages has the locale %s; add the package "
			       "\"locales\", or say C.UTF-8",
			       where, value);
	r = content_read(node, SUPPORTED_MAX, &text, err);
	if (r < 0)
		return r;
	w->supported = buf_steal_str(&text);
	w->root = workspace_temp(w->ws, "locales");
	return stage_below(w->ws, w->tree, SOURCES "/", w->root, err);
}

/* The character set of a locale, from its line "de_DE.UTF-8 UTF-8"; the nearest name when there is none. */
static char *find_charset(const struct work *w, const char *value, char **ret_near)
{
	cleanup_free char *text = xstrdup(w->supported);
	cleanup_strv char **names = NULL;
	char *rest = text, *line, *found = NULL;

	while (!found && (line = strsep(&rest, "\n"))) {
		size_t n = strcspn(line, " \t");
		const char *charset = line + n + strspn(line + n, " \t");

		line[n] = '\0';
		if (*line && *line != '#')
			strv_append(&names, line);
		if (str_eq(line, value))
			found = xstrdup(charset);
	}
	if (!found) {
		const char *near = str_nearest(value, (const char *const *)names);

		*ret_near = near ? xasprintf("; did you mean %s?", near) : xstrdup("");
	}
	return found;
}

/* localedef would look at the builder's own sources for what is not there. */
static int check_source(const struct work *w, const char *folder, const char *name, const char *end,
			struct err **err)
{
	cleanup_free char *path = xasprintf(SOURCES "/%s/%s%s", folder, name, end);

	return tree_get(w->tree, path) ? 0
				       : err_set(err, ENOENT, "its source /%s is missing", path);
}

static int run_localedef(const struct work *w, const char *value, const char *charset,
			 const char *out_dir, struct err **err)
{
	const size_t n = strcspn(value, ".@");
	const char *modifier = value + strcspn(value, "@");
	cleanup_free char *source = xasprintf("%.*s%s", (int)n, value, modifier);
	const char *const argv[] = { "localedef", "--no-archive", "--quiet", "--inputfile", source,
				     "--charmap", charset,        out_dir,   NULL };
	cleanup_free char *sources = xasprintf("%s/" SOURCES, w->root);
	const char *const env[] = { "I18NPATH", sources, NULL };
	const struct command c = { .argv = argv, .package = "libc-bin", .env = env };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	cleanup_free char *line = NULL;
	int status, r = check_source(w, "locales", source, "", err);

	if (r == 0)
		r = check_source(w, "charmaps", charset, ".gz", err);
	if (r == 0)
		r = command_run(&c, &out, &errors, &status, err);
	if (r < 0 || status == 0)
		return r;
	line = command_last_line(errors.len ? &errors : &out);
	return err_set(err, EIO, "localedef failed with %d: %s", status, line);
}

static int take_file(struct work *w, const char *from, const char *path, const char *source,
		     struct err **err)
{
	cleanup_free char *content = NULL;
	int r = workspace_copy(w->ws, from, &content, err);

	if (r == 0)
		tree_because(tree_put_file(w->tree, path, 0644, content, "locales", ""),
			     REASON_MADE, source, "localedef");
	return r;
}

static int take_all(struct work *w, char *from, const char *folder, struct err **err)
{
	char *paths[] = { from, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *e;
	int r = 0;

	while (fts && r == 0 && (e = fts_read(fts))) {
		cleanup_free char *path = xasprintf("%s%s", folder, e->fts_path + strlen(from));

		if (e->fts_info == FTS_F)
			r = take_file(w, e->fts_path, path, SUPPORTED, err);
	}
	if (fts)
		fts_close(fts);
	return r;
}

static int make_locale(struct work *w, const char *where, const char *value, const char *folder,
		       struct err **err)
{
	cleanup_free char *near = NULL, *charset = NULL, *made = NULL;
	int r = open_sources(w, where, value, err);

	if (r < 0)
		return r;
	charset = find_charset(w, value, &near);
	if (!charset)
		return err_set(err, ENOENT, "%s: there is no locale %s%s", where, value, near);
	made = workspace_temp(w->ws, "locale");
	r = run_localedef(w, value, charset, made, err);
	if (r == 0)
		r = take_all(w, made, folder, err);
	dir_remove(made, NULL);
	return r < 0 ? err_prefix(err, "%s: %s", where, value) : 0;
}

static bool is_there(const struct tree *tree, const char *folder)
{
	cleanup_free char *file = xasprintf("%s/LC_CTYPE", folder);

	return tree_get(tree, file) != NULL;
}

int locales_make(struct workspace *ws, const struct recipe *recipe, struct tree *tree,
		 struct err **err)
{
	struct work w = { .ws = ws, .recipe = recipe, .tree = tree };
	cleanup_free char *where = recipe_at(recipe, "env");
	int r = 0;

	for (char **e = recipe->env; e && *e && r == 0; e++) {
		cleanup_free char *folder = locales_folder(*e);

		/* Of which libc-bin has the files. */
		if (folder && !str_eq(folder, LOCALES "/C.utf8") && !is_there(tree, folder))
			r = make_locale(&w, where, value_of(*e), folder, err);
	}
	if (w.root)
		dir_remove(w.root, NULL);
	free(w.root);
	free(w.supported);
	return r;
}
