/* SPDX-License-Identifier: MIT */
/*
 * Digests: a machine or link as sorted lines KEY=VALUE. Those of before come from the ledger; one of
 * another form (an older Atoll's) only makes the words poorer.
 */
#include "digest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "mem.h"
#include "only.h"
#include "plan.h"
#include "str.h"

/* --- making --- */

/* A value with what would break a line escaped; takes `value` over. */
static void put(char ***lines, const char *key, char *value)
{
	struct buf line = BUF_INIT;

	buf_printf(&line, "%s=", key);
	for (const char *p = value; *p; p++) {
		if (*p == '\n')
			buf_append_str(&line, "\\n");
		else if (*p == '\\')
			buf_append_str(&line, "\\\\");
		else
			buf_append(&line, p, 1);
	}
	strv_take(lines, buf_steal_str(&line));
	free(value);
}

static void put_named(char ***lines, const char *prefix, const char *name, char *value)
{
	cleanup_free char *key = xasprintf("%s.%s", prefix, name);

	put(lines, key, value);
}

/* Exact, unlike str_from_size. */
static char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "", "K", "M", "G", "T" };
	size_t i = 0;

	for (; bytes && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(units); i++)
		bytes /= 1024;
	return xasprintf("%" PRIu64 "%s", bytes, units[i]);
}

