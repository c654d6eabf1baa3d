/* SPDX-License-Identifier: MIT */
/* What a script sets its variables to, and its functions. */
#include <ctype.h>
#include <string.h>

#include "mem.h"
#include "shell_values.h"
#include "str.h"

size_t shell_name_len(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s))
		return 1;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

const char *shell_assigned(const char *word)
{
	size_t n = isdigit((unsigned char)*word) ? 0 : shell_name_len(word);

	n += n && word[n] == '+';
	return n && word[n] == '=' ? word + n + 1 : NULL;
}

/* --- variables --- */

static void add_assignment(struct shell_values *v, const char *name, size_t n,
			   struct shell_assignment a)
{
	a.name = xstrndup(name, n);
	v->assignments =
		xreallocarray(v->assignments, v->n_assignments + 1, sizeof(*v->assignments));
	v->assignments[v->n_assignments++] = a;
}

/* To what cannot be told. */
static void add_unknown(struct shell_values *v, const char *name, size_t n,
			struct shell_assignment a)
{
	a.word = NULL;
	add_assignment(v, name, n, a);
}

/* "${NAME:=word}", wherever it stands in a word. */
static void read_defaults(struct shell_values *v, const char *word, struct shell_assignment a)
{
	while ((word = strstr(word, "${"))) {
		size_t n = shell_name_len(word += 2);

		if (n && (word[n] == '=' || str_starts(word + n, ":=")))
			add_unknown(v, word, n, a);
	}
}

static bool is_declaration(const char *word)
{
	return str_eq(word, "export") || str_eq(word, "readonly") || str_eq(word, "local") ||
	       str_eq(word, "declare") || str_eq(word, "typeset");
}

/* Variables behind "read", "local" and the like. */
static void read_names(struct shell_values *v, char *const *words, struct shell_assignment a)
{
	for (; *words; words++)
		add_unknown(v, *words, shell_name_len(*words), a);
}

/* "NAME=word"; to "NAME+=word" belongs what it was. */
static void read_assignment(struct shell_values *v, const char *word, struct shell_assignment a)
{
	a.word = shell_assigned(word);
	if (a.word && a.word[-2] == '+')
		a.word = NULL;
	add_assignment(v, word, shell_name_len(word), a);
}

static void read_declaration(struct shell_values *v, char *const *words, struct shell_assignment a)
{
	bool local = str_eq(*words, "local");

	for (words++; *words; words++) {
		if (shell_assigned(*words))
			read_assignment(v, *words, a);
		else if (local)
			add_unknown(v, *words, shell_name_len(*words), a);
	}
}

/* Assignments before a command are its own, or stay: which, is not told here. */
static char *const *read_leading(struct shell_values *v, char *const *words,
				 struct shell_assignment a)
{
	char *const *command = words;

	while (*command && shell_assigned(*command))
		command++;
	for (; words < command; words++) {
		if (*command)
			add_unknown(v, *words, shell_name_len(*words), a);
		else
			read_assignment(v, *words, a);
	}
	return command;
}

static bool sets_arguments(char *const *words)
{
	if (str_eq(*words, "shift") || str_eq(*words, "eval"))
		return true;
	if (str_eq(*words, "set"))
		while (*++words)
			if ((**words != '-' && **words != '+') || str_eq(*words, "--"))
				return !str_eq(words[-1], "-o") && !str_eq(words[-1], "+o");
	return false;
}

static void read_command(struct shell_values *v, char *const *words, struct shell_assignment a)
{
	words = read_leading(v, words, a);
	if (!*words)
		return;
	if (is_declaration(*words))
		read_declaration(v, words, a);
	else if (str_eq(*words, "read") || str_eq(*words, "unset") || str_eq(*words, "getopts"))
		read_names(v, words + 1, a);
	else if (str_starts(*words, "db_"))
		add_unknown(v, "RET", strlen("RET"), a); /* debconf's answer */
	else if (str_eq(*words, "eval") || str_eq(*words, "source") ||
		 (str_eq(*words, ".") && !str_eq(words[1], SHELL_CONFMODULE)))
		v->sourced = true;
	if (!sets_arguments(words))
		return;
	if (a.function == SHELL_NOWHERE)
		v->shifted = true;
	else
		v->functions[a.function].shifted = true;
}

/* --- its functions --- */

size_t shell_end(const struct shell *s, size_t at)
{
	size_t depth = 0;

	for (; at + 1 < s->n; at++) {
		depth += shell_is_begin(s->items[at].kind);
		depth -= shell_is_end(s->items[at].kind);
		if (!depth && s->items[at].kind != SHELL_COMMENT)
			return at;
	}
	return at;
}

static void add_function(struct shell_values *v, size_t at)
{
	size_t begin = at + 1;

	if (begin == v->shell->n)
		return;
	v->functions = xreallocarray(v->functions, v->n_functions + 1, sizeof(*v->functions));
	v->functions[v->n_functions++] = (struct shell_function){
		.name = v->shell->items[at].words[0],
		.begin = begin,
		.end = shell_end(v->shell, begin),
	};
}

/* The innermost function that an item is in. */
static size_t function_at(const struct shell_values *v, size_t at)
{
	for (size_t i = v->n_functions; i > 0; i--)
		if (v->functions[i - 1].begin <= at && at <= v->functions[i - 1].end)
			return i - 1;
	return SHELL_NOWHERE;
}

static bool is_begin_of_list(const struct shell *s, size_t at)
{
	return at == s->n || s->items[at].join == SHELL_NEXT || s->items[at].join == SHELL_ASYNC;
}

/*
 * Whether what the item sets stays set: it is no part of a pipeline, of a list of "&&" and "||" but its begin, or of one that goes
 * on by itself, nor all that a function does.
 */
static bool is_alone(const struct shell *s, size_t at)
{
	size_t next = at + 1;

	if (!is_begin_of_list(s, at) || (at && s->items[at - 1].kind == SHELL_FUNCTION) ||
	    (next < s->n && s->items[next].join == SHELL_PIPE))
		return false;
	while (!is_begin_of_list(s, next))
		next++;
	return next == s->n || s->items[next].join != SHELL_ASYNC;
}

static void read_item(struct shell_values *v, size_t at, size_t depth)
{
	const struct shell_item *item = &v->shell->items[at];
	struct shell_assignment a = {
		.at = at,
		.function = function_at(v, at),
		.always = depth == 0 && is_alone(v->shell, at),
	};

	if (item->kind == SHELL_FUNCTION)
		add_function(v, at);
	for (char **word = item->words; word && *word; word++)
		read_defaults(v, *word, a);
	if (item->kind == SHELL_FOR && item->words && *item->words)
		add_unknown(v, *item->words, strlen(*item->words), a);
	if (item->kind == SHELL_COMMAND && item->words)
		read_command(v, item->words, a);
}

void shell_values_read(const struct shell *s, const struct shell_value *given, size_t n,
		       struct shell_values *ret)
{
	size_t depth = 0;

	*ret = (struct shell_values){ .shell = s, .given = given, .n_given = n };
	for (size_t i = 0; i < s->n; i++) {
		depth += shell_is_begin(s->items[i].kind);
		depth -= shell_is_end(s->items[i].kind);
		read_item(ret, i, depth);
	}
}

void shell_values_finish(struct shell_values *v)
{
	for (size_t i = 0; i < v->n_assignments; i++)
		free(v->assignments[i].name);
	free(v->assignments);
	free(v->functions);
	*v = (struct shell_values){ 0 };
}
