/* SPDX-License-Identifier: MIT */
/* What ELF files ask for; ld.so(8) says how libraries are found. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "parallel.h"
#include "str.h"
#include "words.h"

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- where libraries are --- */

static int compare_base(const void *a, const void *b)
{
	const struct tree_node *x = *(struct tree_node *const *)a,
			       *y = *(struct tree_node *const *)b;
	int r = strcmp(base(x->path), base(y->path));

	return r ? r : strcmp(x->path, y->path);
}

/* /etc/ld.so.conf.d/X.conf of the packages: a folder in each line. */
static void add_configured(struct closure *c, const struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *rest, *line;

	if (!closure_read(node, &text))
		return;
	rest = (char *)buf_bytes(&text);
	while ((line = strsep(&rest, "\n"))) {
		char *path;

		line += strspn(line, " \t");
		line[strcspn(line, " \t#")] = '\0';
		if (*line == '/' && tree_path(line, &path) == 0) {
			if (strv_has(c->library_folders, path))
				free(path);
			else
				strv_take(&c->library_folders, path);
		}
	}
}

void closure_index_libraries(struct closure *c)
{
	size_t n, first = closure_below(c, "etc/ld.so.conf.d", &n);

	for (size_t i = first; i < first + n; i++)
		add_configured(c, c->nodes[i]);
	if (c->triplet)
		strv_take(&c->library_folders, xasprintf("usr/lib/%s", c->triplet));
	strv_append(&c->library_folders, "usr/lib");
	strv_append(&c->library_folders, "usr/lib64");

	c->libraries = xcalloc(c->n_nodes + 1, sizeof(*c->libraries));
	for (size_t i = 0; i < c->n_nodes; i++) {
		const char *name = base(c->nodes[i]->path);

		if (!S_ISDIR(c->nodes[i]->mode) && word_is_library(name, strlen(name)))
			c->libraries[c->n_libraries++] = c->nodes[i];
	}
	qsort(c->libraries, c->n_libraries, sizeof(*c->libraries), compare_base);
}

/* $ORIGIN, $LIB and $PLATFORM are replaced: ld.so(8), dynamic string tokens. */
static char *expand(const struct closure *c, const char *folder, const struct tree_node *by)
{
	cleanup_buf struct buf out = BUF_INIT;
	const char *slash = strrchr(by->path, '/');
	int origin = slash ? (int)(slash - by->path) : 0;

	while (*folder) {
		if (str_starts(folder, "$ORIGIN") || str_starts(folder, "${ORIGIN}")) {
			buf_printf(&out, "/%.*s", origin, by->path);
			folder += folder[1] == '{' ? 9 : 7;
		} else if (str_starts(folder, "$LIB") || str_starts(folder, "${LIB}")) {
			buf_printf(&out, "lib/%s", c->triplet ? c->triplet : "");
			folder += folder[1] == '{' ? 6 : 4;
		} else {
			buf_append(&out, folder++, 1);
		}
	}
	return buf_steal_str(&out);
}

static struct tree_node *need_in(struct closure *c, const char *folder, const char *name,
				 enum reason reason, const struct tree_node *by)
{
	cleanup_free char *path = xasprintf("%s/%s", folder, name);

	return closure_need(c, path, reason, by, name);
}

/* Anywhere: by its name alone, in the own package before others. */
static struct tree_node *need_anywhere(struct closure *c, const char *name, enum reason reason,
				       const struct tree_node *by)
{
	size_t low = 0, high = c->n_libraries;
	struct tree_node *best;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(base(c->libraries[middle]->path), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == c->n_libraries || !str_eq(base(c->libraries[low]->path), name))
		return NULL;
	best = c->libraries[low];
	for (; low < c->n_libraries && str_eq(base(c->libraries[low]->path), name); low++)
		if (str_eq(c->libraries[low]->owner, by->owner)) {
			best = c->libraries[low];
			break;
		}
	return closure_need(c, best->path, reason, by, name);
}

struct tree_node *closure_need_library(struct closure *c, const char *name, enum reason reason,
				       const struct tree_node *by, char *const *rpath)
{
	struct tree_node *found = NULL;

	if (strchr(name, '/'))
		return closure_need(c, name, reason, by, name);
	for (; rpath && *rpath && !found; rpath++) {
		cleanup_free char *folder = expand(c, *rpath, by);

		found = need_in(c, folder, name, reason, by);
	}
	for (char **f = c->library_folders; *f && !found; f++)
		found = need_in(c, *f, name, reason, by);
	return found ? found : need_anywhere(c, name, reason, by);
}

/* --- versions --- */

static void note_defined(struct closure *c, const struct tree_node *node, struct elf_facts *f)
{
	c->version_sets =
		xreallocarray(c->version_sets, c->n_version_sets + 1, sizeof(*c->version_sets));
	c->version_sets[c->n_version_sets++] =
		(struct version_set){ .library = node, .defined = steal_ptr(f->defined) };
}

