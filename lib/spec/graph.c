/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A graph here is a matrix of bytes, at most 256 by 256: edge(i, k) says that machine i depends on
 * machine k. Three things are asked of it: circles (depth first; an edge back to a machine on the
 * current path closes one), the longest chain from a machine (its rank in the start order), and which
 * uplinks a machine's net links lead to.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

struct graph {
	const struct federation *f;
	size_t n;
	uint8_t *edges;
};

static uint8_t *edge(const struct graph *g, size_t from, size_t to)
{
	return &g->edges[from * g->n + to];
}

static void graph_init(struct graph *g, const struct federation *f)
{
	g->f = f;
	g->n = f->n_machines;
	g->edges = xcalloc(g->n * g->n + 1, 1);
}

static void graph_finish(struct graph *g)
{
	free(g->edges);
}

/* -1 for a machine that there is not: a fault of its own. */
static long index_of(const struct federation *f, const char *name)
{
	const struct fed_machine *m = federation_machine(f, name);

	return m ? m - f->machines : -1;
}

static void connect(struct graph *g, const char *from, const char *to)
{
	long i = index_of(g->f, from), k = index_of(g->f, to);

	if (i >= 0 && k >= 0 && i != k)
		*edge(g, (size_t)i, (size_t)k) = 1;
}

static void connect_net(struct graph *g)
{
	for (size_t i = 0; i < g->f->n_links; i++)
		if (fed_link_is_net(&g->f->links[i]))
			connect(g, g->f->links[i].from, g->f->links[i].to);
}

static void connect_waits(struct graph *g)
{
	for (size_t i = 0; i < g->f->n_links; i++)
		if (!g->f->links[i].no_wait)
			connect(g, g->f->links[i].from, g->f->links[i].to);
	for (size_t i = 0; i < g->n; i++)
		for (char **after = g->f->machines[i].after; after && *after; after++)
			connect(g, g->f->machines[i].name, *after);
}

size_t federation_waits_for(const struct federation *f, size_t machine, size_t *ret)
{
	const struct fed_machine *m = &f->machines[machine];
	cleanup_free uint8_t *waits = xcalloc(f->n_machines + 1, 1);
	size_t n = 0;
	long k;

	for (size_t i = 0; i < f->n_links; i++)
		if (!f->links[i].no_wait && str_eq(f->links[i].from, m->name) &&
		    (k = index_of(f, f->links[i].to)) >= 0)
			waits[k] = 1;
	for (char **after = m->after; after && *after; after++)
		if ((k = index_of(f, *after)) >= 0)
			waits[k] = 1;
	for (size_t i = 0; i < f->n_machines; i++)
		if (waits[i] && i != machine)
			ret[n++] = i;
	return n;
}

/* --- circles --- */

struct walk {
	struct graph *g;
	uint8_t *state; /* 0: not seen, 1: on the path, 2: done */
	size_t *path;
	size_t depth;
	/* A circle was closed: path[first ..] and back to path[first]. */
	void (*found)(struct walk *w, size_t first);
	struct diag_list *diags;
	size_t n_found;
	struct graph *also; /* loses the edges that close a circle; or NULL */
};

static void walk_from(struct walk *w, size_t i)
{
	w->state[i] = 1;
	w->path[w->depth++] = i;
	for (size_t k = 0; k < w->g->n; k++) {
		size_t first = 0;

		if (!*edge(w->g, i, k))
			continue;
		if (w->state[k] == 0)
			walk_from(w, k);
		if (w->state[k] != 1)
			continue;
		while (w->path[first] != k)
			first++;
		w->found(w, first);
		w->n_found++;
		if (w->also)
			*edge(w->also, i, k) = 0;
	}
	w->depth--;
	w->state[i] = 2;
}

static void find_circles(struct walk *w)
{
	cleanup_free uint8_t *state = xcalloc(w->g->n + 1, 1);
	cleanup_free size_t *path = xcalloc(w->g->n + 1, sizeof(*path));

	w->state = state;
	w->path = path;
	for (size_t i = 0; i < w->g->n; i++)
		if (state[i] == 0)
			walk_from(w, i);
}

/* "a -> b -> a" */
static char *circle_text(const struct walk *w, size_t first)
{
	struct buf text = BUF_INIT;

	for (size_t i = first; i < w->depth; i++)
		buf_printf(&text, "%s -> ", w->g->f->machines[w->path[i]].name);
	buf_append_str(&text, w->g->f->machines[w->path[first]].name);
	return buf_steal_str(&text);
}

/* A link that makes an edge of a circle: one that waits, or a net link. NULL: `after` made it. */
static const struct fed_link *edge_link(const struct federation *f, size_t from, size_t to,
					bool net)
{
	for (size_t i = 0; i < f->n_links; i++) {
		const struct fed_link *l = &f->links[i];

		if (str_eq(l->from, f->machines[from].name) &&
		    str_eq(l->to, f->machines[to].name) && (net ? fed_link_is_net(l) : !l->no_wait))
			return l;
	}
	return NULL;
}

