/* SPDX-License-Identifier: MIT */
/*
 * Packages that the recipe names and of which nothing came in: likely a mistake, so it is said what they have that
 * could be run. Their services know best how; else it is their programs, wherever these are.
 */
#include <errno.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"
#include "unit.h"

#define PROGRAMS_SHOWN 5
#define UNITS          "usr/lib/systemd/system"

/* Whether anything of a package is there, the terms apart; *ret_any: whether it has anything. */
static bool is_used(const struct closure *c, const char *package, bool *ret_any)
{
	*ret_any = false;
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct tree_node *node = c->nodes[i];

		if (!str_eq(node->owner, package) || !tree_is_substance(node))
			continue;
		*ret_any = true;
		if (node->kept || node->for_test)
			return true;
	}
	return false;
}

/* Such as python3, whose program is python3-minimal's. */
static bool brings_used(const struct closure *c, const char *package)
{
	const struct package *p = package_list_find(c->packages, package);
	bool any;

	for (char **name = p ? p->depends : NULL; name && *name; name++)
		if (is_used(c, *name, &any) && !str_eq(*name, "libc6"))
			return true;
	return false;
}

/* How a service of the package starts its program; NULL: it has none. */
static char *service_of(struct closure *c, const char *package)
{
	size_t n, first = closure_below(c, UNITS, &n);
	char *command = NULL;

	for (size_t i = first; i < first + n && !command; i++) {
		const struct tree_node *node = c->nodes[i];
		cleanup_buf struct buf text = BUF_INIT;
		struct unit unit;

		if (!str_eq(node->owner, package) || !str_ends(node->path, ".service") ||
		    !closure_read(node, &text))
			continue;
		unit_read((char *)buf_bytes(&text), strrchr(node->path, '/') + 1, &unit);
		command = steal_ptr(unit.command);
		unit_finish(&unit);
	}
	return command;
}

/* Those in PATH, or all that are anywhere but for scripts of init. */
static char *programs_of(const struct closure *c, const char *package, bool in_path)
{
	cleanup_strv char **names = NULL;

	for (size_t i = 0; i < c->n_nodes && strv_len(names) < PROGRAMS_SHOWN; i++) {
		const struct tree_node *node = c->nodes[i];

		if (!str_eq(node->owner, package) || !S_ISREG(node->mode) || !(node->mode & 0111))
			continue;
		if (!in_path && !str_starts(node->path, "etc/"))
			strv_take(&names, xasprintf("/%s", node->path));
		else if (in_path && closure_in_path(node->path))
			strv_append(&names, strrchr(node->path, '/') + 1);
	}
	return names ? strv_join(names, ", ") : NULL;
}

/* What `run` could be, as one package knows; NULL: nothing. The caller frees. */
static char *offer(struct closure *c, const char *package)
{
	cleanup_free char *service = service_of(c, package), *programs = NULL;

	if (service)
		return xasprintf("its service is \"run: %s\"", service);
	programs = programs_of(c, package, true);
	if (!programs)
		programs = programs_of(c, package, false);
	return programs ? xasprintf("what it could run is %s", programs) : NULL;
}

/* A package that the recipe names and of which nothing came in is likely a mistake. */
void closure_note_unused(struct closure *c)
{
	cleanup_free char *at = recipe_at(c->recipe, "packages");

	for (char **p = c->recipe->packages; p && *p; p++) {
		cleanup_free char *could = NULL;
		bool any;

		if (is_used(c, *p, &any) || !any || brings_used(c, *p))
			continue;
		could = offer(c, *p);
		strv_take(c->notes, xasprintf("%s: \"%s\": nothing asks for any file of it; "
					      "%s%s\"keep: [%s]\" keeps it whole",
					      at, *p, could ? could : "", could ? "; " : "", *p));
	}
}

/* Packages without programs in PATH, and a recipe that says of nothing else that it is to be there. */
int closure_check_empty(struct closure *c, struct err **err)
{
	const struct recipe *r = c->recipe;
	cleanup_free char *at = recipe_at(r, "packages");
	bool any = false;

	if (!r->packages || r->argv || r->prepare || r->n_files || r->programs)
		return 0;
	for (size_t i = 0; i < c->n_queue && !any; i++)
		any = closure_package(c, c->queue[i]) != NULL;
	for (char **k = r->keep; k && *k && !any; k++)
		any = **k != '!' && !str_eq(*k, "closure");
	if (any)
		return 0;
	for (char **p = r->packages; *p; p++) {
		cleanup_free char *could = offer(c, *p);

		if (could)
			return err_set(err, ENOENT,
				       "%s: nothing of them is needed: there is no \"run\", and no "
				       "program in "
				       "/usr/bin or /usr/sbin; of \"%s\", %s",
				       at, *p, could);
	}
	return err_set(
		err, ENOENT,
		"%s: nothing of them is needed: there is no \"run\", and they have no program; "
		"\"keep: [%s]\" keeps one whole",
		at, *r->packages);
}
