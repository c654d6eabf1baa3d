/* SPDX-License-Identifier: MIT */
#include "schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "str.h"

#define SHOWN_MAX 60 /* bytes of the file's text that a message quotes */

void schema_fault(struct schema *s, const struct yaml *at, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	diag_add(s->diags, s->file, at->line, at->column, "%s%s", s->where, text);
}

/* Cuts a text to what a message may quote, between characters. */
static const char *shown(const char *text, char *buf)
{
	size_t n = strnlen(text, SHOWN_MAX + 1);

	if (n > SHOWN_MAX) {
		n = SHOWN_MAX;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		memcpy(buf, text, n);
		memcpy(buf + n, "…", sizeof("…"));
		return buf;
	}
	return text;
}

void schema_expected(struct schema *s, const struct yaml *node, const char *what)
{
	char buf[SHOWN_MAX + 4];

	if (node->type == YAML_BAD)
		return;
	if (node->type == YAML_LIST)
		schema_fault(s, node, "expected %s, found a list", what);
	else if (node->type == YAML_MAP)
		schema_fault(s, node, "expected %s, found a mapping", what);
	else if (yaml_is_empty(node))
		schema_fault(s, node, "expected %s, found nothing", what);
	else
		schema_fault(s, node, "expected %s, found \"%s\"", what, shown(node->text, buf));
}

size_t schema_faults(const struct schema *s)
{
	return s->diags->n + s->diags->dropped;
}

size_t schema_enter(struct schema *s, const char *fmt, ...)
{
	size_t mark = strlen(s->where);
	cleanup_free char *noun = NULL;
	char buf[SHOWN_MAX + 4];
	va_list ap;

	va_start(ap, fmt);
	noun = xvasprintf(fmt, ap);
	va_end(ap);
	snprintf(s->where + mark, sizeof(s->where) - mark, "%s: ", shown(noun, buf));
	return mark;
}

void schema_leave(struct schema *s, size_t mark)
{
	s->where[mark] = '\0';
}

const char *schema_hint(char *buf, const char *name, const char *const *names)
{
	const char *nearest = str_nearest(name, names);

	*buf = '\0';
	if (nearest)
		snprintf(buf, SCHEMA_HINT_MAX, "; did you mean \"%s\"?", nearest);
	return buf;
}

/* --- mappings --- */

static int by_text(const void *a, const void *b)
{
	const struct yaml *x = *(const struct yaml *const *)a, *y = *(const struct yaml *const *)b;
	int r = strcmp(x->text, y->text);

	if (r)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->column < y->column ? -1 : x->column > y->column;
}

/* The later one of two keys that are the same is the fault; its value is not read. */
static void refuse_duplicates(struct schema *s, struct yaml **keys, size_t n)
{
	char buf[SHOWN_MAX + 4];
	size_t first = 0;

	qsort(keys, n, sizeof(struct yaml *), by_text);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(keys[i]->text, keys[first]->text) != 0) {
			first = i;
			continue;
		}
		schema_fault(s, keys[i], "\"%s\" is given twice; first on line %d, column %d",
			     shown(keys[i]->text, buf), keys[first]->line, keys[first]->column);
		keys[i]->type = YAML_BAD;
	}
}

/*
 * Says what is wrong with a mapping's keys and marks those YAML_BAD (the tree is the reader's own, and
 * a fault is said once); false when it is no mapping.
 */
static bool check_keys(struct schema *s, const struct yaml *node, size_t max)
{
	cleanup_free struct yaml **keys = NULL;
	size_t n = 0;

	if (node->type != YAML_MAP) {
		schema_expected(s, node, "a mapping (KEY: VALUE)");
		return false;
	}
	if (node->n / 2 > max) {
		schema_fault(s, node, "too many: %zu, at most %zu", node->n / 2, max);
		return false;
	}
	keys = xcalloc(node->n / 2 + 1, sizeof(struct yaml *));
	for (size_t i = 0; i + 1 < node->n; i += 2) {
		struct yaml *key = node->items[i];

		if (key->type == YAML_SCALAR && *key->text) {
			keys[n++] = key;
		} else {
			schema_expected(s, key, "a name in front of the colon");
			key->type = YAML_BAD;
		}
	}
	refuse_duplicates(s, keys, n);
	return true;
}

void schema_each_pair(struct schema *s, const struct yaml *node, size_t max, schema_pair_fn take,
		      void *data)
{
	if (node->type == YAML_BAD || !check_keys(s, node, max))
		return;
	for (size_t i = 0; i + 1 < node->n; i += 2)
		if (node->items[i]->type == YAML_SCALAR)
			take(s, node->items[i], node->items[i + 1], data);
}

static void unknown_key(struct schema *s, const struct yaml *key, const struct schema_key *keys)
{
	const char *names[SCHEMA_KEYS_MAX + 1] = { NULL };
	char hint[SCHEMA_HINT_MAX], buf[SHOWN_MAX + 4];

	for (size_t i = 0; keys[i].name && i < SCHEMA_KEYS_MAX; i++)
		names[i] = keys[i].name;
	schema_fault(s, key, "unknown key \"%s\"%s", shown(key->text, buf),
		     schema_hint(hint, key->text, names));
}

struct map_reading {
	const struct schema_key *keys;
	void *object;
	uint32_t seen; /* bit i: keys[i] was there */
};

static void take_key(struct schema *s, const struct yaml *key, const struct yaml *value, void *data)
{
	struct map_reading *reading = data;
	size_t mark;

	for (size_t i = 0; reading->keys[i].name; i++) {
		const struct schema_key *k = &reading->keys[i];

		if (!str_eq(k->name, key->text))
			continue;
		reading->seen |= 1u << i;
		mark = schema_enter(s, "%s", k->name);
		if (value->type != YAML_BAD)
			k->read(s, value, (char *)reading->object + k->offset);
		schema_leave(s, mark);
		return;
	}
	unknown_key(s, key, reading->keys);
}

