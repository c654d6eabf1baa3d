/* SPDX-License-Identifier: MIT */
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "str.h"

#define WORD_MAX 1024

/* Where packages put what programs name. */
static const char *const tops[] = { "/usr/",  "/etc/", "/lib",  "/bin/",
				    "/sbin/", "/var/", "/opt/", "/srv/" };

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

char **words_steal(struct words *w)
{
	size_t n = 0;
	char **items = xreallocarray(w->items, w->n + 1, sizeof(*items));

	qsort(items, w->n, sizeof(*items), compare);
	for (size_t i = 0; i < w->n; i++) {
		if (n && str_eq(items[n - 1], items[i]))
			free(items[i]);
		else
			items[n++] = items[i];
	}
	items[n] = NULL;
	*w = (struct words){ 0 };
	return items;
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
