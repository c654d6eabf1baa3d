/* SPDX-License-Identifier: MIT */
#include "sources.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "deb822.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define FILE_MAX    (1 << 20)
#define MIRROR_FILE "mirror+file:"
#define FILE_SCHEME "file:"
#define ARCH_OPTION "arch="
#define KEY_OPTION  "signed-by="

static void finish_source(struct source *s)
{
	free(s->uri);
	free(s->suite);
	strv_free(s->components);
	strv_free(s->archs);
	strv_free(s->signed_by);
	free(s->key);
	free(s->where);
}

void sources_finish(struct source_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		finish_source(&list->items[i]);
	free(list->items);
	*list = (struct source_list){ 0 };
}

static struct source *add_source(struct source_list *list)
{
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n] = (struct source){ 0 };
	return &list->items[list->n++];
}

/* A URI as the rest of the builder wants it: no slashes at its end, file: with an empty host. */
static char *tidy_uri(const char *uri)
{
	const char *path = uri + strlen(FILE_SCHEME);
	char *tidy;
	size_t len;

	if (str_starts(uri, FILE_SCHEME))
		tidy = xasprintf("file:///%s", path + strspn(path, "/"));
	else
		tidy = xstrdup(uri);
	len = strlen(tidy);
	while (len && tidy[len - 1] == '/')
		tidy[--len] = '\0';
	return tidy;
}

/* The last of several counts, as for apt. */
static void set_words(char ***list, const char *value)
{
	strv_free(*list);
	*list = deb822_words(value, ",");
}

/* The options in brackets of a one-line source; returns what follows them. */
static char *take_options(char *line, struct source *s)
{
	char *close = strchr(line, ']');
	char **words;

	if (*line != '[' || !close)
		return line;
	*close = '\0';
	words = deb822_words(line + 1, "");
	for (char **w = words; w && *w; w++) {
		if (strncasecmp(*w, ARCH_OPTION, strlen(ARCH_OPTION)) == 0)
			set_words(&s->archs, *w + strlen(ARCH_OPTION));
		else if (strncasecmp(*w, KEY_OPTION, strlen(KEY_OPTION)) == 0)
			set_words(&s->signed_by, *w + strlen(KEY_OPTION));
	}
	strv_free(words);
	return close + 1;
}

static int parse_list_line(const char *file, int number, char *line, struct source_list *list,
			   struct err **err)
{
	size_t type = strcspn(line, " \t[");
	struct source s = { 0 };
	char **words;

	if (strncmp(line, "deb-src", type) == 0 && type == strlen("deb-src"))
		return 0;
	if (strncmp(line, "deb", type) != 0 || type != strlen("deb"))
		return err_set(err, EINVAL, "%s:%d: expected \"deb\" or \"deb-src\", not \"%.*s\"",
			       file, number, (int)type, line);
	line += type + strspn(line + type, " \t");
	words = deb822_words(take_options(line, &s), "");
	if (strv_len(words) < 2) {
		strv_free(words);
		finish_source(&s);
		return err_set(err, EINVAL, "%s:%d: expected deb [OPTIONS] URI SUITE COMPONENT…",
			       file, number);
	}
	s.uri = tidy_uri(words[0]);
	s.suite = xstrdup(words[1]);
	for (char **w = words + 2; *w; w++)
		strv_append(&s.components, *w);
	s.where = xasprintf("%s:%d", file, number);
	*add_source(list) = s;
	strv_free(words);
	return 0;
}

int sources_parse_list(const char *file, const char *text, struct source_list *list,
		       struct err **err)
{
	for (int number = 1; *text; number++) {
		size_t len = strcspn(text, "\n");
		size_t shown = strcspn(text, "#\n");
		size_t blank = strspn(text, " \t\r");
		int r = 0;

		if (blank < shown) {
			cleanup_free char *line = xstrndup(text + blank, shown - blank);

			r = parse_list_line(file, number, line, list, err);
		}
		if (r < 0)
			return r;
		text += len + (text[len] == '\n');
	}
	return 0;
}

static bool is_no(const char *value)
{
	static const char *const no[] = { "no", "false", "without", "off", "disable", "0" };

	for (size_t i = 0; value && i < ARRAY_SIZE(no); i++)
		if (strcasecmp(value, no[i]) == 0)
			return true;
	return false;
}

/* In a key block of a source, a dot on its own stands for an empty line. */
static char *undot(const char *key)
{
	struct buf out = BUF_INIT;

	while (*key) {
		size_t len = strcspn(key, "\n");

		if (!(len == 1 && *key == '.'))
			buf_append(&out, key, len);
		buf_append_str(&out, "\n");
		key += len + (key[len] == '\n');
	}
	return buf_steal_str(&out);
}

static void set_signed_by(struct source *s, const char *value)
{
	if (!value)
		return;
	if (strstr(value, "-----BEGIN PGP"))
		s->key = undot(value);
	else
		s->signed_by = deb822_words(value, ",");
}

/* One stanza is the product of its URIs and suites. */
static int add_stanza(const char *file, const struct deb822_stanza *stanza,
		      struct source_list *list, struct err **err)
{
	static const char *const needed[] = { "Types", "URIs", "Suites" };
	cleanup_strv char **types = NULL, **uris = NULL, **suites = NULL;

