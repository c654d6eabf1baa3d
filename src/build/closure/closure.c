/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. The unpacked tree is a graph: nodes are files, and an edge is "this file asks
 * for that one", with the reason. The closure walks it from the roots: what every appliance has, what
 * the recipe puts there, runs or names. A file that is reached is kept, says by which file and why,
 * and joins a queue; when its turn comes it is read for what it asks for in its turn. So the file that
 * is named as the reason was always kept before, and chains end at the recipe.
 *
 *	roots ──> queue ──> ELF file?  needed, interpreter, versions, dlopen, strings, symbols
 *	            ^       script?    interpreter, modules, commands, paths
 *	            │       text?      paths and libraries that a configuration names
 *	            └────── package:   configuration and data of a package whose program is kept
 *
 * What is not reached at the end was left out. The order is that of sorted lists throughout, so the
 * same tree gives the same reasons. All rules that are about a name are in tables; no package needs a
 * rule of its own to work.
 */
#include "closure.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "closure_internal.h"
#include "content.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define LINKS_MAX 40
#define TEXT_MAX  (64 << 20)

static const struct {
	const char *arch, *triplet;
} triplets[] = {
	{ "amd64", "x86_64-linux-gnu" },        { "arm64", "aarch64-linux-gnu" },
	{ "armhf", "arm-linux-gnueabihf" },     { "i386", "i386-linux-gnu" },
	{ "ppc64el", "powerpc64le-linux-gnu" }, { "riscv64", "riscv64-linux-gnu" },
};

/* --- keeping --- */

/* As fnmatch(3), and two stars as the last part stand for all below. Without slashes at the begin. */
static bool matches(const char *pattern, const char *path)
{
	cleanup_free char *folder = NULL, *head = NULL;
	const char *end = path;

	if (str_eq(pattern, "**"))
		return true;
	if (!str_ends(pattern, "/**"))
		return fnmatch(pattern, path, FNM_PATHNAME) == 0;
	folder = xstrndup(pattern, strlen(pattern) - 3);
	for (const char *p = folder; end && p; p = strchr(p + 1, '/'))
		end = strchr(end + (p != folder), '/');
	if (!end || !end[1])
		return false;
	head = xstrndup(path, (size_t)(end - path));
	return fnmatch(folder, head, FNM_PATHNAME) == 0;
}

/* Of a pattern as a recipe has it: "/lib/x" is what the tree has as "usr/lib/x". */
static bool is_match(const char *pattern, const char *path)
{
	cleanup_free char *tidy = NULL;

	return tree_path(pattern, &tidy) == 0 && matches(tidy, path);
}

const char *closure_exclusion(const struct recipe *recipe, const char *path)
{
	for (char **k = recipe->keep; k && *k; k++)
		if (str_starts(*k, "!/") && is_match(*k + 1, path))
			return *k;
	return NULL;
}

bool closure_inclusion(const struct recipe *recipe, const char *path)
{
	for (char **k = recipe->keep; k && *k; k++)
		if (**k == '/' && is_match(*k, path))
			return true;
	return false;
}

/* What is kept already stays: somebody asked for it by its very name. */
bool closure_is_excluded(const struct closure *c, struct tree_node *node,
			 const struct tree_node *by)
{
	const char *pattern = node->kept ? NULL : closure_exclusion(c->recipe, node->path);

	if (pattern)
		tree_because(node, REASON_EXCLUDED, by ? by->path : NULL, pattern);
	return pattern != NULL;
}

static void keep_parents(struct closure *c, const struct tree_node *node)
{
	cleanup_free char *path = xstrdup(node->path);

	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		struct tree_node *parent;

		*slash = '\0';
		parent = tree_get(c->tree, path);
		if (!parent || parent->kept)
			continue;
		parent->kept = true;
		tree_because(parent, REASON_FOLDER, node->path, NULL);
	}
}

/* Whether what brings a file, and what brings that, and so on, leads to a node: chains must end. */
static bool leads_to(const struct closure *c, const struct tree_node *from,
		     const struct tree_node *node)
{
	for (; from; from = from->by ? tree_get(c->tree, from->by) : NULL)
		if (from == node)
			return true;
	return false;
}

bool closure_is_declared(const struct tree_node *node)
{
	return node->reason == REASON_PACKAGE && node->detail;
}