void schema_read_map(struct schema *s, const struct yaml *at, const struct yaml *node,
		     const struct schema_key *keys, void *object)
{
	struct map_reading reading = { .keys = keys, .object = object };

	if (node->type != YAML_MAP) {
		schema_expected(s, node, "a mapping (KEY: VALUE)");
		return;
	}
	schema_each_pair(s, node, YAML_NODES_MAX, take_key, &reading);
	for (size_t i = 0; keys[i].name; i++)
		if (keys[i].required && !(reading.seen & (1u << i)))
			schema_fault(s, at, "the key \"%s\" is missing", keys[i].name);
}

/* --- values --- */

const char *schema_text(struct schema *s, const struct yaml *node, const char *what)
{
	if (node->type == YAML_SCALAR && *node->text && !yaml_is_empty(node))
		return node->text;
	schema_expected(s, node, what);
	return NULL;
}

bool schema_is_list(struct schema *s, const struct yaml *node, size_t max, const char *what)
{
	if (node->type != YAML_LIST) {
		schema_expected(s, node, what);
		return false;
	}
	if (node->n > max) {
		schema_fault(s, node, "too many: %zu, at most %zu", node->n, max);
		return false;
	}
	return true;
}

int schema_choice(struct schema *s, const struct yaml *node, const char *const *names,
		  const char *what)
{
	const char *text = schema_text(s, node, what);
	char hint[SCHEMA_HINT_MAX], buf[SHOWN_MAX + 4];

	for (int i = 0; text && names[i]; i++)
		if (str_eq(names[i], text))
			return i;
	if (text)
		schema_fault(s, node, "expected %s, found \"%s\"%s", what, shown(text, buf),
			     schema_hint(hint, text, names));
	return -1;
}

bool schema_number(struct schema *s, const struct yaml *node, uint64_t min, uint64_t max,
		   uint64_t *ret)
{
	char what[80];
	const char *text;
	uint64_t v;

	snprintf(what, sizeof(what), "a number from %llu to %llu", (unsigned long long)min,
		 (unsigned long long)max);
	text = schema_text(s, node, what);
	if (!text)
		return false;
	if (str_to_u64(text, max, &v) < 0 || v < min) {
		schema_expected(s, node, what);
		return false;
	}
	*ret = v;
	return true;
}

bool schema_size(struct schema *s, const struct yaml *node, const char *min, const char *max,
		 uint64_t *ret)
{
	uint64_t v = 0, low = 0, high = 0;
	char what[80];
	const char *text;

	snprintf(what, sizeof(what), "a size from %s to %s, such as 64M", min, max);
	text = schema_text(s, node, what);
	if (!text)
		return false;
	str_to_size(min, &low);
	str_to_size(max, &high);
	if (str_to_size(text, &v) < 0 || v < low || v > high) {
		schema_expected(s, node, what);
		return false;
	}
	*ret = v;
	return true;
}

/* --- readers --- */

void schema_read_bool(struct schema *s, const struct yaml *value, void *field)
{
	bool yes = value->type == YAML_SCALAR && str_eq(value->text, "true");

	if (!yes && !(value->type == YAML_SCALAR && str_eq(value->text, "false")))
		schema_expected(s, value, "true or false");
	else
		*(bool *)field = yes;
}

void schema_read_strings(struct schema *s, const struct yaml *value, void *field)
{
	if (!schema_is_list(s, value, 4096, "a list of texts"))
		return;
	for (size_t i = 0; i < value->n; i++) {
		const char *text = schema_text(s, value->items[i], "a text");

		if (text)
			strv_append(field, text);
	}
}

/* The words of a list; unlike schema_read_strings an empty text in quotes is one. */
static void read_words(struct schema *s, const struct yaml *list, char ***ret)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct yaml *word = list->items[i];

		if (word->type == YAML_SCALAR && !yaml_is_empty(word))
			strv_append(ret, word->text);
		else
			schema_expected(s, word, "a word of the command");
	}
}

void schema_read_command(struct schema *s, const struct yaml *value, void *field)
{
	static const char what[] = "a command: a text, or a list of words";
	cleanup_strv char **words = NULL;
	size_t before = schema_faults(s);

	if (value->type == YAML_LIST) {
		if (schema_is_list(s, value, 1024, what))
			read_words(s, value, &words);
	} else if (schema_text(s, value, what) && str_split_words(value->text, &words) < 0) {
		schema_fault(s, value, "a quote is not closed, or a backslash stands at the end");
	}
	if (schema_faults(s) != before)
		return;
	if (words && words[0] && *words[0])
		*(char ***)field = steal_ptr(words);
	else
		schema_fault(s, value, "expected %s, found no program's name", what);
}

/* A variable's name as POSIX has it; any case. */
static bool is_variable(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 128 && !(s[0] >= '0' && s[0] <= '9') &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
}

static void take_variable(struct schema *s, const struct yaml *key, const struct yaml *value,
			  void *data)
{
	if (!is_variable(key->text))
		schema_expected(s, key, "a variable's name (letters, digits, _)");
	else if (value->type != YAML_SCALAR)
		schema_expected(s, value, "a text");
	else
		strv_take(data, xasprintf("%s=%s", key->text, value->text));
}

void schema_read_env(struct schema *s, const struct yaml *value, void *field)
{
	schema_each_pair(s, value, 1024, take_variable, field);
}