	if (is_no(deb822_get(stanza, "Enabled")))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!deb822_get(stanza, needed[i]))
			return err_set(err, EINVAL, "%s:%d: the source has no \"%s:\"", file,
				       stanza->line, needed[i]);
	types = deb822_words(deb822_get(stanza, "Types"), "");
	uris = deb822_words(deb822_get(stanza, "URIs"), "");
	suites = deb822_words(deb822_get(stanza, "Suites"), "");
	if (!strv_has(types, "deb"))
		return 0;
	for (char **uri = uris; uri && *uri; uri++) {
		for (char **suite = suites; suite && *suite; suite++) {
			const char *components = deb822_get(stanza, "Components");
			const char *archs = deb822_get(stanza, "Architectures");
			struct source *s = add_source(list);

			s->uri = tidy_uri(*uri);
			s->suite = xstrdup(*suite);
			s->components = components ? deb822_words(components, "") : NULL;
			s->archs = archs ? deb822_words(archs, "") : NULL;
			s->where = xasprintf("%s:%d", file, stanza->line);
			set_signed_by(s, deb822_get(stanza, "Signed-By"));
		}
	}
	return 0;
}

int sources_parse_deb822(const char *file, const char *text, struct source_list *list,
			 struct err **err)
{
	struct deb822 d;
	int r = deb822_parse(text, &d);

	if (r < 0)
		return err_set(err, EINVAL, "%s:%d: expected \"Field: value\"", file, -r);
	for (size_t i = 0; r == 0 && i < d.n; i++)
		r = add_stanza(file, &d.stanzas[i], list, err);
	deb822_finish(&d);
	return r;
}

static int read_file(const char *path, struct source_list *list, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = file_read(path, FILE_MAX, &text, err);

	if (r < 0)
		return r;
	buf_append(&text, "", 1);
	if (str_ends(path, ".sources"))
		return sources_parse_deb822(path, (char *)buf_bytes(&text), list, err);
	return sources_parse_list(path, (char *)buf_bytes(&text), list, err);
}

/* The names that apt itself would read (sources.list(5)). */
static int is_source_file(const struct dirent *entry)
{
	const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	const char *name = entry->d_name;

	return name[0] != '.' && name[strspn(name, allowed)] == '\0' &&
	       (str_ends(name, ".list") || str_ends(name, ".sources"));
}

static int read_all(const char *apt_dir, struct source_list *list, struct err **err)
{
	cleanup_free char *main_file = xasprintf("%s/sources.list", apt_dir);
	cleanup_free char *parts = xasprintf("%s/sources.list.d", apt_dir);
	struct dirent **entries = NULL;
	int n = scandir(parts, &entries, is_source_file, alphasort);
	int r = file_exists(main_file) ? read_file(main_file, list, err) : 0;

	for (int i = 0; i < n; i++) {
		cleanup_free char *path = xasprintf("%s/%s", parts, entries[i]->d_name);

		if (r == 0)
			r = read_file(path, list, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* Cloud images name their mirror in a file of its own: its first line is the one to use. */
static int follow_mirror_file(struct source *s, struct err **err)
{
	const char *path = s->uri + strlen(MIRROR_FILE);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_strv char **words = NULL;
	int r = file_read(path + strspn(path, "/") - 1, FILE_MAX, &text, err);

	if (r < 0)
		return err_prefix(err, "%s", s->where);
	buf_append(&text, "", 1);
	words = deb822_words((char *)buf_bytes(&text), "");
	if (!words)
		return err_set(err, EINVAL, "%s: %s names no mirror", s->where, path);
	free(s->uri);
	s->uri = tidy_uri(words[0]);
	return 0;
}

static bool serves(const struct source *s, const char *codename, const char *arch)
{
	static const char *const parts[] = { "", "-updates", "-security", "/updates" };
	size_t len = strlen(codename);

	if (strncmp(s->suite, codename, len) != 0 || !s->components)
		return false;
	if (s->archs && !strv_has(s->archs, arch))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (str_eq(s->suite + len, parts[i]))
			return true;
	return false;
}

static bool can_fetch(const struct source *s)
{
	return str_starts(s->uri, "http://") || str_starts(s->uri, "https://") ||
	       str_starts(s->uri, "file:///");
}

/* Moves what serves the base to the front and forgets the rest. */
static int select_sources(const char *codename, const char *arch, struct source_list *list,
			  struct err **err)
{
	size_t kept = 0;
	int r = 0;

	for (size_t i = 0; i < list->n && r == 0; i++) {
		struct source *s = &list->items[i], moved;

		if (!serves(s, codename, arch))
			continue;
		if (str_starts(s->uri, MIRROR_FILE "/"))
			r = follow_mirror_file(s, err);
		if (r < 0 || !can_fetch(s))
			continue;
		moved = list->items[kept];
		list->items[kept++] = *s;
		*s = moved;
	}
	while (list->n > kept)
		finish_source(&list->items[--list->n]);
	return r;
}

int sources_read(const char *apt_dir, const char *base, const char *arch, struct source_list *ret,
		 struct err **err)
{
	static const char family[] = "debian/";
	struct source_list list = { 0 };
	const char *codename;
	int r;

	if (!str_starts(base, family))
		return err_set(err, EINVAL,
			       "base \"%s\": expected debian/CODENAME, as in debian/bookworm",
			       base);
	codename = base + strlen(family);
	r = read_all(apt_dir, &list, err);
	if (r == 0)
		r = select_sources(codename, arch, &list, err);
	if (r == 0 && !list.n)
		r = err_set(err, ENOENT,
			    "%s: no source there serves %s for %s; add Debian's to sources.list.d",
			    apt_dir, base, arch);
	if (r < 0)
		sources_finish(&list);
	else
		*ret = list;
	return r;
}
