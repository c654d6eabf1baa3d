/* SPDX-License-Identifier: MIT */
#include "args.h"

#include <errno.h>
#include <stdlib.h>

#include "command.h"
#include "mem.h"
#include "str.h"

static int find_long(const struct command *c, const char *name, size_t len, struct err **err)
{
	const char *names[ARGS_MAX_OPTIONS + 2];
	cleanup_free char *given = xstrndup(name, len);
	const char *nearest;
	size_t n = 0;

	for (; c->options && c->options[n].name; n++) {
		names[n] = c->options[n].name;
		if (str_eq(names[n], given))
			return (int)n;
	}
	names[n] = "help";
	names[n + 1] = NULL;
	nearest = str_nearest(given, names);
	if (nearest)
		return err_set(err, EINVAL, "there is no option --%s; did you mean --%s?", given,
			       nearest);
	return err_set(err, EINVAL, "there is no option --%s; see 'atoll help %s'", given, c->name);
}

static int find_letter(const struct command *c, char letter, struct err **err)
{
	for (int i = 0; c->options && c->options[i].name; i++)
		if (c->options[i].letter == letter)
			return i;
	return err_set(err, EINVAL, "there is no option -%c; see 'atoll help %s'", letter, c->name);
}

/* --NAME, --NAME=VALUE, --NAME VALUE; *i moves over what was taken. */
static int take_long(struct args *args, char *const *argv, size_t *i, struct err **err)
{
	const char *name = argv[*i] + 2;
	size_t len = strcspn(name, "=");
	int n = find_long(args->command, name, len, err);
	const struct option_spec *o;
	const char *value = "";

	if (n < 0)
		return n;
	o = &args->command->options[n];
	if (!o->arg && name[len])
		return err_set(err, EINVAL, "--%s takes no value", o->name);
	if (o->arg) {
		value = name[len] ? name + len + 1 : argv[++*i];
		if (!value)
			return err_set(err, EINVAL, "--%s needs %s", o->name, o->arg);
	}
	strv_append(&args->values[n], value);
	return 0;
}

/* -a, -ab, -nVALUE, -n VALUE. */
static int take_letters(struct args *args, char *const *argv, size_t *i, struct err **err)
{
	for (const char *p = argv[*i] + 1; *p; p++) {
		int n = find_letter(args->command, *p, err);
		const struct option_spec *o;
		const char *value;

		if (n < 0)
			return n;
		o = &args->command->options[n];
		if (!o->arg) {
			strv_append(&args->values[n], "");
			continue;
		}
		value = p[1] ? p + 1 : argv[++*i];
		if (!value)
			return err_set(err, EINVAL, "-%c needs %s", o->letter, o->arg);
		strv_append(&args->values[n], value);
		return 0;
	}
	return 0;
}

static int check_words(const struct command *c, size_t n, struct err **err)
{
	if (n < c->min_words)
		return err_set(err, EINVAL, "%s is missing; usage: atoll %s %s",
			       n == 0 ? "an argument" : "another argument", c->name, c->words);
	if (n > c->max_words)
		return err_set(err, EINVAL, "too many arguments; usage: atoll %s %s", c->name,
			       c->words);
	return 0;
}

int args_parse(const struct command *command, char *const *argv, struct args *ret, struct err **err)
{
	int r = 0;

	*ret = (struct args){ .command = command };
	for (size_t i = 0; r == 0 && argv[i]; i++) {
		bool raw = command->raw_from && ret->n_words >= command->raw_from;
		const char *word = argv[i];

		if (!raw && str_eq(word, "--")) {
			for (i++; argv[i]; i++, ret->n_words++)
				strv_append(&ret->words, argv[i]);
			break;
		}
		if (!raw && str_starts(word, "--")) {
			r = take_long(ret, argv, &i, err);
		} else if (!raw && word[0] == '-' && word[1]) {
			r = take_letters(ret, argv, &i, err);
		} else {
			strv_append(&ret->words, word);
			ret->n_words++;
		}
	}
	return r < 0 ? r : check_words(command, ret->n_words, err);
}

void args_finish(struct args *args)
{
	for (size_t i = 0; i < ARGS_MAX_OPTIONS; i++)
		strv_free(args->values[i]);
	strv_free(args->words);
}

char **args_all(const struct args *args, const char *name)
{
	const struct option_spec *options = args->command->options;

	for (size_t i = 0; options && options[i].name; i++)
		if (str_eq(options[i].name, name))
			return args->values[i];
	abort(); /* a command that asks for an option that its table does not have */
}

const char *args_get(const struct args *args, const char *name)
{
	char **values = args_all(args, name);
	size_t n = strv_len(values);

	return n ? values[n - 1] : NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return args_get(args, name) != NULL;
}

const char *args_word(const struct args *args, size_t i)
{
	return i < args->n_words ? args->words[i] : NULL;
}

int args_number(const struct args *args, const char *name, unsigned long max, unsigned long *value,
		struct err **err)
{
	const char *text = args_get(args, name);
	uint64_t n;

	if (!text)
		return 0;
	if (str_to_u64(text, max, &n) < 0)
		return err_set(err, EINVAL, "--%s: expected a number from 0 to %lu, found \"%s\"",
			       name, max, text);
	*value = (unsigned long)n;
	return 0;
}

int args_json(const struct args *args, bool *ret_json, struct err **err)
{
	const char *format = args_get(args, "format");

	*ret_json = format && str_eq(format, "json");
	if (format && !*ret_json && !str_eq(format, "table"))
		return err_set(err, EINVAL, "--format: expected table or json, found \"%s\"",
			       format);
	return 0;
}
