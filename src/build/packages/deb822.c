/* SPDX-License-Identifier: MIT */
#include "deb822.h"

#include <string.h>
#include <strings.h>

#include "mem.h"
#include "str.h"

static struct deb822_stanza *add_stanza(struct deb822 *d, int line)
{
	d->stanzas = xreallocarray(d->stanzas, d->n + 1, sizeof(*d->stanzas));
	d->stanzas[d->n] = (struct deb822_stanza){ .line = line };
	return &d->stanzas[d->n++];
}

static char *trimmed(const char *s, size_t len)
{
	while (len && strchr(" \t\r", s[0])) {
		s++;
		len--;
	}
	while (len && strchr(" \t\r", s[len - 1]))
		len--;
	return xstrndup(s, len);
}

static int add_field(struct deb822_stanza *s, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	struct deb822_field *f;

	if (!colon || colon == line)
		return -1;
	s->fields = xreallocarray(s->fields, s->n + 1, sizeof(*s->fields));
	f = &s->fields[s->n++];
	f->name = trimmed(line, (size_t)(colon - line));
	f->value = trimmed(colon + 1, len - (size_t)(colon - line) - 1);
	return 0;
}

static bool is_blank(const char *line)
{
	return strchr("\n", line[strspn(line, " \t\r")]);
}

/*
 * Continuation lines of one field, all at once: a Release file has thousands of them, and joining
 * them one by one would be quadratic. Returns where the next field begins.
 */
static const char *add_continuation(struct deb822_field *f, const char *text, int *line)
{
	const char *end = text;
	char *joined, *out;

	while (*end == '#' || ((*end == ' ' || *end == '\t') && !is_blank(end))) {
		end += strcspn(end, "\n");
		end += *end == '\n';
		++*line;
	}
	joined = xmalloc(strlen(f->value) + (size_t)(end - text) + 2);
	out = stpcpy(joined, f->value);
	while (text < end) {
		size_t len = strcspn(text, "\n");

		if (*text != '#') {
			*out++ = '\n';
			out = mempcpy(out, text + 1, len - 1);
			while (out[-1] == '\r')
				out--;
		}
		text += len + (text[len] == '\n');
	}
	*out = '\0';
	free(f->value);
	f->value = joined;
	return end;
}

int deb822_parse(const char *text, struct deb822 *ret)
{
	struct deb822 d = { 0 };
	struct deb822_stanza *stanza = NULL;
	int line = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		bool more = *text == ' ' || *text == '\t';

		line++;
		if (is_blank(text)) {
			stanza = NULL;
		} else if (*text != '#') {
			if (!stanza && !more)
				stanza = add_stanza(&d, line);
			if (more || add_field(stanza, text, len) < 0) {
				deb822_finish(&d);
				return -line;
			}
			text += len + (text[len] == '\n');
			text = add_continuation(&stanza->fields[stanza->n - 1], text, &line);
			continue;
		}
		text += len + (text[len] == '\n');
	}
	*ret = d;
	return 0;
}

void deb822_finish(struct deb822 *d)
{
	for (size_t i = 0; i < d->n; i++) {
		for (size_t j = 0; j < d->stanzas[i].n; j++) {
			free(d->stanzas[i].fields[j].name);
			free(d->stanzas[i].fields[j].value);
		}
		free(d->stanzas[i].fields);
	}
	free(d->stanzas);
	*d = (struct deb822){ 0 };
}

const char *deb822_get(const struct deb822_stanza *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcasecmp(s->fields[i].name, name) == 0)
			return s->fields[i].value;
	return NULL;
}

char **deb822_words(const char *value, const char *also)
{
	cleanup_free char *separators = xasprintf(" \t\r\n%s", also);
	char **words = NULL;

	while (*(value += strspn(value, separators))) {
		size_t len = strcspn(value, separators);

		strv_take(&words, xstrndup(value, len));
		value += len;
	}
	return words;
}
