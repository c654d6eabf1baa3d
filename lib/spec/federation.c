/* SPDX-License-Identifier: MIT */
/* The federation language: its machines; their links are links.c's, what both make is graph.c's. */
#include "federation.h"

#include <stddef.h>
#include <stdlib.h>

#include "abi_machine.h"
#include "graph.h"
#include "links.h"
#include "names.h"
#include "schema.h"
#include "str.h"

#define VOLUMES_MAX  16
#define PATH_LONGEST 4095

/* The top of the file; what is in it is read when both are known, whichever came first. */
struct top {
	char *name;
	const struct yaml *machines, *links;
};

/* --- readers of one value --- */

static const char name_form[] = "a name (a-z, 0-9 and -, first a letter, at most 32)";

static void read_name(struct schema *s, const struct yaml *value, void *field)
{
	const char *text = schema_text(s, value, name_form);

	if (text && str_is_name(text, FEDERATION_NAME_MAX))
		*(char **)field = xstrdup(text);
	else if (text)
		schema_expected(s, value, name_form);
}

static void keep_node(struct schema *s, const struct yaml *value, void *field)
{
	(void)s;
	*(const struct yaml **)field = value;
}

/* Gets the machine. */
static void read_kind(struct schema *s, const struct yaml *value, void *machine)
{
	int kind = schema_choice(s, value, kind_names, "light, micro, full or emulated");
	struct fed_machine *m = machine;

	if (kind >= 0) {
		m->kind = (enum kind)kind;
		m->kind_given = true;
	}
}

static void read_arch(struct schema *s, const struct yaml *value, void *field)
{
	int i = schema_choice(s, value, arch_names, "amd64 or arm64");

	if (i >= 0)
		*(char **)field = xstrdup(arch_names[i]);
}

static void read_memory(struct schema *s, const struct yaml *value, void *field)
{
	schema_size(s, value, "16M", "1T", field);
}

static void read_cpus(struct schema *s, const struct yaml *value, void *field)
{
	uint64_t cpus;

	if (schema_number(s, value, 1, 64, &cpus))
		*(uint32_t *)field = (uint32_t)cpus;
}

static void read_start_timeout(struct schema *s, const struct yaml *value, void *field)
{
	uint64_t seconds;

	if (schema_number(s, value, 1, 3600, &seconds))
		*(uint32_t *)field = (uint32_t)seconds;
}

static void read_label(struct schema *s, const struct yaml *value, void *field)
{
	static const char *const colours[] = { "red",    "orange", "yellow", "green", "blue",
					       "purple", "gray",   "black",  NULL };
	int i = schema_choice(s, value, colours,
			      "red, orange, yellow, green, blue, purple, gray or black");

	if (i >= 0)
		*(char **)field = xstrdup(colours[i]);
}

/* Whether there are such machines is seen when all are known: check_after. */
static void read_after(struct schema *s, const struct yaml *value, void *field)
{
	if (value->type == YAML_SCALAR && schema_text(s, value, "a machine's name"))
		strv_append(field, value->text);
	else if (value->type != YAML_SCALAR)
		schema_read_strings(s, value, field);
}

static void read_secret_file(struct schema *s, const struct yaml *value, void *field)
{
	static const char what[] = "a file's path";
	const char *text = schema_text(s, value, what);

	if (text && (strlen(text) > PATH_LONGEST || str_ends(text, "/")))
		schema_expected(s, value, what);
	else if (text)
		*(char **)field = xstrdup(text);
}

static void read_secret_owner(struct schema *s, const struct yaml *value, void *field)
{
	static const char what[] = "a user's name (a-z, 0-9, _ and -)";
	const char *text = schema_text(s, value, what);

	if (text && name_is_user(text))
		*(char **)field = xstrdup(text);
	else if (text)
		schema_expected(s, value, what);
}

static void take_volume(struct schema *s, const struct yaml *key, const struct yaml *value,
			void *data)
{
	struct fed_machine *m = data;
	struct fed_volume *v;
	size_t mark = schema_enter(s, "\"%s\"", key->text);
	uint64_t size;

	if (schema_size(s, value, "1M", "16T", &size)) {
		v = SCHEMA_GROW(m->volumes, m->n_volumes);
		v->name = xstrdup(key->text);
		v->size = size;
		v->line = key->line;
		v->column = key->column;
	}
	schema_leave(s, mark);
}

