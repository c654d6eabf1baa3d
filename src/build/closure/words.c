/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define WORD_MAX 1024

/* Where packages put what programs name. */
static const char *const tops[] = { "/usr/", "/etc/", "/lib",  "/bin/", "/sbin/",
				    "/var/", "/run/", "/opt/", "/srv/" };

static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_./+-@~*?";

void words_add(struct words *w, const char *text, size_t len)
{
	if (w->n == w->room) {
		w->room = w->room ? w->room * 2 : 32;
		w->items = xreallocarray(w->items, w->room, sizeof(*w->items));
	}
	w->items[w->n++] = xstrndup(text, len);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void words_sort(struct words *w)
{
	size_t n = 0;

	if (w->n)
		qsort(w->items, w->n, sizeof(*w->items), compare);
	for (size_t i = 0; i < w->n; i++) {
		if (n && str_eq(w->items[n - 1], w->items[i]))
			free(w->items[i]);
		else
			w->items[n++] = w->items[i];
	}
	w->n = n;
}

char **words_steal(struct words *w)
{
	char **items;

	words_sort(w);
	items = xreallocarray(w->items, w->n + 1, sizeof(*items));
	items[w->n] = NULL;
	*w = (struct words){ 0 };
	return items;
}

void words_finish(struct words *w)
{
	strv_free(words_steal(w));
}

bool word_is_library(const char *word, size_t len)
{
	for (size_t i = 1; i + 3 <= len; i++) {
		if (word[i] == '/')
			return false;
		if (memcmp(word + i, ".so", 3) != 0)
			continue;
		if (i + 3 == len)
			return true;
		if (word[i + 3] != '.' || i + 4 == len)
			continue;
		for (i += 4; i < len; i++)
			if (word[i] != '.' && (word[i] < '0' || word[i] > '9'))
				return false;
		return true;
	}
	return false;
}

static bool is_path(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		size_t n = strlen(tops[i]);

		if (len > n && memcmp(word, tops[i], n) == 0)
			return true;
	}
	return false;
}

static void consider(const char *word, size_t len, struct words *out)
{
	if (len > WORD_MAX)
		return;
	if (*word == '/') {
		while (len > 1 && strchr("/.", word[len - 1]))
			len--;
		if (is_path(word, len))
			words_add(out, word, len);
	} else if (word_is_library(word, len)) {
		words_add(out, word, len);
	}
}

static void scan(const char *text, size_t len, bool strings, struct words *out)
{
	bool is_in[256] = { false }, begins = true;

	for (const char *c = characters; *c; c++)
		is_in[(unsigned char)*c] = true;
	for (size_t i = 0; i < len; i++) {
		size_t begin = i;

		while (i < len && is_in[(unsigned char)text[i]])
			i++;
		if (i - begin >= 4 && (begins || !strings))
			consider(text + begin, i - begin, out);
		begins = i < len && (!text[i] || (text[i] == ':' && begins && i > begin));
		if (strings && !begins && i < len) {
			/* The rest of the string is text, or it is none: on to its end. */
			const char *end = memchr(text + i, '\0', len - i);

			i = end ? (size_t)(end - text) : len;
			begins = true;
		}
	}
}

void words_scan(const void *bytes, size_t len, struct words *out)
{
	scan(bytes, len, false, out);
}

void words_scan_strings(const void *bytes, size_t len, struct words *out)
{
	scan(bytes, len, true, out);
}

/* --- names of programs --- */

#define PROGRAM_MAX 64 /* bytes of a name */

static const char program_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789_.+-/";

static bool is_name(const char *word, size_t len, const struct words *names)
{
	char name[PROGRAM_MAX + 1], *key = name;

	if (len < 2 || len > PROGRAM_MAX)
		return false;
	memcpy(name, word, len);
	name[len] = '\0';
	return bsearch(&key, names->items, names->n, sizeof(*names->items), compare) != NULL;
}

void words_scan_names(const void *bytes, size_t len, const struct words *names, struct words *out)
{
	const char *s = bytes, *end = s + len;

	/* What no NUL ends is no string. */
	for (const char *nul; s < end && (nul = memchr(s, '\0', (size_t)(end - s))); s = nul + 1) {
		size_t all = (size_t)(nul - s), n = 0;

		while (n < all && n <= PROGRAM_MAX && s[n] != ' ')
			n++;
		if ((n == all || (all - n > 1 && s[n + 1] == '-')) && is_name(s, n, names))
			words_add(out, s, n);
	}
}

/* What opens a string, with the pipe of "| gzip"; 0: nothing does. */
static size_t opening(const char *s)
{
	size_t n = strchr("'\"`", *s) ? 1 : 0;

	/* qx(, qw[, %x{, %w( */
	if ((*s == 'q' || *s == '%') && (s[1] == 'x' || s[1] == 'w') && s[2] &&
	    strchr("([{/", s[2]))
		n = 3;
	if (n && s[n] == '|')
		n += strspn(s + n, "| ");
	return n;
}

void words_scan_quoted(const char *text, const struct words *names, struct words *out)
{
	for (const char *s = text; *s;) {
		size_t begin = opening(s), n = 0, name = 0;

		if (!begin) {
			s++;
			continue;
		}
		for (s += begin; s[n] && strchr(program_characters, s[n]); n++)
			if (s[n] == '/')
				name = n + 1;
		if (s[n] && strchr(" '\"`)]}", s[n]) && (!name || *s == '/') &&
		    is_name(s + name, n - name, names))
			words_add(out, s, n);
		s += n;
	}
}