static char *command_text(char *const *argv)
{
	cleanup_strv char **words = NULL;

	for (; *argv; argv++)
		strv_take(&words, str_quote(*argv));
	return strv_join(words, " ");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *finish(char **lines)
{
	char *text;

	qsort(lines, strv_len(lines), sizeof(*lines), by_text);
	text = strv_join(lines, "\n");
	strv_free(lines);
	return text;
}

static char *port_text(uint16_t port)
{
	return port ? xasprintf("%u", port) : xstrdup("none");
}

static void put_links(char ***lines, const struct federation *f, const struct fed_machine *m)
{
	for (size_t i = 0; i < f->n_links; i++) {
		const struct fed_link *l = &f->links[i];
		bool out = str_eq(l->from, m->name), in = str_eq(l->to, m->name);

		if (fed_link_is_net(l) && (out || in)) {
			put_named(lines, "interface", out ? l->to : l->from, xstrdup("net"));
		} else if (out) {
			cleanup_free char *name = xasprintf("%s.%s", l->to, l->service);

			put_named(lines, "link", name, port_text(l->port));
		}
	}
}

char *plan_machine_digest(const struct federation *f, const struct fed_machine *m,
			  const char *appliance_digest)
{
	char **lines = NULL;

	put(&lines, "appliance", xstrdup(m->appliance));
	put(&lines, "image", xstrdup(appliance_digest ? appliance_digest : ""));
	put(&lines, "kind", xstrdup(kind_name(m->kind)));
	put(&lines, "memory", m->memory ? size_text(m->memory) : xstrdup("default"));
	put(&lines, "cpus", xasprintf("%u", m->cpus));
	put(&lines, "uplink", xstrdup(m->uplink ? "yes" : "no"));
	put(&lines, "run", m->argv ? command_text(m->argv) : xstrdup("default"));
	for (char **env = m->env; env && *env; env++) {
		const char *equals = strchr(*env, '=');
		cleanup_free char *name = xstrndup(*env, (size_t)(equals - *env));

		put_named(&lines, "env", name, xstrdup(equals + 1));
	}
	for (size_t i = 0; i < m->n_volumes; i++)
		put_named(&lines, "volume", m->volumes[i].name, size_text(m->volumes[i].size));
	for (size_t i = 0; i < m->n_secrets; i++) {
		const struct fed_secret *s = &m->secrets[i];

		put_named(&lines, "secret", s->name,
			  xasprintf("%s %s", s->digest ? s->digest : "unread",
				    s->owner ? s->owner : ""));
	}
	put_links(&lines, f, m);
	return finish(lines);
}

/* The names in one order, whatever the file's. */
static char *after_text(const struct fed_machine *m)
{
	cleanup_strv char **names = NULL;

	for (char **after = m->after; after && *after; after++)
		strv_append(&names, *after);
	if (!names)
		return xstrdup("none");
	qsort(names, strv_len(names), sizeof(*names), by_text);
	return strv_join(names, " ");
}

char *plan_machine_notes(const struct fed_machine *m)
{
	char **lines = NULL;

	put(&lines, "after", after_text(m));
	put(&lines, "label", xstrdup(m->label ? m->label : "none"));
	put(&lines, "start-timeout",
	    m->start_timeout ? xasprintf("%u", m->start_timeout) : xstrdup("default"));
	return finish(lines);
}

/* The places in one order, whatever the file's. */
static char *only_list(const struct fed_link *l)
{
	cleanup_strv char **places = NULL;

	if (!l->restricted)
		return xstrdup("any");
	if (!l->n_only)
		return xstrdup("nothing");
	for (size_t i = 0; i < l->n_only; i++)
		strv_take(&places, only_text(&l->only[i]));
	qsort(places, l->n_only, sizeof(*places), by_text);
	return strv_join(places, " ");
}

char *plan_link_digest(const struct fed_link *l)
{
	char **lines = NULL;

	put(&lines, "only", only_list(l));
	put(&lines, "port", port_text(l->port));
	put(&lines, "wait", xstrdup(l->no_wait ? "no" : "yes"));
	return finish(lines);
}

/* --- comparing --- */

static char **split_lines(const char *text)
{
	char **lines = NULL;

	while (*text) {
		size_t n = strcspn(text, "\n");

		strv_take(&lines, xstrndup(text, n));
		text += n + (text[n] == '\n');
	}
	return lines;
}

/* How a change of a kind of key is said; %s: the key's name, before, now. NULL: not at all. */
struct phrase {
	const char *prefix; /* of the key; the name is what is behind it */
	const char *added, *gone, *changed;
	bool secret; /* values are not shown */
};

static const struct phrase phrases[] = {
	{ "interface.", "new interface for %s", "no interface for %s any more", NULL },
	{ "link.", "new link to %s", "no link to %s any more", "port of the link to %s" },
	{ "env.", "new variable %s", "no variable %s any more", "variable %s", .secret = true },
	{ "secret.", "new secret %s", "no secret %s any more", "secret %s changed",
	  .secret = true },
	{ "volume.", "new volume %s", "no volume %s any more", "volume %s" },
	{ "image", "image", "image", "its image changed", .secret = true },
	{ "", "%s", "%s", "%s" },
};

static const struct phrase *phrase_for(const char *key)
{
	const struct phrase *p = phrases;

	while (!str_starts(key, p->prefix))
		p++;
	return p;
}

/* A format of the table above, with at most one %s, filled without trusting it as one. */
static void put_phrase(struct buf *out, const char *format, const char *name)
{
	const char *hole = strstr(format, "%s");

	if (out->len)
		buf_append_str(out, ", ");
	if (!hole) {
		buf_append_str(out, format);
		return;
	}
	buf_append(out, format, (size_t)(hole - format));
	buf_append_str(out, name);
	buf_append_str(out, hole + 2);
}

/* Either line may be NULL. */
static void put_change(struct buf *out, const char *before, const char *now)
{
	const char *line = now ? now : before;
	size_t n = strcspn(line, "=");
	cleanup_free char *key = xstrndup(line, n);
	const struct phrase *p = phrase_for(key);
	const char *name = key + strlen(p->prefix);

	if (!before) {
		put_phrase(out, p->added, name);
	} else if (!now) {
		put_phrase(out, p->gone, name);
	} else if (p->changed) {
		put_phrase(out, p->changed, name);
		if (!p->secret && before[n] && now[n])
			buf_printf(out, " %s -> %s", before + n + 1, now + n + 1);
		else if (str_starts(p->prefix, "env"))
			buf_append_str(out, " changed");
	}
}

static int by_key(const char *a, const char *b)
{
	size_t n = strcspn(a, "="), m = strcspn(b, "=");
	int r = memcmp(a, b, n < m ? n : m);

	return r ? r : n < m ? -1 : n > m;
}

char *digest_changes(const char *before, const char *now)
{
	cleanup_strv char **old = split_lines(before), **new = split_lines(now);
	char **o = old, **n = new;
	struct buf out = BUF_INIT;

	while ((o && *o) || (n && *n)) {
		int r = !o || !*o ? 1 : !n || !*n ? -1 : by_key(*o, *n);

		if (r < 0)
			put_change(&out, *o++, NULL);
		else if (r > 0)
			put_change(&out, NULL, *n++);
		else if (!str_eq(*o, *n))
			put_change(&out, *o++, *n++);
		else
			o++, n++;
	}
	if (!out.len && !str_eq(before, now))
		buf_append_str(&out, "it changed");
	return buf_steal_str(&out);
}
