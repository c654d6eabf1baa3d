/* SPDX-License-Identifier: MIT */
/*
 * Lines of a package's script that do nothing for an appliance, whichever package it is: the shell's own words that
 * change nothing but the script, tests, questions to debconf, services that something else starts. And those whose
 * block a first installation never enters.
 */
#include <ctype.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "scripts.h"
#include "str.h"

/* The shell's own, and commands that ask or that manage services. */
static const char *const idle[] = {
	"export",
	"local",
	"readonly",
	"unset",
	"umask",
	"set",
	"shift",
	"return",
	"break",
	"continue",
	"exit",
	"true",
	"echo",
	"printf",
	"false",
	":",
	"[",
	"test",
	"db_version",
	"db_get",
	"db_stop",
	"db_go",
	"db_input",
	"db_capb",
	"db_fget",
	"db_purge",
	"invoke-rc.d",
	"update-rc.d",
	"service",
	"systemctl",
	"deb-systemd-invoke",
	"deb-systemd-helper",
	"start-stop-daemon",
};

/* Caches: what the builder makes of the files that are kept (caches.h, ldcache.h), and what programs do without. */
static const char *const caches[] = {
	"fc-cache",
	"gdk-pixbuf-query-loaders",
	"gio-querymodules",
	"glib-compile-schemas",
	"gtk-query-immodules-2.0",
	"gtk-query-immodules-3.0",
	"gtk-update-icon-cache",
	"install-info",
	"ldconfig",
	"py3compile",
	"update-desktop-database",
	"update-icon-caches",
	"update-mime-database",
};

#define CONFMODULE ". /usr/share/debconf/confmodule"

static bool is_idle_word(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++)
		if (str_eq(idle[i], word))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(caches); i++)
		if (str_eq(caches[i], strrchr(word, '/') ? strrchr(word, '/') + 1 : word))
			return true;
	return false;
}

/* "NAME=value": words hold it whole, since a value with a blank has quotes. */
static bool is_assignment(const char *word)
{
	size_t n = 0;

	while (isalnum((unsigned char)word[n]) || word[n] == '_')
		n++;
	return n && word[n] == '=' && !isdigit((unsigned char)*word);
}

/* What a command writes into, other than nowhere and its errors, and another that it is piped into. */
static bool has_effect(const char *word, const char *next)
{
	if (strchr(word, '|') || str_eq(word, "&"))
		return true;
	if (!strchr(word, '>') || strstr(word, ">&"))
		return false;
	return !strstr(word, ">/dev/null") && !(str_ends(word, ">") && str_eq(next, "/dev/null"));
}

/* One command, from its first word on; assignments before a command are of that one. */
static bool is_idle_command(const char *command)
{
	cleanup_strv char **words = NULL;
	char **w;

	if (str_split_words(command, &words) < 0)
		return false;
	for (w = words; w && *w && (is_assignment(*w) || str_eq(*w, "!")); w++)
		;
	for (char **rest = w; rest && *rest; rest++)
		if (has_effect(*rest, rest[1]))
			return false;
	return !w || !*w || is_idle_word(*w);
}

/* Commands that && and || join: all of them, since either may run. */
static bool are_idle(const char *text)
{
	while (*text) {
		const char *and = strstr(text, "&&"), * or = strstr(text, "||");
		const char *end = !and || (or && or < and) ? or : and;
		cleanup_free char *command =
			end ? xstrndup(text, (size_t)(end - text)) : xstrdup(text);

		if (!is_idle_command(command))
			return false;
		text = end ? end + 2 : "";
	}
	return true;
}

/* "if [ … ]; then" and "elif", without the words around; NULL: it is none. The caller frees. */
static char *condition_of(const char *line)
{
	size_t begin = str_starts(line, "if ") ? 3 : str_starts(line, "elif ") ? 5 : 0;
	size_t n = strlen(line) - (str_ends(line, "then") ? strlen("then") : 0);

	while (n > begin && strchr(" \t;", line[n - 1]))
		n--;
	return begin && n > begin ? xstrndup(line + begin, n - begin) : NULL;
}

/* What holds commands together, which stand in lines of their own. */
static bool is_loop(const char *line)
{
	static const char *const words[] = { "then", "do", "done" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_eq(line, words[i]))
			return true;
	if (str_ends(line, "() {") || str_ends(line, " ()") || str_ends(line, "()"))
		return true; /* a function: its commands follow */
	return str_starts(line, "for ") && (str_ends(line, "; do") || !strchr(line, ';'));
}

/* The end of "$(…)" or "`…`" that begins at s, or s where none does. */
static const char *behind_substitution(const char *s)
{
	const char *end = s;
	size_t depth = 0;

	if (*s == '`')
		return (end = strchr(s + 1, '`')) ? end + 1 : s;
	if (!str_starts(s, "$("))
		return s;
	do
		depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
	while (*end++ && (depth || end[-1] != ')'));
	return depth ? s : end;
}

/* With "x" in the place of what commands print: who wants that, asks. */
static char *without_substitutions(const char *line)
{
	cleanup_buf struct buf out = BUF_INIT;

	while (*line) {
		const char *behind = behind_substitution(line);

		buf_append(&out, behind > line ? "x" : line, 1);
		line = behind > line ? behind : line + 1;
	}
	return buf_steal_str(&out);
}

bool script_line_is_idle(const char *line)
{
	cleanup_free char *plain = without_substitutions(line), *condition = condition_of(plain);
	const char *text = condition ? condition : plain;

	if (str_eq(line, CONFMODULE) || is_loop(plain))
		return true;
	return !strpbrk(text, ";`") && !strstr(text, "$(") && are_idle(text);
}

/* One of those that have to be true is not, when there was no version before. */
bool script_line_is_upgrade(const char *line)
{
	static const char *const tests[] = {
		"dpkg --compare-versions \"$2\" lt-nl ",
		"dpkg --compare-versions \"$2\" le-nl ",
		"[ -n \"$2\" ]",
		"[ -n \"${2}\" ]",
		"test -n \"$2\"",
		"[ \"$1\" = \"triggered\" ]",
		"[ \"$1\" = triggered ]",
		"[ \"$1\" = \"upgrade\" ]",
	};
	cleanup_free char *condition = condition_of(line);

	if (!condition || strstr(condition, "||"))
		return false;
	for (const char *part = condition; part; part = strstr(part, "&&")) {
		part += strspn(part, "& ");
		for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
			if (str_starts(part, tests[i]))
				return true;
	}
	return false;
}