static void note_versions(struct closure *c, const struct tree_node *node, const char *name,
			  const struct tree_node *library, const struct elf_facts *f)
{
	size_t n = strlen(name);

	for (char **v = f->versions; *v; v++) {
		if (strncmp(*v, name, n) != 0 || (*v)[n] != ' ')
			continue;
		c->version_needs = xreallocarray(c->version_needs, c->n_version_needs + 1,
						 sizeof(*c->version_needs));
		c->version_needs[c->n_version_needs++] = (struct version_need){
			.by = node,
			.library = library,
			.version = xstrdup(*v + n + 1),
		};
	}
}

static const struct version_set *defined_by(const struct closure *c, const struct tree_node *node)
{
	for (size_t i = 0; i < c->n_version_sets; i++)
		if (c->version_sets[i].library == node)
			return &c->version_sets[i];
	return NULL;
}

int closure_check_versions(struct closure *c, struct err **err)
{
	for (size_t i = 0; i < c->n_version_needs; i++) {
		const struct version_need *need = &c->version_needs[i];
		const struct version_set *set = defined_by(c, need->library);

		/* A library without any versions serves all: ld.so only warns. */
		if (!set || !*set->defined || strv_has(set->defined, need->version))
			continue;
		return err_set(
			err, ENOENT,
			"/%s of %s needs version %s of /%s, which %s does not have; are their "
			"packages of one release?",
			need->by->path, need->by->owner, need->version, need->library->path,
			need->library->owner);
	}
	return 0;
}

/* --- one file --- */

/* A plugin that came with a folder may miss what its package only suggests; a program may not. */
static bool may_miss(const struct tree_node *node)
{
	return node->reason == REASON_DATA || node->reason == REASON_DLOPEN ||
	       node->reason == REASON_PLUGIN || node->reason == REASON_CONFIG;
}

static int miss_library(struct closure *c, const struct tree_node *node, const char *name,
			struct err **err)
{
	cleanup_free char *why = NULL;

	if (c->asking)
		return 0;
	if (may_miss(node)) {
		strv_take(c->notes, xasprintf("/%s of %s needs the library %s, which is not "
					      "there: it will not load",
					      node->path, node->owner, name));
		return 0;
	}
	why = closure_why_missing(c, name);
	return err_set(err, ENOENT, "/%s of %s needs the library %s, %s", node->path, node->owner,
		       name, why);
}

static int need_libraries(struct closure *c, struct tree_node *node, const struct elf_facts *f,
			  struct err **err)
{
	for (char **name = f->needed; *name; name++) {
		const struct tree_node *library =
			closure_need_library(c, *name, REASON_NEEDED, node, f->rpath);
		int r;

		if (library) {
			note_versions(c, node, *name, library, f);
			continue;
		}
		r = miss_library(c, node, *name, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool may_open(const struct tree_node *node, const struct elf_facts *f, const char *name)
{
	return !str_eq(name, f->soname) && !str_eq(name, base(node->path));
}

static void need_strings(struct closure *c, struct tree_node *node, const struct elf_facts *f)
{
	for (char **word = f->dlopen; *word; word++)
		closure_need_library(c, *word, REASON_DLOPEN, node, f->rpath);
	if (!closure_strings_count(node))
		return;
	for (char **word = f->strings; *word; word++) {
		if (**word == '/')
			closure_named(c, *word, node);
		else if (may_open(node, f, *word))
			closure_need_library(c, *word, REASON_DLOPEN, node, f->rpath);
	}
	closure_start_elf(c, f, node);
}

static int need_all(struct closure *c, struct tree_node *node, const struct elf_facts *f,
		    struct err **err)
{
	int r = 0;

	if (f->interpreter && !closure_need(c, f->interpreter, REASON_INTERPRETER, node, NULL))
		r = miss_library(c, node, f->interpreter, err);
	if (r == 0)
		r = need_libraries(c, node, f, err);
	if (r < 0)
		return r;
	need_strings(c, node, f);
	closure_symbols(c, f->imports, node);
	closure_functions(c, f->imports, node);
	r = closure_java(c, node, err);
	return r < 0 ? r : 1;
}

int closure_elf(struct closure *c, struct tree_node *node, struct err **err)
{
	struct scanned *s = c->scanned + closure_index(c, node);
	int r;

	if (!s->is_elf)
		return 0;
	r = need_all(c, node, &s->facts, err);
	note_defined(c, node, &s->facts);
	return r;
}

static int handle_scan(size_t i, void *data, struct err **err)
{
	struct closure *c = data;
	const struct tree_node *node = c->nodes[i];
	int r = S_ISREG(node->mode) && node->content
			? elf_scan(node, ELF_ALL, &c->programs, &c->scanned[i].facts, err)
			: 0;

	c->scanned[i].is_elf = r > 0;
	return r < 0 ? r : 0;
}

int closure_scan(struct closure *c, struct err **err)
{
	c->scanned = xcalloc(c->n_nodes + 1, sizeof(*c->scanned));
	return parallel(c->n_nodes, handle_scan, c, err);
}

void closure_scan_finish(struct closure *c)
{
	for (size_t i = 0; i < c->n_nodes && c->scanned; i++)
		elf_facts_finish(&c->scanned[i].facts);
	free(c->scanned);
}
