/* SPDX-License-Identifier: MIT */
#include "links.h"

#include <stddef.h>
#include <stdlib.h>

#include "abi_machine.h"
#include "only.h"
#include "str.h"

#define ONLY_MAX 256 /* entries of a link */

bool fed_link_is_net(const struct fed_link *l)
{
	return str_eq(l->service, "net");
}

void link_finish(struct fed_link *l)
{
	for (size_t i = 0; i < l->n_only; i++)
		free(l->only[i].host);
	free(l->only);
	free(l->id);
	free(l->from);
	free(l->to);
	free(l->service);
}

/* --- options --- */

static void read_port(struct schema *s, const struct yaml *value, void *link)
{
	struct fed_link *l = link;
	uint64_t port;

	if (fed_link_is_net(l))
		schema_fault(s, value,
			     "the service \"net\" has no port; it is a network interface");
	else if (schema_number(s, value, 1, 65535, &port))
		l->port = (uint16_t)port;
}

static void read_wait(struct schema *s, const struct yaml *value, void *link)
{
	bool wait = true;

	schema_read_bool(s, value, &wait);
	((struct fed_link *)link)->no_wait = !wait;
}

static void read_only(struct schema *s, const struct yaml *value, void *link)
{
	struct fed_link *l = link;

	if (!fed_link_is_net(l)) {
		schema_fault(s, value, "only the service \"net\" can be restricted to places");
		return;
	}
	if (!schema_is_list(s, value, ONLY_MAX, "a list of HOST[:PORT][/PROTOCOL]"))
		return;
	l->restricted = true;
	for (size_t i = 0; i < value->n; i++) {
		const struct yaml *item = value->items[i];
		const char *text = schema_text(s, item, "HOST[:PORT][/PROTOCOL]");
		struct fed_only only;
		const char *fault;

		if (!text)
			continue;
		if (only_parse(text, &only, &fault))
			*SCHEMA_GROW(l->only, l->n_only) = only;
		else
			schema_fault(s, item, "%s, found \"%.60s\"", fault, text);
	}
}

/* Each reader gets the link itself: what a value may be depends on its service. */
static const struct schema_key option_keys[] = {
	{ "port", read_port, 0 },
	{ "wait", read_wait, 0 },
	{ "only", read_only, 0 },
	{ NULL },
};

/* --- one link --- */

/* A key of `links:`, cut at " -> ". */
struct pair {
	struct federation *f;
	char *from, *to;
};

/* `options` may be NULL. */
static void take_service(struct schema *s, const struct yaml *service, const struct yaml *options,
			 void *data)
{
	struct pair *pair = data;
	struct fed_link *l;
	size_t mark;

	if (service->type != YAML_SCALAR || !str_is_name(service->text, SERVICE_NAME_MAX)) {
		schema_expected(s, service, "a service's name (a-z, 0-9 and -, at most 32)");
		return;
	}
	if (pair->f->n_links == FEDERATION_LINKS_MAX) {
		schema_fault(s, service, "too many links: at most %d", FEDERATION_LINKS_MAX);
		return;
	}
	l = SCHEMA_GROW(pair->f->links, pair->f->n_links);
	l->from = xstrdup(pair->from);
	l->to = xstrdup(pair->to);
	l->service = xstrdup(service->text);
	l->id = xasprintf("%s>%s.%s", l->from, l->to, l->service);
	l->line = service->line;
	l->column = service->column;
	if (!options || yaml_is_empty(options))
		return;
	mark = schema_enter(s, "%s", l->service);
	if (options->type == YAML_MAP)
		schema_read_map(s, service, options, option_keys, l);
	else
		schema_expected(s, options, "options such as {port: 8080}");
	schema_leave(s, mark);
}

/* SERVICE, [SERVICE, …], or {SERVICE: {OPTION: …}, …} */
static void read_services(struct schema *s, const struct yaml *value, struct pair *pair)
{
	size_t first = pair->f->n_links;

	if (value->type == YAML_MAP) {
		schema_each_pair(s, value, FEDERATION_LINKS_MAX, take_service, pair);
		return;
	}
	if (value->type != YAML_LIST) {
		take_service(s, value, NULL, pair);
		return;
	}
	for (size_t i = 0; i < value->n; i++) {
		const struct yaml *item = value->items[i];
		bool twice = false;

		for (size_t k = first; k < pair->f->n_links; k++)
			twice |= str_eq(pair->f->links[k].service, item->text);
		if (twice)
			schema_fault(s, item, "the service \"%s\" is given twice", item->text);
		else
			take_service(s, item, NULL, pair);
	}
}

