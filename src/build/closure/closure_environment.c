/* SPDX-License-Identifier: MIT */
/* What the recipe's `env` names: absolute paths, a time zone, locales. */
#include <errno.h>
#include <string.h>

#include "closure_internal.h"
#include "locales.h"
#include "mem.h"
#include "str.h"

#define ZONES "usr/share/zoneinfo"

/* "; did you mean Europe/Berlin?", or what to add when there is no zone at all. The caller frees. */
static char *near_zone(struct closure *c, const char *zone)
{
	cleanup_strv char **names = NULL;
	const char *near;
	size_t n, first = closure_below(c, ZONES, &n);

	if (!n)
		return xstrdup("; add the package \"tzdata\"");
	for (size_t i = first; i < first + n; i++)
		strv_append(&names, c->nodes[i]->path + strlen(ZONES "/"));
	near = str_nearest(zone, (const char *const *)names);
	return near ? xasprintf("; did you mean %s?", near) : xstrdup("");
}

/* A name with a slash is a file's; others may be the zone itself, as "UTC" and "CET-1CEST,M3.5.0,M10.5.0/3": tzset(3). */
static int keep_zone(struct closure *c, const char *zone, const char *line, struct err **err)
{
	cleanup_free char *path = NULL, *near = NULL, *at = NULL;

	zone += *zone == ':';
	if (!*zone || *zone == '/' || strstr(zone, ".."))
		return 0;
	path = xasprintf("/" ZONES "/%s", zone);
	if (closure_need(c, path, REASON_RECIPE, NULL, line) || closure_find(c, path) ||
	    zone[strcspn(zone, "/,")] != '/')
		return 0;
	at = recipe_at(c->recipe, "env");
	near = near_zone(c, zone);
	return err_set(err, ENOENT, "%s: none of the packages has the time zone %s%s", at, zone,
		       near);
}

/* The C library's own messages are in the package locales, and all programs have them. */
static void keep_messages(struct closure *c, const char *line)
{
	for (size_t i = 0; i < c->n_nodes; i++)
		if (str_ends(c->nodes[i]->path, "/LC_MESSAGES/libc.mo") &&
		    locales_has_messages(c->recipe, c->nodes[i]->path))
			closure_keep_node(c, c->nodes[i], REASON_RECIPE, NULL, line);
}

int closure_environment(struct closure *c, struct err **err)
{
	cleanup_free char *line = recipe_where(c->recipe, recipe_line(c->recipe, "env"), "env");
	int r = 0;

	for (char **e = c->recipe->env; e && *e && r == 0; e++) {
		const char *value = strchr(*e, '=') + 1;
		cleanup_free char *folder = locales_folder(*e);
		cleanup_free char *files = folder ? xasprintf("/%s/**", folder) : NULL;

		closure_need(c, value, REASON_RECIPE, NULL, line);
		if (str_starts(*e, "TZ="))
			r = keep_zone(c, value, line, err);
		if (files)
			closure_need_glob(c, files, REASON_RECIPE, NULL, line);
	}
	keep_messages(c, line);
	return r;
}
