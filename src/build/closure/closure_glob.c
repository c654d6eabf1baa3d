/* SPDX-License-Identifier: MIT */
/*
 * Patterns of fnmatch(3) over the sorted paths, part by part: only folders are looked into that a part
 * lets in, since below /usr/lib alone there are thousands of files, and scripts ask for hundreds of modules.
 */
#include <fnmatch.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"

/* What is done with all that match. */
struct glob {
	struct closure *c;
	enum reason reason;
	const struct tree_node *by;
	const char *detail;
	size_t found;
};

/* The first of the nodes from `low` to `high` that does not come before a begin, or that is beyond it. */
static size_t bound(const struct closure *c, size_t low, size_t high, const char *begin, size_t len,
		    bool beyond)
{
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strncmp(c->nodes[middle]->path, begin, len) < (beyond ? 1 : 0))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t closure_below(struct closure *c, const char *folder, size_t *ret_n)
{
	cleanup_free char *begin = *folder ? xasprintf("%s/", folder) : xstrdup("");
	size_t first = bound(c, 0, c->n_nodes, begin, strlen(begin), false);

	*ret_n = bound(c, first, c->n_nodes, begin, strlen(begin), true) - first;
	return first;
}

size_t closure_index(const struct closure *c, const struct tree_node *node)
{
	/* With its NUL: only what is the same is not before it and not beyond it. */
	return bound(c, 0, c->n_nodes, node->path, strlen(node->path) + 1, false);
}

static void take(struct glob *g, struct tree_node *node)
{
	if (S_ISDIR(node->mode) || (!g->c->asking && closure_is_excluded(g->c, node, g->by)))
		return;
	closure_keep_node(g->c, node, g->reason, g->by, g->detail);
	g->found++;
}

static void take_all(struct glob *g, size_t at, size_t end)
{
	for (; at < end; at++)
		take(g, g->c->nodes[at]);
}

static void walk(struct glob *g, size_t at, size_t end, size_t depth, const char *pattern);

/* A part without wildcards: what has that name is found without looking at its neighbours. */
static void walk_literal(struct glob *g, size_t at, size_t end, size_t depth, const char *pattern,
			 size_t len)
{
	cleanup_free char *begin =
		xasprintf("%.*s%.*s/", (int)depth, g->c->nodes[at]->path, (int)len, pattern);
	size_t n = depth + len + 1, first;
	struct tree_node *node;

	if (pattern[len]) {
		first = bound(g->c, at, end, begin, n, false);
		walk(g, first, bound(g->c, first, end, begin, n, true), n, pattern + len + 1);
		return;
	}
	begin[n - 1] = '\0';
	node = tree_get(g->c->tree, begin);
	if (node)
		take(g, node);
}

/*
 * The nodes from `at` to `end` are all below one folder, which the first `depth` bytes of their paths
 * say; those of them are taken whose further path matches.
 */
static void walk(struct glob *g, size_t at, size_t end, size_t depth, const char *pattern)
{
	size_t len = strcspn(pattern, "/");
	cleanup_free char *part = xstrndup(pattern, len);
	bool last = !pattern[len];

	if (at == end)
		return;
	if (last && str_eq(part, "**")) {
		take_all(g, at, end);
		return;
	}
	if (!part[strcspn(part, "*?[\\")]) {
		walk_literal(g, at, end, depth, pattern, len);
		return;
	}
	while (at < end) {
		struct tree_node *node = g->c->nodes[at];
		size_t n = strcspn(node->path + depth, "/"), next = at + 1;
		cleanup_free char *name = xstrndup(node->path + depth, n);
		bool below = node->path[depth + n]; /* it is the first below a folder of the name */

		if (below)
			next = bound(g->c, at, end, node->path, depth + n + 1, true);
		if (below != last && fnmatch(part, name, 0) == 0) {
			if (below)
				walk(g, at, next, depth + n + 1, pattern + len + 1);
			else
				take(g, node);
		}
		at = next;
	}
}

size_t closure_need_glob(struct closure *c, const char *pattern, enum reason reason,
			 const struct tree_node *by, const char *detail)
{
	struct glob g = { .c = c, .reason = reason, .by = by, .detail = detail };
	cleanup_free char *path = NULL;

	if (tree_path(pattern, &path) < 0)
		return 0;
	if (!path[strcspn(path, "*?[")])
		return closure_need(c, path, reason, by, detail) != NULL;
	walk(&g, 0, c->n_nodes, 0, path);
	return g.found;
}