/* A machine that a link names; says it when there is none. */
static void check_end(struct schema *s, const struct yaml *key, const struct federation *f,
		      const char *name)
{
	cleanup_free const char **names = xcalloc(f->n_machines + 1, sizeof(const char *));
	char hint[SCHEMA_HINT_MAX];

	if (federation_machine(f, name))
		return;
	for (size_t i = 0; i < f->n_machines; i++)
		names[i] = f->machines[i].name;
	schema_fault(s, key, "there is no machine \"%s\"%s", name, schema_hint(hint, name, names));
}

static void take_link(struct schema *s, const struct yaml *key, const struct yaml *value,
		      void *data)
{
	const char *arrow = strstr(key->text, " -> ");
	struct pair pair = { .f = data };
	size_t mark;

	if (arrow) {
		pair.from = xstrndup(key->text, (size_t)(arrow - key->text));
		pair.to = xstrdup(arrow + strlen(" -> "));
	}
	if (!arrow || !str_is_name(pair.from, MACHINE_NAME_MAX) ||
	    !str_is_name(pair.to, MACHINE_NAME_MAX)) {
		mark = schema_enter(s, "links");
		schema_expected(s, key, "MACHINE -> MACHINE");
		schema_leave(s, mark);
	} else {
		mark = schema_enter(s, "link \"%s\"", key->text);
		check_end(s, key, pair.f, pair.from);
		check_end(s, key, pair.f, pair.to);
		if (str_eq(pair.from, pair.to))
			schema_fault(s, key, "a machine has no link to itself");
		read_services(s, value, &pair);
		schema_leave(s, mark);
	}
	free(pair.from);
	free(pair.to);
}

static int by_id(const void *a, const void *b)
{
	const struct fed_link *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void links_read(struct schema *s, const struct yaml *node, struct federation *f)
{
	size_t mark;

	if (yaml_is_empty(node))
		return;
	if (node->type != YAML_MAP) {
		mark = schema_enter(s, "links");
		schema_expected(s, node, "a mapping (MACHINE -> MACHINE: SERVICE)");
		schema_leave(s, mark);
		return;
	}
	schema_each_pair(s, node, FEDERATION_LINKS_MAX, take_link, f);
	if (f->n_links)
		qsort(f->links, f->n_links, sizeof(*f->links), by_id);
}

/* --- among links --- */

/* Whether a link's loopback port is that of one further up in the file; says so. */
static bool clashes(struct schema *s, const struct fed_link *l, const struct fed_link *first)
{
	if (l->port != first->port || !str_eq(l->from, first->from))
		return false;
	diag_add(s->diags, s->file, l->line, l->column,
		 "link \"%s -> %s\": %s: the port %u of \"%s\" is taken by its link to \"%s\" (%s) "
		 "on line %d",
		 l->from, l->to, l->service, l->port, l->from, first->to, first->service,
		 first->line);
	return true;
}

static void check_nics(struct schema *s, const struct federation *f, const struct fed_machine *m)
{
	size_t n = m->uplink;

	for (size_t i = 0; i < f->n_links; i++)
		if (fed_link_is_net(&f->links[i]))
			n += str_eq(f->links[i].from, m->name) || str_eq(f->links[i].to, m->name);
	if (n > FEDERATION_NICS_MAX)
		diag_add(s->diags, s->file, m->line, m->column,
			 "machine \"%s\": %zu network interfaces (one for each net link and the "
			 "uplink), at most %d",
			 m->name, n, FEDERATION_NICS_MAX);
}

static int by_place(const void *a, const void *b)
{
	const struct fed_link *x = *(const struct fed_link *const *)a;
	const struct fed_link *y = *(const struct fed_link *const *)b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

void links_check(struct schema *s, const struct federation *f)
{
	cleanup_free const struct fed_link **with_port =
		xcalloc(f->n_links + 1, sizeof(const struct fed_link *));
	size_t n = 0;

	for (size_t i = 0; i < f->n_links; i++)
		if (f->links[i].port)
			with_port[n++] = &f->links[i];
	qsort(with_port, n, sizeof(const struct fed_link *), by_place);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i && !clashes(s, with_port[i], with_port[k]); k++)
			;
	for (size_t i = 0; i < f->n_machines; i++)
		check_nics(s, f, &f->machines[i]);
}
