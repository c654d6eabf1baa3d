/* SPDX-License-Identifier: MIT */
#include "licence.h"

#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>

#include "buf.h"
#include "deb822.h"
#include "mem.h"
#include "str.h"

#define STANZAS_MAX 4096

/* Debian's short names, and SPDX's of the same. A '+' behind the first is "-or-later" in the second. */
static const struct {
	const char *debian, *spdx;
	bool versions; /* SPDX wants "-only" or "-or-later" */
} names[] = {
	{ "GPL-1", "GPL-1.0", true },
	{ "GPL-2", "GPL-2.0", true },
	{ "GPL-2.0", "GPL-2.0", true },
	{ "GPL-3", "GPL-3.0", true },
	{ "GPL-3.0", "GPL-3.0", true },
	{ "LGPL-2", "LGPL-2.0", true },
	{ "LGPL-2.0", "LGPL-2.0", true },
	{ "LGPL-2.1", "LGPL-2.1", true },
	{ "LGPL-3", "LGPL-3.0", true },
	{ "LGPL-3.0", "LGPL-3.0", true },
	{ "AGPL-3", "AGPL-3.0", true },
	{ "GFDL-1.2", "GFDL-1.2", true },
	{ "GFDL-1.3", "GFDL-1.3", true },
	{ "Expat", "MIT", false },
	{ "MIT", "MIT", false },
	{ "X11", "X11", false },
	{ "ISC", "ISC", false },
	{ "Zlib", "Zlib", false },
	{ "0BSD", "0BSD", false },
	{ "BSD-2-clause", "BSD-2-Clause", false },
	{ "BSD-3-clause", "BSD-3-Clause", false },
	{ "BSD-4-clause", "BSD-4-Clause", false },
	{ "Apache-2", "Apache-2.0", false },
	{ "Apache-2.0", "Apache-2.0", false },
	{ "Artistic", "Artistic-1.0-Perl", false },
	{ "Artistic-1", "Artistic-1.0-Perl", false },
	{ "Artistic-2", "Artistic-2.0", false },
	{ "Artistic-2.0", "Artistic-2.0", false },
	{ "MPL-1.1", "MPL-1.1", false },
	{ "MPL-2.0", "MPL-2.0", false },
	{ "CC0", "CC0-1.0", false },
	{ "CC0-1.0", "CC0-1.0", false },
	{ "BSL-1.0", "BSL-1.0", false },
	{ "PSF-2", "PSF-2.0", false },
	{ "OpenSSL", "OpenSSL", false },
	{ "curl", "curl", false },
	{ "FTL", "FTL", false },
	{ "OFL-1.1", "OFL-1.1", false },
	{ "Unlicense", "Unlicense", false },
	{ "WTFPL", "WTFPL", false },
};

/* A name that SPDX does not have, of the characters that it allows. */
static void add_own(const char *name, size_t len, struct buf *out)
{
	buf_append_str(out, "LicenseRef-");
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			     (c >= '0' && c <= '9') || c == '.';

		buf_append(out, plain ? &c : "-", 1);
	}
}

static void add_name(const char *name, size_t len, struct buf *out)
{
	bool later = len && name[len - 1] == '+';
	size_t n = len - later;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].debian) != n || strncasecmp(names[i].debian, name, n) != 0 ||
		    (later && !names[i].versions))
			continue;
		buf_append_str(out, names[i].spdx);
		if (names[i].versions)
			buf_append_str(out, later ? "-or-later" : "-only");
		return;
	}
	add_own(name, len, out);
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return strlen(word) == len && strncasecmp(s, word, len) == 0;
}

/* "GPL-2+ or Artistic". Commas change what binds first: with them the whole is one name of its own. */
static char *convert(const char *text)
{
	size_t len = strcspn(text, "\n");
	struct buf out = BUF_INIT;
	const char *end = text + len, *name = NULL, *name_end = NULL;

	if (memchr(text, ',', len) || memchr(text, '(', len)) {
		add_own(text, len, &out);
		return buf_steal_str(&out);
	}
	for (const char *s = text; s < end;) {
		size_t n;

		s += strspn(s, " \t");
		n = strcspn(s, " \t\n");
		if (is_word(s, n, "or") || is_word(s, n, "and") || is_word(s, n, "and/or")) {
			if (name)
				add_name(name, (size_t)(name_end - name), &out);
			buf_append_str(&out, is_word(s, n, "and") ? " AND " : " OR ");
			name = NULL;
		} else if (n) {
			name = name ? name : s;
			name_end = s + n;
		}
		s += n + (s + n < end);
	}
	if (name)
		add_name(name, (size_t)(name_end - name), &out);
	return buf_steal_str(&out);
}

/* Neither end nor middle may lack a name: "or GPL-2". */
static bool is_whole(const char *e)
{
	size_t len = strlen(e);

	return len && *e != ' ' && e[len - 1] != ' ' && !strstr(e, "  ");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *join(char **all)
{
	struct buf out = BUF_INIT;

	qsort(all, strv_len(all), sizeof(*all), compare);
	for (size_t i = 0; all[i]; i++) {
		bool alone = !all[1] || !strstr(all[i], " OR ");

		buf_printf(&out, "%s%s%s%s", i ? " AND " : "", alone ? "" : "(", all[i],
			   alone ? "" : ")");
	}
	return buf_steal_str(&out);
}

static char *collect(const struct deb822 *d)
{
	cleanup_strv char **all = NULL;
	const char *format = d->n ? deb822_get(&d->stanzas[0], "Format") : NULL;

	if (!format || !strstr(format, "copyright-format") || d->n > STANZAS_MAX)
		return NULL;
	for (size_t i = 0; i < d->n; i++) {
		const char *text = deb822_get(&d->stanzas[i], "License");
		cleanup_free char *e = NULL;

		if (!text || (i && !deb822_get(&d->stanzas[i], "Files")))
			continue;
		e = convert(text);
		if (is_whole(e) && !strv_has(all, e))
			strv_take(&all, steal_ptr(e));
	}
	return all ? join(all) : NULL;
}

char *licence_expression(const char *copyright)
{
	struct deb822 d;
	char *e;

	if (deb822_parse(copyright, &d) < 0)
		return NULL;
	e = collect(&d);
	deb822_finish(&d);
	return e;
}