/* The first that would ask for something that is left out, if it were kept itself. */
static bool note_asked(struct closure *c, struct tree_node *node, enum reason reason,
		       const struct tree_node *by, const char *detail)
{
	const char *excluded;

	if (node->kept)
		return true;
	if (!by || (node->reason != REASON_NONE && node->reason != REASON_PACKAGE) ||
	    leads_to(c, by, node))
		return false;
	excluded = closure_exclusion(c->recipe, node->path);
	tree_because(node, excluded ? REASON_EXCLUDED : reason, by->path,
		     excluded ? excluded : detail);
	return !excluded;
}

/* Who asks for a file that was made or is only declared, and what did that. The caller frees. */
static char *with_maker(const struct tree_node *node, const char *detail)
{
	bool made = node->reason == REASON_MADE;

	if (!made && !closure_is_declared(node))
		return detail ? xstrdup(detail) : NULL;
	return xasprintf("%s%s%s %s it", detail ? detail : "", detail ? "; " : "", node->detail,
			 made ? "made" : "declares");
}

/* True when it is kept now or was before. */
static bool mark(struct closure *c, struct tree_node *node, enum reason reason,
		 const struct tree_node *by, const char *detail)
{
	cleanup_free char *all = NULL;

	if (c->asking)
		return note_asked(c, node, reason, by, detail);
	if (node->kept)
		return true;
	if (reason != REASON_RECIPE && closure_is_excluded(c, node, by))
		return false;
	all = with_maker(node, detail);
	node->kept = true;
	tree_because(node, reason, by ? by->path : NULL, all);
	keep_parents(c, node);
	c->queue[c->n_queue++] = node;
	return true;
}

/* The path with the link at its first `len` bytes followed; NULL when that leads nowhere. */
static char *follow(const struct tree_node *link, const char *path, size_t len)
{
	const char *slash = strrchr(link->path, '/');
	int dir = *link->target == '/' || !slash ? 0 : (int)(slash - link->path);
	cleanup_free char *joined =
		xasprintf("%.*s/%s%s", dir, link->path, link->target, path + len);
	char *result = NULL;

	return tree_path_beneath(joined, &result) < 0 ? NULL : result;
}

/* The first link on the way of a path, and how much of the path it is. */
static struct tree_node *first_link(const struct closure *c, char *path, size_t *ret_len)
{
	for (char *end = path; end;) {
		struct tree_node *node;
		char saved;

		end += *end == '/';
		end += strcspn(end, "/");
		saved = *end;
		*end = '\0';
		node = tree_get(c->tree, path);
		*end = saved;
		if (node && S_ISLNK(node->mode)) {
			*ret_len = (size_t)(end - path);
			return node;
		}
		if (!saved)
			break;
	}
	return NULL;
}

/* Walks a path; keeps the links on the way when asked to, and moves `by` on to them. */
static struct tree_node *walk(struct closure *c, const char *path, enum reason *reason,
			      const struct tree_node **by, const char **detail)
{
	cleanup_free char *at = NULL;

	if (tree_path_beneath(path, &at) < 0)
		return NULL;
	for (int i = 0; i < LINKS_MAX && at; i++) {
		size_t len;
		struct tree_node *link = first_link(c, at, &len);
		char *next;

		if (!link)
			return tree_get(c->tree, at);
		if (reason) {
			if (!mark(c, link, *reason, *by, *detail))
				return NULL;
			*reason = REASON_LINK;
			*by = link;
			*detail = NULL;
		}
		next = follow(link, at, len);
		free(at);
		at = next;
	}
	return NULL;
}

struct tree_node *closure_find(struct closure *c, const char *path)
{
	return walk(c, path, NULL, NULL, NULL);
}

struct tree_node *closure_need(struct closure *c, const char *path, enum reason reason,
			       const struct tree_node *by, const char *detail)
{
	struct tree_node *node = closure_find(c, path);

	if (!node)
		return NULL;
	node = walk(c, path, &reason, &by, &detail);
	return node && mark(c, node, reason, by, detail) ? node : NULL;
}

void closure_keep_node(struct closure *c, struct tree_node *node, enum reason reason,
		       const struct tree_node *by, const char *detail)
{
	if (mark(c, node, reason, by, detail) && S_ISLNK(node->mode))
		closure_need(c, node->path, reason, by, detail);
}

const struct package *closure_package(const struct closure *c, const struct tree_node *node)
{
	return package_list_find(c->packages, node->owner);
}

bool closure_read(const struct tree_node *node, struct buf *out)
{
	if (!S_ISREG(node->mode) || !node->content || content_read(node, TEXT_MAX, out, NULL) < 0)
		return false;
	buf_append(out, "", 1);
	return true;
}

