/* SPDX-License-Identifier: MIT */
/*
 * Programs that start others by name: execvp("less"), subprocess.run(["exiftool"]), `git log`. Any string
 * may be such a name, and most that look like one are not ("time", "sort"), so it counts only in a file
 * that starts programs at all, and that can expect this one to be there: it is of a package that the file's
 * asks for, or of the same.
 */
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"

/* --- what is in PATH --- */

static const char *const path_folders[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin",
					    "usr/bin" };

bool closure_in_path(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(path_folders); i++) {
		size_t n = strlen(path_folders[i]);

		if (strncmp(path, path_folders[i], n) == 0 && path[n] == '/' &&
		    !strchr(path + n + 1, '/'))
			return true;
	}
	return false;
}

static char *program_path(struct closure *c, const char *name)
{
	struct tree_node *node;

	if (strchr(name, '/'))
		return *name == '/' && closure_find(c, name) ? xstrdup(name) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(path_folders); i++) {
		cleanup_free char *path = xasprintf("%s/%s", path_folders[i], name);

		node = closure_find(c, path);
		if (node && S_ISREG(node->mode))
			return steal_ptr(path);
	}
	return NULL;
}

struct tree_node *closure_need_program(struct closure *c, const char *name, enum reason reason,
				       const struct tree_node *by, const char *detail)
{
	cleanup_free char *path = program_path(c, name);

	return path ? closure_need(c, path, reason, by, detail) : NULL;
}

/* --- who may start what --- */

static size_t number(const struct closure *c, const struct package *p)
{
	return (size_t)(p - c->packages->items);
}

/* The package that a file belongs to as a name in PATH; NULL: it is no program there. */
static const struct package *program_of(const struct closure *c, const struct tree_node *node)
{
	return !node || S_ISDIR(node->mode) || !closure_in_path(node->path)
		       ? NULL
		       : closure_package(c, node);
}

void closure_index_programs(struct closure *c)
{
	c->has_program = xcalloc(c->packages->n + 1, sizeof(*c->has_program));
	c->has_files = xcalloc(c->packages->n + 1, sizeof(*c->has_files));
	c->reaches = xcalloc(c->packages->n + 1, sizeof(*c->reaches));
	c->depended = xcalloc(c->packages->n + 1, sizeof(*c->depended));
	for (size_t i = 0; i < c->n_nodes; i++) {
		const char *path = c->nodes[i]->path, *base = strrchr(path, '/');
		const struct package *p = closure_package(c, c->nodes[i]);

		if (p && tree_is_substance(c->nodes[i]))
			c->has_files[number(c, p)] = true;
		if (!program_of(c, c->nodes[i]))
			continue;
		c->has_program[number(c, p)] = true;
		words_add(&c->programs, base + 1, strlen(base + 1));
	}
	words_sort(&c->programs);
}

void closure_programs_finish(struct closure *c)
{
	for (size_t i = 0; i <= c->packages->n && c->reaches; i++) {
		free(c->reaches[i]);
		free(c->depended[i]);
	}
	free(c->reaches);
	free(c->depended);
	free(c->has_files);
	free(c->has_program);
	words_finish(&c->programs);
}

static void reach(const struct closure *c, char *const *names, const char *source, bool *reached);

/* Without programs it stands for what it depends on: a metapackage, or one of several that are made of one source. */
static void reach_one(const struct closure *c, const struct package *p, bool *reached)
{
	size_t i = number(c, p);

	if (reached[i])
		return;
	reached[i] = true;
	if (!c->has_program[i])
		reach(c, p->depends, c->has_files[i] ? p->source : NULL, reached);
}

/* All that have one of the names, of one source unless that is NULL, and those that they stand for. */
static void reach(const struct closure *c, char *const *names, const char *source, bool *reached)
{
	for (; names && *names; names++)
		for (size_t i = 0; i < c->packages->n; i++) {
			const struct package *p = &c->packages->items[i];

			if ((!source || str_eq(p->source, source)) &&
			    (str_eq(p->name, *names) || strv_has(p->provides, *names)))
				reach_one(c, p, reached);
		}
}

static void depend(const struct closure *c, const struct package *p, bool *depended)
{
	for (char **name = p->depends; name && *name; name++)
		for (size_t i = 0; i < c->packages->n; i++) {
			const struct package *other = &c->packages->items[i];

			if (depended[i] ||
			    !(str_eq(other->name, *name) || strv_has(other->provides, *name)))
				continue;
			depended[i] = true;
			depend(c, other, depended);
		}
}

