/* SPDX-License-Identifier: MIT */
/*
 * What a script makes that a recipe can declare: users, and folders for an application's state. It is
 * only looked at for advice, as a person would: the words of commands, with what the script itself gave
 * to a variable. What is computed stays unknown.
 */
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"

#define WORDS_MAX 32

/* adduser(8) and useradd(8): options that take the next word. */
static const char *const with_value[] = {
	"--home", "--gecos", "--comment", "--shell",    "--uid",   "--gid", "--ingroup",
	"--conf", "-d",      "-s",        "-g",         "-G",      "-c",    "-u",
	"-o",     "-m",      "--mode",    "--firstuid", "--owner",
};

/* The value that a line "NAME=value" of the script gives; the caller frees. */
static char *value_of(const char *script, const char *name, size_t n)
{
	for (const char *at = script; (at = strstr(at, name)); at += n) {
		const char *value = at + n + 1, *end;

		if (at[n] != '=' || (at > script && !strchr(" \t\n;", at[-1])))
			continue;
		value += *value == '"' || *value == '\'';
		end = value + strcspn(value, "\"'; \t\n");
		if (end > value && !memchr(value, '$', (size_t)(end - value)))
			return xstrndup(value, (size_t)(end - value));
	}
	return NULL;
}

/* A word without quotes, with one variable replaced that the script sets; NULL: it cannot be told. */
static char *expand(const char *script, const char *word)
{
	const char *dollar = strchr(word, '$'), *name, *end;
	cleanup_free char *key = NULL, *value = NULL;

	if (!dollar)
		return xstrdup(word);
	name = dollar + 1 + (dollar[1] == '{');
	end = name +
	      strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	if (end == name || strchr(end, '$'))
		return NULL;
	key = xstrndup(name, (size_t)(end - name));
	value = value_of(script, key, strlen(key));
	return value ? xasprintf("%.*s%s%s", (int)(dollar - word), word, value, end + (*end == '}'))
		     : NULL;
}

static bool takes_value(const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(with_value); i++)
		if (str_eq(with_value[i], option))
			return true;
	return false;
}

/* Adds what a command's words name, options and their values apart, as far as it is one command. */
static void add_operands(const char *script, char *const *words, size_t most, char ***list)
{
	for (; most && *words && !strchr("|&;<>0123456789", **words); words++) {
		cleanup_free char *first = xstrndup(*words, strcspn(*words, ";|&"));
		cleanup_free char *word = NULL;

		if (**words == '-') {
			words += takes_value(*words) && words[1];
			continue;
		}
		word = expand(script, first);
		if (word && *word == '-')
			continue;
		if (word && !strv_has(*list, word))
			strv_append(list, word);
		most--;
	}
}

static void read_command(const char *script, char *const *words, struct script_makes *makes)
{
	cleanup_strv char **folders = NULL;

	while (str_eq(*words, "if") || str_eq(*words, "!") || str_eq(*words, "then"))
		words++;
	if (!*words)
		return;
	/* A function of the script that runs what it is given: "in_sysroot adduser …". */
	if (words[1] && (str_eq(words[1], "adduser") || str_eq(words[1], "useradd")))
		words++;
	/* "adduser USER GROUP" makes nobody, but the first is a user either way. */
	if (str_eq(*words, "adduser") || str_eq(*words, "useradd"))
		add_operands(script, words + 1, 1, &makes->users);
	else if (str_eq(*words, "mkdir") || (str_eq(*words, "install") && strv_has(words, "-d")))
		add_operands(script, words + 1, WORDS_MAX, &folders);
	for (char **f = folders; f && *f; f++)
		if (str_starts(*f, "/var/lib/") && !strv_has(makes->folders, *f))
			strv_append(&makes->folders, *f);
}

void script_makes(const char *script, struct script_makes *ret)
{
	const char *at = script;

	*ret = (struct script_makes){ 0 };
	while (*at) {
		size_t len;
		cleanup_free char *line = script_command(at, &len);
		cleanup_strv char **words = NULL;

		at += len;
		if (str_split_words(line, &words) == 0 && words && *words)
			read_command(script, words, ret);
	}
}

void script_makes_finish(struct script_makes *makes)
{
	strv_free(makes->users);
	strv_free(makes->folders);
	*makes = (struct script_makes){ 0 };
}
