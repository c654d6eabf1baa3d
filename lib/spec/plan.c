/* SPDX-License-Identifier: MIT */
/* What is wanted against what is there: the steps between, in the order in which they are taken. */
#include "plan.h"

#include <stdlib.h>

#include "address.h"
#include "digest.h"
#include "graph.h"
#include "mem.h"
#include "str.h"

const char *plan_verb_name(enum plan_verb verb)
{
	static const char *const names[] = {
		[PLAN_CREATE] = "create", [PLAN_START] = "start",   [PLAN_REPLACE] = "replace",
		[PLAN_UPDATE] = "update", [PLAN_REMOVE] = "remove", [PLAN_LINK] = "link",
		[PLAN_RELINK] = "relink", [PLAN_UNLINK] = "unlink",
	};

	return names[verb];
}

/* Takes `why` over. */
static void add_step(struct plan *p, enum plan_verb verb, const char *object, char *why)
{
	p->steps = xreallocarray(p->steps, p->n_steps + 1, sizeof(*p->steps));
	p->steps[p->n_steps++] = (struct plan_step){
		.verb = verb,
		.object = xstrdup(object),
		.why = why,
	};
}

static const struct plan_have_machine *have_machine(const struct plan_have *have, const char *name)
{
	for (size_t i = 0; i < have->n_machines; i++)
		if (str_eq(have->machines[i].name, name))
			return &have->machines[i];
	return NULL;
}

static const struct plan_have_link *have_link(const struct plan_have *have, const char *id)
{
	for (size_t i = 0; i < have->n_links; i++)
		if (str_eq(have->links[i].id, id))
			return &have->links[i];
	return NULL;
}

static const struct fed_link *want_link(const struct federation *want, const char *id)
{
	for (size_t i = 0; i < want->n_links; i++)
		if (str_eq(want->links[i].id, id))
			return &want->links[i];
	return NULL;
}

/* --- removals --- */

static void add_unlinks(struct plan *p, const struct federation *want, const struct plan_have *have)
{
	for (size_t i = 0; i < have->n_links; i++)
		if (!want_link(want, have->links[i].id))
			add_step(p, PLAN_UNLINK, have->links[i].id,
				 xstrdup("no longer in the file"));
}

/* The index of the name that `text` begins with, up to `end`; n when there is none. */
static size_t index_of(const char *const *names, size_t n, const char *text, char end)
{
	for (size_t i = 0; i < n; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(text, names[i], length) == 0 && text[length] == end)
			return i;
	}
	return n;
}

/* A link's id is FROM>TO.SERVICE. */
static void add_edge(uint8_t *edges, const char *const *names, size_t n, const char *id)
{
	size_t from = index_of(names, n, id, '>');
	size_t to = from < n ? index_of(names, n, id + strlen(names[from]) + 1, '.') : n;

	if (to < n && from != to)
		edges[from * n + to] = 1;
}

/*
 * Machines that are no longer wanted, those that use others before the others. The file that said who
 * waits for whom is gone; the ledger's links tell nearly the same.
 */
static void add_removes(struct plan *p, const struct federation *want, const struct plan_have *have)
{
	cleanup_free const char **gone = xcalloc(have->n_machines + 1, sizeof(const char *));
	cleanup_free size_t *order = xcalloc(have->n_machines + 1, sizeof(*order));
	cleanup_free uint8_t *edges = NULL;
	size_t n = 0;

	for (size_t i = 0; i < have->n_machines; i++)
		if (!federation_machine(want, have->machines[i].name))
			gone[n++] = have->machines[i].name;
	edges = xcalloc(n * n + 1, 1);
	for (size_t i = 0; i < have->n_links; i++)
		add_edge(edges, gone, n, have->links[i].id);
	graph_order(n, edges, order);
	while (n--)
		add_step(p, PLAN_REMOVE, gone[order[n]], xstrdup("no longer in the file"));
}

/* --- machines and links that are wanted --- */

/* How a machine's notes changed, in words; empty when they did not. */
static char *note_changes(const struct federation *before, const struct fed_machine *m)
{
	const struct fed_machine *was = before ? federation_machine(before, m->name) : NULL;
	cleanup_free char *old = was ? plan_machine_notes(was) : NULL;
	cleanup_free char *new = plan_machine_notes(m);

	return was ? digest_changes(old, new) : xstrdup("");
}

/* One list of changes of two; takes both over. */
static char *joined(char *first, char *second)
{
	char *text = xasprintf("%s%s%s", first, *first && *second ? ", " : "", second);

	free(first);
	free(second);
	return text;
}

static void add_machine(struct plan *p, const struct federation *want, const struct fed_machine *m,
			const char *image, const struct plan_have *have)
{
	const struct plan_have_machine *there = have_machine(have, m->name);
	cleanup_free char *digest = plan_machine_digest(want, m, image);
	char *notes = note_changes(have->file, m);

	if (!there)
		add_step(p, PLAN_CREATE, m->name, xstrdup("new"));
	else if (!str_eq(digest, there->digest))
		add_step(p, PLAN_REPLACE, m->name,
			 joined(digest_changes(there->digest, digest), steal_ptr(notes)));
	else if (!there->running)
		add_step(p, PLAN_START, m->name, joined(xstrdup("not running"), steal_ptr(notes)));
	else if (*notes)
		add_step(p, PLAN_UPDATE, m->name, steal_ptr(notes));
	free(notes);
}

static void add_machines(struct plan *p, const struct federation *want, appliance_digest_fn digest,
			 void *data, const struct plan_have *have)
{
	cleanup_free size_t *order = xcalloc(want->n_machines + 1, sizeof(*order));

	graph_start_order(want, order);
	for (size_t i = 0; i < want->n_machines; i++) {
		const struct fed_machine *m = &want->machines[order[i]];

		add_machine(p, want, m, digest(m->image, data), have);
	}
}

static void add_links(struct plan *p, const struct federation *want, const struct plan_have *have)
{
	for (size_t i = 0; i < want->n_links; i++) {
		const struct fed_link *l = &want->links[i];
		const struct plan_have_link *there = have_link(have, l->id);
		cleanup_free char *digest = plan_link_digest(l);

		if (!there)
			add_step(p, PLAN_LINK, l->id, xstrdup("new"));
		else if (!str_eq(digest, there->digest))
			add_step(p, PLAN_RELINK, l->id, digest_changes(there->digest, digest));
	}
}

struct plan *plan_make(const struct federation *want, appliance_digest_fn digest, void *data,
		       const struct plan_have *have)
{
	struct plan *p = xcalloc(1, sizeof(*p));

	add_unlinks(p, want, have);
	add_removes(p, want, have);
	add_machines(p, want, digest, data, have);
	add_links(p, want, have);
	p->nets = address_give(want, have, &p->n_nets);
	return p;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_steps; i++) {
		free(p->steps[i].object);
		free(p->steps[i].why);
	}
	free(p->steps);
	address_free(p->nets, p->n_nets);
	free(p);
}