bool closure_depends(struct closure *c, const struct package *p, const struct package *other)
{
	bool **depended = &c->depended[number(c, p)];

	if (!*depended) {
		*depended = xcalloc(c->packages->n + 1, sizeof(bool));
		depend(c, p, *depended);
	}
	return (*depended)[number(c, other)];
}

/* What a package would like counts once the recipe itself adds it: git and less. */
static char **added(const struct closure *c, const struct package *p)
{
	char **names = NULL;

	for (char **name = c->recipe->packages; name && *name; name++) {
		const struct package *other = package_list_find(c->packages, *name);

		for (char **l = other ? p->likes : NULL; l && *l; l++)
			if (str_eq(other->name, *l) || strv_has(other->provides, *l))
				strv_append(&names, *name);
	}
	return names;
}

/* The packages whose programs a file of one may expect; p NULL: a file of the recipe. */
static const bool *reached_by(struct closure *c, const struct package *p)
{
	size_t i = p ? number(c, p) : c->packages->n;
	cleanup_strv char **names = NULL;

	if (c->reaches[i])
		return c->reaches[i];
	c->reaches[i] = xcalloc(c->packages->n + 1, sizeof(bool));
	reach(c, p ? p->depends : c->recipe->packages, NULL, c->reaches[i]);
	if (p) {
		c->reaches[i][i] = true;
		names = added(c, p);
		reach(c, names, NULL, c->reaches[i]);
	}
	return c->reaches[i];
}

const bool *closure_named_packages(struct closure *c)
{
	return reached_by(c, NULL);
}

/* Functions of the C library that look in PATH; and parts of the names of others that do. */
static const char *const starting[] = { "execvp", "execlp", "execvpe", "posix_spawnp",
					"system", "popen",  "wordexp" };
static const char *const starters[] = { "spawn", "popen", "QProcess" };

/* What has no imports brings the C library along. */
static bool calls_starting(char *const *imports)
{
	bool found = !*imports;

	for (; *imports && !found; imports++) {
		for (size_t i = 0; i < ARRAY_SIZE(starting) && !found; i++)
			found = str_eq(*imports, starting[i]);
		for (size_t i = 0; i < ARRAY_SIZE(starters) && !found; i++)
			found = strstr(*imports, starters[i]) != NULL;
	}
	return found;
}

/* Words of the languages' own for that. */
static bool says_starting(const char *text)
{
	static const char *const words[] = { "exec",  "popen",   "Popen", "system", "spawn",
					     "which", "process", "qx",    "`" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(text, words[i]))
			return true;
	return false;
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* What says its own name, or its package's, means itself: an identifier, a domain of messages. */
static bool is_own_name(const struct package *own, const struct tree_node *by, const char *name)
{
	return str_eq(base(name), base(by->path)) || (own && str_eq(base(name), own->name));
}

static void start(struct closure *c, const char *name, const struct tree_node *by, bool siblings)
{
	const struct package *own = closure_package(c, by), *its;
	cleanup_free char *path = program_path(c, name), *tidy = NULL;

	if (!path || tree_path(path, &tidy) < 0 || is_own_name(own, by, name))
		return;
	its = program_of(c, tree_get(c->tree, tidy));
	if (its && (siblings || its != own) && (own || str_eq(by->owner, "recipe")) &&
	    reached_by(c, own)[number(c, its)])
		closure_need(c, path, REASON_COMMAND, by, name);
}

static void start_all(struct closure *c, char *const *names, const struct tree_node *by,
		      bool siblings)
{
	for (; *names; names++)
		start(c, *names, by, siblings);
}

/*
 * Of programs alone: libraries have names of much, for whoever uses them. And not what is of the same package, since
 * collections have each other's names in their texts: all of coreutils say sha256sum.
 */
void closure_start_elf(struct closure *c, const struct elf_facts *f, const struct tree_node *by)
{
	if (f->is_executable && *f->commands && calls_starting(f->imports))
		start_all(c, f->commands, by, false);
}

void closure_start_quoted(struct closure *c, const char *text, const struct tree_node *by)
{
	struct words words = { 0 };
	cleanup_strv char **names = NULL;

	if (!says_starting(text))
		return;
	words_scan_quoted(text, &c->programs, &words);
	names = words_steal(&words);
	start_all(c, names, by, true);
}