char *closure_why_missing(const struct closure *c, const char *name)
{
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	cleanup_free char *found = NULL;

	for (size_t i = 0; i < c->n_nodes; i++) {
		const char *path = c->nodes[i]->path, *slash = strrchr(path, '/');
		const char *pattern = str_eq(slash ? slash + 1 : path, base)
					      ? closure_exclusion(c->recipe, path)
					      : NULL;

		if (pattern)
			return xasprintf("which \"keep: %s\" of the recipe leaves out", pattern);
	}
	found = c->universe ? universe_program(c->universe, base) : NULL;
	if (found)
		return xasprintf("which none of the packages has; add %s to \"packages\"", found);
	return xstrdup("which none of the packages has; add the package that does");
}

/* --- roots --- */

static char *line_of(const struct closure *c, const char *key)
{
	return recipe_where(c->recipe, recipe_line(c->recipe, key), key);
}

/* What every appliance has, and what the recipe puts there. */
static void keep_declared(struct closure *c)
{
	for (size_t i = 0; i < c->n_nodes; i++) {
		struct tree_node *node = c->nodes[i];
		cleanup_free char *detail = node->detail ? xstrdup(node->detail) : NULL;

		if (node->reason == REASON_RECIPE || str_eq(node->owner, "atoll"))
			mark(c, node, node->reason, NULL, detail);
	}
}

/* All files of a package, or its programs alone. */
static void keep_package(struct closure *c, const char *package, bool programs, const char *detail)
{
	for (size_t i = 0; i < c->n_nodes; i++) {
		struct tree_node *node = c->nodes[i];

		if (str_eq(node->owner, package) && (!programs || closure_in_path(node->path)) &&
		    !closure_is_excluded(c, node, NULL))
			closure_keep_node(c, node, REASON_RECIPE, NULL, detail);
	}
}

/* Without `run` the machine waits for exec: all programs of the packages that the recipe names. */
static void keep_commands(struct closure *c)
{
	const struct recipe *r = c->recipe;
	cleanup_free char *run = line_of(c, "run"), *prepare = line_of(c, "prepare");
	cleanup_free char *packages = line_of(c, "packages");

	closure_command(c, r->argv, run);
	closure_command(c, r->prepare, prepare);
	for (size_t i = 0; !r->argv && i < c->packages->n; i++)
		if (closure_named_packages(c)[i])
			keep_package(c, c->packages->items[i].name, true, packages);
}

static bool has_match(const struct closure *c, const char *exclusion)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (is_match(exclusion + 1, c->nodes[i]->path))
			return true;
	return false;
}

static int keep_listed(struct closure *c, struct err **err)
{
	cleanup_free char *at = recipe_at(c->recipe, "keep");

	for (char **k = c->recipe->keep; k && *k; k++) {
		cleanup_free char *line = line_of(c, "keep");
		cleanup_free char *detail = xasprintf("%s: %s", line, *k);

		if (**k == '!' && !has_match(c, *k))
			return err_set(err, ENOENT,
				       "%s: \"%s\": none of the packages has such a file", at, *k);
		if (str_eq(*k, "closure") || **k == '!')
			continue;
		if (**k == '/' && closure_need_glob(c, *k, REASON_RECIPE, NULL, detail) == 0)
			return err_set(err, ENOENT, "%s: %s: none of the packages has such a file",
				       at, *k);
		if (**k != '/' && !package_list_find(c->packages, *k))
			return err_set(err, ENOENT,
				       "%s: %s: no such package is among those that are "
				       "installed",
				       at, *k);
		if (**k != '/')
			keep_package(c, *k, false, detail);
	}
	return 0;
}

static int keep_roots(struct closure *c, struct err **err)
{
	int r;

	keep_declared(c);
	keep_commands(c);
	r = closure_environment(c, err);
	return r < 0 ? r : keep_listed(c, err);
}

/* --- the walk --- */

static bool is_text(const struct tree_node *node)
{
	static const char *const drivers[] = { "usr/share/glvnd/", "usr/share/vulkan/" };

	/* OpenGL's and Vulkan's, by name in JSON. */
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		if (str_starts(node->path, drivers[i]))
			return true;
	/* Not what we declare: the shells in passwd are nobody's needs. */
	return (str_starts(node->path, "etc/") && !str_eq(node->owner, "atoll")) ||
	       str_eq(node->owner, "recipe");
}

