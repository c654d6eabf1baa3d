/* SPDX-License-Identifier: MIT */
/*
 * Python's codecs: x.encode("cp1252") loads the module encodings.cp1252 when it is called, and a name may be an alias. So
 * a word in quotes counts, in a line that speaks of encoding or decoding, when there is such a codec.
 */
#include <ctype.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"

#define LONGEST 32 /* name of a codec */

/* As codecs.lookup() does: "ISO-8859-15" is iso_8859_15. */
static char *normal_name(const char *s, size_t n)
{
	char *name = xstrndup(s, n);

	for (char *p = name; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
	return name;
}

/* From a line "'rot13' : 'rot_13'," of the library's table, or NULL. */
static char *find_alias(const char *table, const char *name)
{
	cleanup_free char *key = xasprintf("'%s'", name);

	for (const char *at = strstr(table, key); at; at = strstr(at + 1, key)) {
		const char *s = at + strlen(key);

		s += strspn(s, " ");
		if (*s != ':')
			continue;
		s += strcspn(s, "'\n");
		return *s == '\'' ? xstrndup(s + 1, strcspn(s + 1, "'\n")) : NULL;
	}
	return NULL;
}

static void need_codec(struct closure *c, const char *name, const struct tree_node *by)
{
	cleanup_free char *module = xasprintf("encodings.%s", name);

	closure_python_module(c, module, REASON_IMPORT, by, name);
}

static void scan_line(struct closure *c, const char *line, const char *table,
		      const struct tree_node *by)
{
	while (*(line += strcspn(line, "'\""))) {
		size_t n = strcspn(++line, "'\"");
		cleanup_free char *name = NULL, *alias = NULL;

		if (!line[n])
			return;
		if (n && n <= LONGEST && isalnum((unsigned char)*line)) {
			name = normal_name(line, n);
			alias = find_alias(table, name);
			need_codec(c, name, by);
			if (alias)
				need_codec(c, alias, by);
		}
		line += n + 1;
	}
}

void closure_python_codecs(struct closure *c, char *text, const struct tree_node *by)
{
	cleanup_free char *path = xasprintf("%s/encodings/aliases.py", c->python);
	const struct tree_node *aliases = closure_find(c, path);
	cleanup_buf struct buf table = BUF_INIT;
	char *line;

	if (!aliases || !closure_read(aliases, &table))
		return;
	while ((line = strsep(&text, "\n")))
		if (strstr(line, "encod") || strstr(line, "decod"))
			scan_line(c, line, (char *)buf_bytes(&table), by);
}