static int by_volume_name(const void *a, const void *b)
{
	const struct fed_volume *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Gets the machine. */
static void read_volumes(struct schema *s, const struct yaml *value, void *machine)
{
	struct fed_machine *m = machine;

	schema_each_pair(s, value, VOLUMES_MAX, take_volume, m);
	if (m->n_volumes)
		qsort(m->volumes, m->n_volumes, sizeof(*m->volumes), by_volume_name);
}

/* --- secrets --- */

static const struct schema_key secret_keys[] = {
	{ "file", read_secret_file, offsetof(struct fed_secret, file), .required = true },
	{ "owner", read_secret_owner, offsetof(struct fed_secret, owner) },
	{ NULL },
};

/* NAME: FILE, or NAME: {file: FILE, owner: USER}. */
static void take_secret(struct schema *s, const struct yaml *key, const struct yaml *value,
			void *data)
{
	struct fed_machine *m = data;
	struct fed_secret *secret;
	size_t mark;

	if (!name_is_secret(key->text)) {
		schema_expected(s, key,
				"a secret's name (letters, digits, - _ and ., first a letter or "
				"digit, at most 64)");
		return;
	}
	mark = schema_enter(s, "\"%s\"", key->text);
	secret = SCHEMA_GROW(m->secrets, m->n_secrets);
	secret->name = xstrdup(key->text);
	secret->line = key->line;
	secret->column = key->column;
	if (value->type == YAML_MAP)
		schema_read_map(s, key, value, secret_keys, secret);
	else
		read_secret_file(s, value, &secret->file);
	schema_leave(s, mark);
}

static int by_secret_name(const void *a, const void *b)
{
	const struct fed_secret *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Gets the machine. */
static void read_secrets(struct schema *s, const struct yaml *value, void *machine)
{
	struct fed_machine *m = machine;

	schema_each_pair(s, value, MACHINE_SECRETS_MAX, take_secret, m);
	if (m->n_secrets)
		qsort(m->secrets, m->n_secrets, sizeof(*m->secrets), by_secret_name);
}

/* --- machines --- */

static const struct schema_key machine_keys[] = {
	{ "appliance", read_name, offsetof(struct fed_machine, appliance), .required = true },
	{ "kind", read_kind, 0 },
	{ "arch", read_arch, offsetof(struct fed_machine, arch) },
	{ "memory", read_memory, offsetof(struct fed_machine, memory) },
	{ "cpus", read_cpus, offsetof(struct fed_machine, cpus) },
	{ "start-timeout", read_start_timeout, offsetof(struct fed_machine, start_timeout) },
	{ "uplink", schema_read_bool, offsetof(struct fed_machine, uplink) },
	{ "label", read_label, offsetof(struct fed_machine, label) },
	{ "env", schema_read_env, offsetof(struct fed_machine, env) },
	{ "run", schema_read_command, offsetof(struct fed_machine, argv) },
	{ "after", read_after, offsetof(struct fed_machine, after) },
	{ "volumes", read_volumes, 0 },
	{ "secrets", read_secrets, 0 },
	{ NULL },
};

static void check_machine_name(struct schema *s, const struct yaml *key)
{
	/* A machine's name is its peers' interface name and in their hosts file. */
	static const char *const reserved[] = { "lo", "localhost", "uplink" };
	size_t mark = schema_enter(s, "machines");

	if (!str_is_name(key->text, MACHINE_NAME_MAX))
		schema_expected(s, key,
				"a machine's name (a-z, 0-9 and -, first a letter, at most 15)");
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (str_eq(key->text, reserved[i]))
			schema_fault(s, key, "the name \"%s\" is reserved", key->text);
	schema_leave(s, mark);
}

/* Another architecture than the host's is emulated, said or not. */
static void check_arch(struct schema *s, const struct yaml *key, struct fed_machine *m)
{
	if (!m->arch || str_eq(m->arch, arch_host()))
		return;
	if (!m->kind_given)
		m->kind = KIND_EMULATED;
	else if (m->kind != KIND_EMULATED)
		schema_fault(s, key,
			     "kind: a machine for %s cannot be %s, since this host is %s; expected "
			     "the kind emulated",
			     m->arch, kind_name(m->kind), arch_host());
}

static void take_machine(struct schema *s, const struct yaml *key, const struct yaml *value,
			 void *data)
{
	struct federation *f = data;
	struct fed_machine *m = SCHEMA_GROW(f->machines, f->n_machines);
	size_t mark, before = schema_faults(s);

	check_machine_name(s, key);
	m->name = xstrdup(key->text);
	m->cpus = 1;
	m->line = key->line;
	m->column = key->column;
	mark = schema_enter(s, "machine \"%s\"", key->text);
	schema_read_map(s, key, value, machine_keys, m);
	if (schema_faults(s) == before)
		check_arch(s, key, m);
	schema_leave(s, mark);
	if (m->appliance)
		m->image =
			m->arch ? xasprintf("%s:%s", m->appliance, m->arch) : xstrdup(m->appliance);
	m->faulty = schema_faults(s) != before;
}

static int by_machine_name(const void *a, const void *b)
{
	const struct fed_machine *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static void read_machines(struct schema *s, const struct yaml *node, struct federation *f)
{
	size_t mark;

	if (node->type != YAML_MAP || node->n / 2 > FEDERATION_MACHINES_MAX) {
		mark = schema_enter(s, "machines");
		if (node->type != YAML_MAP)
			schema_expected(s, node, "a mapping (NAME: {appliance: …})");
		else
			schema_fault(s, node, "too many: %zu, at most %d", node->n / 2,
				     FEDERATION_MACHINES_MAX);
		schema_leave(s, mark);
		return;
	}
	schema_each_pair(s, node, FEDERATION_MACHINES_MAX, take_machine, f);
	if (f->n_machines)
		qsort(f->machines, f->n_machines, sizeof(*f->machines), by_machine_name);
}

static void check_after(struct schema *s, const struct federation *f, const struct fed_machine *m)
{
	cleanup_free const char **names = xcalloc(f->n_machines + 1, sizeof(const char *));
	char hint[SCHEMA_HINT_MAX];

	for (size_t i = 0; i < f->n_machines; i++)
		names[i] = f->machines[i].name;
	for (char **after = m->after; after && *after; after++) {
		if (str_eq(*after, m->name))
			diag_add(s->diags, s->file, m->line, m->column,
				 "machine \"%s\": after: a machine cannot wait for itself",
				 m->name);
		else if (!federation_machine(f, *after))
			diag_add(s->diags, s->file, m->line, m->column,
				 "machine \"%s\": after: there is no machine \"%.60s\"%s", m->name,
				 *after, schema_hint(hint, *after, names));
	}
}

struct fed_machine *federation_machine(const struct federation *f, const char *name)
{
	size_t low = 0, high = f->n_machines;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int r = strcmp(name, f->machines[mid].name);

		if (r == 0)
			return &f->machines[mid];
		if (r < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* --- the whole --- */

static const struct schema_key top_keys[] = {
	{ "federation", read_name, offsetof(struct top, name), .required = true },
	{ "machines", keep_node, offsetof(struct top, machines), .required = true },
	{ "links", keep_node, offsetof(struct top, links) },
	{ NULL },
};

struct federation *federation_parse(const char *file, const char *text, struct diag_list *diags)
{
	struct schema s = { .file = file, .diags = diags };
	cleanup_yaml struct yaml *root = yaml_read(file, text, diags);
	struct top top = { 0 };
	struct federation *f;

	if (!root)
		return NULL;
	schema_read_map(&s, root, root, top_keys, &top);
	f = xcalloc(1, sizeof(*f));
	f->file = xstrdup(file);
	f->name = top.name;
	if (top.machines) {
		read_machines(&s, top.machines, f);
		for (size_t i = 0; i < f->n_machines; i++)
			check_after(&s, f, &f->machines[i]);
	}
	if (top.links && f->n_machines) {
		links_read(&s, top.links, f);
		links_check(&s, f);
	}
	graph_check(f, diags);
	return f;
}

struct federation *federation_read(const char *file, const char *text, struct diag_list *diags)
{
	size_t before = diags->n + diags->dropped;
	struct federation *f = federation_parse(file, text, diags);

	if (diags->n + diags->dropped == before)
		return f;
	federation_free(f);
	return NULL;
}

static void machine_finish(struct fed_machine *m)
{
	for (size_t i = 0; i < m->n_volumes; i++)
		free(m->volumes[i].name);
	free(m->volumes);
	for (size_t i = 0; i < m->n_secrets; i++) {
		free(m->secrets[i].name);
		free(m->secrets[i].file);
		free(m->secrets[i].owner);
		free(m->secrets[i].digest);
	}
	free(m->secrets);
	free(m->name);
	free(m->appliance);
	free(m->arch);
	free(m->image);
	free(m->label);
	strv_free(m->env);
	strv_free(m->argv);
	strv_free(m->after);
}

void federation_free(struct federation *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_machines; i++)
		machine_finish(&f->machines[i]);
	for (size_t i = 0; i < f->n_links; i++)
		link_finish(&f->links[i]);
	free(f->machines);
	free(f->links);
	free(f->name);
	free(f->file);
	free(f);
}