static int visit(struct closure *c, struct tree_node *node, struct err **err)
{
	int r;

	if (!S_ISREG(node->mode))
		return 0;
	r = closure_elf(c, node, err);
	if (r < 0)
		return r;
	if (r > 0) {
		closure_use_package(c, node);
		return 0;
	}
	r = closure_script(c, node, err);
	if (r < 0)
		return r;
	closure_typelib(c, node);
	if (r > 0 && node->mode & 0111)
		closure_use_package(c, node);
	else if (r == 0 && is_text(node))
		closure_text(c, node);
	return 0;
}

static int visit_all(struct closure *c, struct err **err)
{
	int r;

	do {
		r = 0;
		while (c->next < c->n_queue && r == 0)
			r = visit(c, c->queue[c->next++], err);
		if (r == 0)
			r = closure_java_modules(c, err);
	} while (r > 0);
	return r;
}

static void leave_rest(struct closure *c, struct tree *left)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (!c->nodes[i]->kept)
			tree_move(c->tree, c->nodes[i]->path, left);
}

/*
 * What the recipe's test starts and names, with all that asks for, is there when it runs (trial.h), and not in
 * the image.
 */
static int mark_for_test(struct closure *c, struct err **err)
{
	cleanup_free bool *in_image = xcalloc(c->n_nodes + 1, sizeof(*in_image));
	int r;

	if (!c->recipe->test)
		return 0;
	for (size_t i = 0; i < c->n_nodes; i++)
		in_image[i] = c->nodes[i]->kept;
	closure_command(c, c->recipe->test, NULL);
	r = visit_all(c, err);
	for (size_t i = 0; i < c->n_nodes; i++) {
		if (in_image[i] || !c->nodes[i]->kept)
			continue;
		c->nodes[i]->kept = false;
		c->nodes[i]->for_test = true;
		tree_because(c->nodes[i], REASON_NONE, NULL, NULL);
	}
	return r;
}

/* For "why not": each file that is left out, and what it would bring. What it lacks is nobody's matter. */
static void ask_left(struct closure *c)
{
	char **notes = NULL, ***said = c->notes;

	c->asking = true;
	c->notes = &notes;
	for (size_t i = 0; i < c->n_nodes; i++)
		if (!c->nodes[i]->kept)
			visit(c, c->nodes[i], NULL);
	c->notes = said;
	strv_free(notes);
}

static int run(struct closure *c, struct tree *left, struct err **err)
{
	cleanup_free char *at = recipe_at(c->recipe, "test");
	int r;

	closure_index_libraries(c);
	closure_index_programs(c);
	r = closure_scan(c, err);
	if (r == 0)
		r = keep_roots(c, err);
	if (r == 0)
		r = visit_all(c, err);
	if (r == 0)
		r = closure_check_versions(c, err);
	if (r == 0)
		r = closure_check_empty(c, err);
	if (r < 0)
		return r;
	closure_java_end(c);
	closure_licences(c);
	r = mark_for_test(c, err);
	if (r < 0)
		return err_prefix(err, "%s", at);
	closure_note_unused(c);
	ask_left(c);
	leave_rest(c, left);
	return 0;
}

static void finish(struct closure *c)
{
	for (size_t i = 0; i < c->n_version_needs; i++)
		free(c->version_needs[i].version);
	for (size_t i = 0; i < c->n_version_sets; i++)
		strv_free(c->version_sets[i].defined);
	strv_free(c->missed);
	free(c->version_needs);
	free(c->version_sets);
	strv_free(c->library_folders);
	closure_scan_finish(c);
	closure_java_finish(c);
	closure_programs_finish(c);
	free(c->nodes);
	free(c->libraries);
	free(c->queue);
	free(c->used);
	free(c->functions_served);
	free(c->python);
	buf_free(&c->python_bytes);
}

int closure_keep(const struct recipe *recipe, const struct package_list *packages,
		 struct universe *universe, const char *arch, struct tree *tree, struct tree *left,
		 char ***notes, struct err **err)
{
	struct closure c = { .recipe = recipe,
			     .packages = packages,
			     .universe = universe,
			     .arch = arch,
			     .tree = tree,
			     .notes = notes };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(triplets); i++)
		if (str_eq(triplets[i].arch, arch))
			c.triplet = triplets[i].triplet;
	c.nodes = tree_list(tree);
	c.n_nodes = tree->n;
	c.queue = xcalloc(tree->n + 1, sizeof(*c.queue));
	c.used = xcalloc(packages->n + 1, sizeof(*c.used));
	r = run(&c, left, err);
	finish(&c);
	return r;
}
