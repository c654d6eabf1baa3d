/* SPDX-License-Identifier: MIT */
#include "tmpfiles.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define FOLDER_MODE 0755

static const char not_format[] =
	"expected a line of tmpfiles.d(5), without escapes and without what "
	"only a machine knows";
static const char not_made[] =
	"only folders (types d, D, v, q, Q) and links (L) that say where they lead are made";
static const char too_many[] = "more than 256 folders and links in one file";

/* The words of a line. */
enum { TYPE, PATH, MODE, USER, GROUP, AGE, ARGUMENT };

static void finish_item(struct tmpfile *item)
{
	free(item->path);
	free(item->target);
	free(item->owner);
}

void tmpfiles_finish(struct tmpfiles *t)
{
	for (size_t i = 0; i < t->n; i++)
		finish_item(&t->items[i]);
	free(t->items);
	*t = (struct tmpfiles){ 0 };
}

void tmpfiles_add(struct tmpfiles *t, struct tmpfile item)
{
	if (t->n == TMPFILES_MAX) {
		finish_item(&item);
		return;
	}
	t->items = xreallocarray(t->items, t->n + 1, sizeof(*t->items));
	t->items[t->n++] = item;
}

int tmpfiles_mode(const char *word, mode_t *ret)
{
	size_t n = strspn(word, "01234567");

	if (!n || n > 5 || word[n])
		return -EINVAL;
	*ret = (mode_t)strtoul(word, NULL, 8) & 07777;
	return 0;
}

/* --- specifiers --- */

/* Those that are the same on every machine. */
static const struct {
	char letter;
	const char *text;
} specifiers[] = {
	{ '%', "%" },          { 't', "/run" },     { 'S', "/var/lib" },
	{ 'C', "/var/cache" }, { 'L', "/var/log" }, { 'V', "/var/tmp" },
};

/* Names of a unit; of "x@.service" only the begin, since the rest is each instance's. */
static char *unit_name(char letter, const char *unit)
{
	size_t n = strcspn(unit, "@");
	const char *dot = strrchr(unit, '.');

	if (unit[n])
		return letter == 'p' ? xstrndup(unit, n) : NULL;
	return letter == 'n' || !dot ? xstrdup(unit) : xstrndup(unit, (size_t)(dot - unit));
}

static char *specifier(char letter, const char *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(specifiers); i++)
		if (specifiers[i].letter == letter)
			return xstrdup(specifiers[i].text);
	return unit && letter && strchr("npN", letter) ? unit_name(letter, unit) : NULL;
}

char *specifiers_expand(const char *word, const char *unit)
{
	cleanup_buf struct buf out = BUF_INIT;

	for (const char *percent; (percent = strchr(word, '%')); word = percent + 2) {
		cleanup_free char *value = specifier(percent[1], unit);

		if (!value)
			return NULL;
		buf_append(&out, word, (size_t)(percent - word));
		buf_append_str(&out, value);
	}
	buf_append_str(&out, word);
	return buf_steal_str(&out);
}

/* --- lines --- */

/* A letter, and signs that say when and how it is carried out: all the same where nothing is there before. */
static bool is_type(const char *word, const char *letters)
{
	return word[0] && strchr(letters, word[0]) && !word[1 + strspn(word + 1, "+!-=~^$")];
}

/* "-" is the default; signs before a word say what is done with what is there already. */
static const char *word_at(char *const *words, size_t n, size_t i)
{
	const char *word = i < n ? words[i] : "-";

	word += strspn(word, i == MODE ? "~:" : ":");
	return i != ARGUMENT && str_eq(word, "-") ? NULL : word;
}

static char *owner_of(char *const *words, size_t n)
{
	const char *user = word_at(words, n, USER), *group = word_at(words, n, GROUP);

	return xasprintf("%s:%s", user ? user : "root", group ? group : "root");
}

/* A link without a target is to where a system is reset from, which machines do not have. */
static const char *read_words(char *const *words, struct tmpfile *ret)
{
	size_t n = strv_len(words);
	bool link = n && is_type(words[TYPE], "L");
	const char *mode;

	*ret = (struct tmpfile){ .mode = FOLDER_MODE };
	if (n <= PATH)
		return not_format;
	if (link ? n <= ARGUMENT || str_eq(words[ARGUMENT], "-") : !is_type(words[TYPE], "dDvqQ"))
		return not_made;
	mode = word_at(words, n, MODE);
	if (mode && tmpfiles_mode(mode, &ret->mode) < 0)
		return not_format;
	ret->path = specifiers_expand(words[PATH], NULL);
	ret->target = link ? specifiers_expand(words[ARGUMENT], NULL) : NULL;
	ret->owner = owner_of(words, n);
	return ret->path && *ret->path == '/' && (!link || (ret->target && *ret->target))
		       ? NULL
		       : not_format;
}

/* NULL, or why it makes nothing. */
static const char *read_line(const char *line, unsigned int number, struct tmpfiles *t)
{
	struct tmpfile item = { 0 };
	cleanup_strv char **words = NULL;
	const char *fault;

	line += strspn(line, " \t\r");
	if (!*line || *line == '#')
		return NULL;
	/* An escape there is C's, not a shell's. */
	if (strlen(line) > TMPFILES_LINE_MAX || strchr(line, '\\') ||
	    str_split_words(line, &words) < 0)
		return not_format;
	fault = read_words(words, &item);
	if (!fault && t->n == TMPFILES_MAX)
		fault = too_many;
	item.line = number;
	if (fault)
		finish_item(&item);
	else
		tmpfiles_add(t, item);
	return fault;
}

void tmpfiles_read(const char *text, struct tmpfiles *ret)
{
	*ret = (struct tmpfiles){ 0 };
	for (unsigned int number = 1; *text; number++) {
		size_t n = strcspn(text, "\n");
		cleanup_free char *line = xstrndup(text, n);
		const char *fault = read_line(line, number, ret);

		if (fault && !ret->fault) {
			ret->fault = fault;
			ret->fault_line = number;
		}
		text += n + (text[n] == '\n');
	}
}