static void found_waits(struct walk *w, size_t first)
{
	const struct federation *f = w->g->f;
	cleanup_free char *circle = circle_text(w, first);
	size_t last = w->path[w->depth - 1];
	const struct fed_link *l = edge_link(f, last, w->path[first], false);
	bool any = l;

	for (size_t i = first; i + 1 < w->depth; i++)
		any |= !!edge_link(f, w->path[i], w->path[i + 1], false);
	if (l)
		diag_add(w->diags, f->file, l->line, l->column,
			 "link \"%s -> %s\": these would wait for each other for ever: %s; say "
			 "\"wait: false\" on one of the links",
			 l->from, l->to, circle);
	else
		diag_add(w->diags, f->file, f->machines[last].line, f->machines[last].column,
			 "machine \"%s\": after: these would wait for each other for ever: %s; %s",
			 f->machines[last].name, circle,
			 any ? "take it out, or say \"wait: false\" on one of the links"
			     : "take one out");
}

static void found_net(struct walk *w, size_t first)
{
	const struct federation *f = w->g->f;
	cleanup_free char *circle = circle_text(w, first);
	const struct fed_link *l = edge_link(f, w->path[w->depth - 1], w->path[first], true);

	diag_add(w->diags, f->file, l->line, l->column,
		 "link \"%s -> %s\": net links in a circle lead nowhere: %s", l->from, l->to,
		 circle);
}

/* --- uplinks --- */

struct ways {
	const struct graph *g;
	size_t *parent; /* where a machine was reached from; its own index for the first, n: not */
	size_t n_uplinks;
};

static void reach(struct ways *w, size_t i)
{
	w->n_uplinks += w->g->f->machines[i].uplink;
	for (size_t k = 0; k < w->g->n; k++)
		if (*edge(w->g, i, k) && w->parent[k] == w->g->n) {
			w->parent[k] = i;
			reach(w, k);
		}
}

static void ways_out(struct ways *w, size_t from)
{
	w->n_uplinks = 0;
	for (size_t i = 0; i < w->g->n; i++)
		w->parent[i] = w->g->n;
	w->parent[from] = from;
	reach(w, from);
}

static void put_way(const struct ways *w, size_t to, struct buf *text)
{
	if (w->parent[to] != to) {
		put_way(w, w->parent[to], text);
		buf_append_str(text, " -> ");
	}
	buf_append_str(text, w->g->f->machines[to].name);
}

static void report_ways(const struct ways *w, size_t from, struct diag_list *diags)
{
	const struct fed_machine *m = &w->g->f->machines[from];
	struct buf text = BUF_INIT;
	cleanup_free char *ways = NULL;

	for (size_t i = 0; i < w->g->n; i++) {
		if (w->parent[i] == w->g->n || !w->g->f->machines[i].uplink)
			continue;
		if (text.len)
			buf_append_str(&text, " and ");
		if (i == from)
			buf_append_str(&text, "its own");
		else
			put_way(w, i, &text);
	}
	ways = buf_steal_str(&text);
	diag_add(diags, w->g->f->file, m->line, m->column,
		 "machine \"%s\": two uplinks on one path: %s; a machine has one way out", m->name,
		 ways);
}

/* Once for each place where ways part, not again for all those behind it. There are no circles. */
static void check_uplinks(const struct graph *net, struct diag_list *diags)
{
	cleanup_free size_t *parent = xcalloc(net->n + 1, sizeof(*parent));
	cleanup_free uint8_t *many = xcalloc(net->n + 1, 1);
	struct ways w = { .g = net, .parent = parent };

	for (size_t i = 0; i < net->n; i++) {
		ways_out(&w, i);
		many[i] = w.n_uplinks > 1;
	}
	for (size_t i = 0; i < net->n; i++) {
		bool said = false;

		for (size_t k = 0; k < net->n; k++)
			said |= *edge(net, i, k) && many[k];
		if (!many[i] || said)
			continue;
		ways_out(&w, i);
		report_ways(&w, i, diags);
	}
}

void graph_check(const struct federation *f, struct diag_list *diags)
{
	struct graph net, waits;
	struct walk net_walk = { .g = &net, .also = &waits, .found = found_net, .diags = diags };
	struct walk waits_walk = { .g = &waits, .found = found_waits, .diags = diags };

	graph_init(&net, f);
	graph_init(&waits, f);
	connect_net(&net);
	connect_waits(&waits);
	find_circles(&net_walk);
	find_circles(&waits_walk);
	if (net_walk.n_found == 0)
		check_uplinks(&net, diags);
	graph_finish(&net);
	graph_finish(&waits);
}

/* --- start order --- */

/* ranks: 0: not known yet; else 1 + the rank of the last of those it waits for. */
static size_t rank_of(size_t n, const uint8_t *edges, size_t i, size_t *ranks)
{
	size_t rank = 1;

	if (ranks[i])
		return ranks[i];
	ranks[i] = 1; /* a circle ends here: a file has none, but what the ledger has may */
	for (size_t k = 0; k < n; k++)
		if (edges[i * n + k] && rank_of(n, edges, k, ranks) >= rank)
			rank = ranks[k] + 1;
	return ranks[i] = rank;
}

void graph_order(size_t n, const uint8_t *edges, size_t *ret)
{
	cleanup_free size_t *ranks = xcalloc(n + 1, sizeof(*ranks));
	size_t done = 0;

	for (size_t i = 0; i < n; i++)
		rank_of(n, edges, i, ranks);
	for (size_t rank = 1; done < n; rank++)
		for (size_t i = 0; i < n; i++)
			if (ranks[i] == rank)
				ret[done++] = i;
}

void graph_start_order(const struct federation *f, size_t *ret)
{
	struct graph g;

	graph_init(&g, f);
	connect_waits(&g);
	graph_order(g.n, g.edges, ret);
	graph_finish(&g);
}
