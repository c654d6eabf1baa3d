/* SPDX-License-Identifier: MIT */
/* A federation against the appliances that it names: what its file alone cannot tell. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "federation.h"
#include "names.h"
#include "schema.h"
#include "str.h"

struct check {
	const struct federation *f;
	const struct appliance_facts *
		*facts; /* of each machine's appliance; the caller's, or NULL */
	const char *const *names;
	struct diag_list *diags;
};

static void machine_fault(struct check *c, const struct fed_machine *m, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void machine_fault(struct check *c, const struct fed_machine *m, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	diag_add(c->diags, c->f->file, m->line, m->column, "machine \"%s\": %s", m->name, text);
}

/* A strv is what str_nearest takes, but for the constness. */
static const char *hint(char *buf, const char *name, char *const *names)
{
	static const char *const none[] = { NULL };

	return schema_hint(buf, name, names ? (const char *const *)names : none);
}

static void check_kind(struct check *c, const struct fed_machine *m,
		       const struct appliance_facts *facts)
{
	cleanup_free char *kinds = strv_join(facts->kinds, ", ");

	if (strv_len(facts->kinds) && !strv_has(facts->kinds, kind_name(m->kind)))
		machine_fault(c, m, "kind: the appliance \"%s\" does not run as %s; it runs as %s",
			      m->appliance, kind_name(m->kind), kinds);
	else if (facts->arch && m->kind != KIND_EMULATED && !str_eq(facts->arch, arch_host()))
		machine_fault(c, m,
			      "kind: the appliance \"%s\" is for %s and this host is %s; expected "
			      "the kind emulated",
			      m->appliance, facts->arch, arch_host());
}

static void check_memory(struct check *c, const struct fed_machine *m,
			 const struct appliance_facts *facts)
{
	char has[16], needs[16];

	if (m->memory && m->memory < facts->memory)
		machine_fault(c, m, "memory: the appliance \"%s\" needs %s, found %s", m->appliance,
			      str_from_size(facts->memory, needs), str_from_size(m->memory, has));
}

static void check_volumes(struct check *c, const struct fed_machine *m,
			  const struct appliance_facts *facts)
{
	char buf[SCHEMA_HINT_MAX];

	for (size_t i = 0; i < m->n_volumes; i++) {
		const struct fed_volume *v = &m->volumes[i];

		if (!strv_has(facts->volumes, v->name))
			diag_add(c->diags, c->f->file, v->line, v->column,
				 "machine \"%s\": volumes: the appliance \"%s\" has no volume "
				 "\"%.60s\"%s",
				 m->name, m->appliance, v->name,
				 hint(buf, v->name, facts->volumes));
	}
}

/* Under that name there may be one for another architecture. */
static void appliance_missing(struct check *c, const struct fed_machine *m)
{
	char buf[SCHEMA_HINT_MAX];
	bool named = false;

	for (size_t i = 0; m->arch && c->names[i] && !named; i++)
		named = str_eq(c->names[i], m->appliance);
	if (named)
		machine_fault(
			c, m,
			"appliance \"%s\" is not there for %s; 'atoll build --arch %s RECIPE' "
			"makes it",
			m->appliance, m->arch, m->arch);
	else
		machine_fault(c, m, "appliance \"%s\" not found%s", m->appliance,
			      schema_hint(buf, m->appliance, c->names));
}

static void check_machine(struct check *c, const struct fed_machine *m,
			  const struct appliance_facts *facts)
{
	if (!m->appliance)
		return; /* said already */
	if (!facts) {
		appliance_missing(c, m);
		return;
	}
	if (!m->faulty)
		check_kind(c, m, facts);
	check_memory(c, m, facts);
	check_volumes(c, m, facts);
}

/* NULL for a machine or an appliance that there is not: a fault of its own. */
static const struct appliance_facts *facts_of(struct check *c, const char *machine)
{
	const struct fed_machine *m = federation_machine(c->f, machine);

	return m ? c->facts[m - c->f->machines] : NULL;
}

static void check_service(struct check *c, const struct fed_link *l)
{
	const struct appliance_facts *facts = facts_of(c, l->to);
	cleanup_free char *provided = facts ? strv_join(facts->services, ", ") : NULL;
	const char *appliance;
	char buf[SCHEMA_HINT_MAX];

	if (!facts)
		return; /* said already */
	appliance = federation_machine(c->f, l->to)->appliance;
	if (!strv_has(facts->services, l->service)) {
		hint(buf, l->service, facts->services);
		diag_add(c->diags, c->f->file, l->line, l->column,
			 "link \"%s -> %s\": the appliance \"%s\" does not provide \"%s\"%s%s",
			 l->from, l->to, appliance, l->service, *buf ? buf : "; it provides ",
			 *buf        ? ""
			 : *provided ? provided
				     : "nothing");
	} else if (fed_link_is_net(l) && !facts->frames) {
		diag_add(c->diags, c->f->file, l->line, l->column,
			 "link \"%s -> %s\": the service \"net\" of the appliance \"%s\" is not "
			 "frames: it routes nothing",
			 l->from, l->to, appliance);
	}
}

/* A link's loopback port must not be one on which the machine's own application listens. */
static void check_port(struct check *c, const struct fed_link *l)
{
	const struct appliance_facts *facts = l->port ? facts_of(c, l->from) : NULL;
	char target[16];

	snprintf(target, sizeof(target), "tcp/%u", l->port);
	for (size_t i = 0; facts && facts->targets && facts->targets[i]; i++)
		if (str_eq(facts->targets[i], target))
			diag_add(c->diags, c->f->file, l->line, l->column,
				 "link \"%s -> %s\": %s: the port %u of \"%s\" is taken by its own "
				 "service \"%s\"",
				 l->from, l->to, l->service, l->port, l->from, facts->services[i]);
}

size_t federation_check(const struct federation *f, appliance_find_fn find,
			const char *const *names, void *data, struct diag_list *diags)
{
	cleanup_free const struct appliance_facts **facts =
		xcalloc(f->n_machines + 1, sizeof(const struct appliance_facts *));
	struct check c = { .f = f, .facts = facts, .names = names, .diags = diags };
	size_t before = diags->n + diags->dropped;

	for (size_t i = 0; i < f->n_machines; i++) {
		if (f->machines[i].appliance)
			facts[i] = find(f->machines[i].image, data);
		check_machine(&c, &f->machines[i], facts[i]);
	}
	for (size_t i = 0; i < f->n_links; i++) {
		check_service(&c, &f->links[i]);
		check_port(&c, &f->links[i]);
	}
	return diags->n + diags->dropped - before;
}
