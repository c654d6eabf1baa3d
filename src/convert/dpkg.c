/* SPDX-License-Identifier: MIT */
#include "dpkg.h"

#include <errno.h>
#include <string.h>

#include "deb822.h"
#include "fd.h"
#include "layer.h"
#include "mem.h"
#include "str.h"

#define STATUS     "var/lib/dpkg/status"
#define LISTS      "var/lib/dpkg/info/"
#define LIST       ".list"
#define OS_RELEASE "etc/os-release"
#define TEXT_MAX   (64 << 20)
#define WORD_MAX   256
#define NAMES      "abcdefghijklmnopqrstuvwxyz0123456789+.-"
#define VERSIONS   "ABCDEFGHIJKLMNOPQRSTUVWXYZ" NAMES "~:"

/* A file of the image as a string; NULL when it is none, or longer than such a file is. */
static char *read_text(const struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;

	if (!node || !node->content || file_read(node->content, TEXT_MAX, &text, NULL) < 0)
		return NULL;
	buf_append(&text, "", 1);
	return xstrdup((char *)buf_bytes(&text));
}

static bool is_word(const char *s, const char *letters)
{
	size_t len = s ? strlen(s) : 0;

	return len && len <= WORD_MAX && s[strspn(s, letters)] == '\0';
}

static void take_package(const struct deb822_stanza *s, struct package_list *list)
{
	const char *name = deb822_get(s, "Package"), *version = deb822_get(s, "Version");
	const char *arch = deb822_get(s, "Architecture"), *status = deb822_get(s, "Status");
	struct package p;

	if (!status || !str_ends(status, " installed") || !is_word(name, NAMES) ||
	    !is_word(version, VERSIONS) || !is_word(arch, NAMES))
		return;
	p = (struct package){ .name = xstrdup(name),
			      .version = xstrdup(version),
			      .arch = xstrdup(arch) };
	package_set_source(&p, deb822_get(s, "Source"));
	if ((!p.source || is_word(p.source, NAMES)) && is_word(p.source_version, VERSIONS))
		package_list_take(list, &p);
	package_finish(&p);
}

/* Of a package for several architectures the first counts. */
static void drop_doubles(struct package_list *list)
{
	size_t n = 0;

	package_list_sort(list);
	for (size_t i = 0; i < list->n; i++) {
		if (n && str_eq(list->items[n - 1].name, list->items[i].name))
			package_finish(&list->items[i]);
		else
			list->items[n++] = list->items[i];
	}
	list->n = n;
}

static int read_status(const struct tree *tree, struct package_list *list, struct err **err)
{
	cleanup_free char *text = read_text(layer_find(tree, STATUS));
	struct deb822 status;
	int r;

	if (!text)
		return 0;
	r = deb822_parse(text, &status);
	if (r < 0)
		return err_set(err, EBADMSG, "/%s:%d: expected \"Field: value\"", STATUS, -r);
	for (size_t i = 0; i < status.n; i++)
		take_package(&status.stanzas[i], list);
	deb822_finish(&status);
	drop_doubles(list);
	return 0;
}

/* Each line is a path; folders belong to all that have something in them. */
static void own_files(struct tree *tree, const struct package *p, char *list)
{
	char *rest = list, *line;

	while ((line = strsep(&rest, "\n"))) {
		struct tree_node *node = layer_entry(tree, line);

		if (!node || S_ISDIR(node->mode))
			continue;
		free(node->owner);
		node->owner = xstrdup(p->name);
	}
}

/* "NAME.list", or "NAME:ARCH.list". */
static const struct package *package_of_list(const struct package_list *list, const char *path)
{
	const char *file = path + strlen(LISTS);
	cleanup_free char *name = NULL;

	if (!str_starts(path, LISTS) || strchr(file, '/') || !str_ends(file, LIST))
		return NULL;
	name = xstrndup(file, strchr(file, ':') ? strcspn(file, ":") : strlen(file) - strlen(LIST));
	return package_list_find(list, name);
}

int dpkg_read(struct tree *tree, struct package_list *ret, struct err **err)
{
	cleanup_free struct tree_node **nodes = tree_list(tree);
	int r = read_status(tree, ret, err);

	for (size_t i = 0; r == 0 && nodes[i]; i++) {
		const struct package *p = package_of_list(ret, nodes[i]->path);
		cleanup_free char *list = p ? read_text(nodes[i]) : NULL;

		if (list)
			own_files(tree, p, list);
	}
	return r;
}

/* NAME=VALUE or NAME="VALUE", where the value is a word; the caller frees. */
static char *value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		const char *value = text + len + 1;
		cleanup_free char *word = NULL;

		if (strncmp(text, name, len) != 0 || text[len] != '=')
			continue;
		value += *value == '"';
		word = xstrndup(value, strcspn(value, "\"\n"));
		return is_word(word, NAMES) ? steal_ptr(word) : NULL;
	}
	return NULL;
}

char *dpkg_base(const struct tree *tree)
{
	cleanup_free char *text = read_text(layer_find(tree, OS_RELEASE));
	cleanup_free char *id = text ? value_of(text, "ID") : NULL;
	cleanup_free char *codename = text ? value_of(text, "VERSION_CODENAME") : NULL;

	return id && codename ? xasprintf("%s/%s", id, codename) : NULL;
}
