/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"
#include "tree.h"

/* Options that a value goes with, in the same word or in the next. */
static const struct {
	const char *command, *letters;
	const char *names[12];
} with_value[] = {
	{ "addgroup", "", { "--conf", "--firstgid", "--gid", "--lastgid" } },
	{ "adduser",
	  "",
	  { "--comment", "--conf", "--firstuid", "--gecos", "--gid", "--home", "--ingroup",
	    "--lastuid", "--shell", "--uid" } },
	{ "chgrp", "", { "--reference" } },
	{ "chmod", "", { "--reference" } },
	{ "chown", "", { "--from", "--reference" } },
	{ "chsh", "s", { "--shell" } },
	{ "groupadd", "gKR", { "--gid", "--key", "--root" } },
	{ "install",
	  "gmoSt",
	  { "--group", "--mode", "--owner", "--suffix", "--target-directory" } },
	{ "ln", "St", { "--suffix", "--target-directory" } },
	{ "mkdir", "m", { "--mode" } },
	{ "sed", "efl", { "--expression", "--file", "--line-length" } },
	{ "touch", "drt", { "--date", "--reference" } },
	{ "ucf", "S", { "--debconf-template", "--sum-file", "--src-dir", "--state-dir" } },
	{ "useradd",
	  "cdgGKsu",
	  { "--comment", "--gid", "--groups", "--home-dir", "--key", "--shell", "--uid" } },
	{ "usermod",
	  "cdefgGlpsu",
	  { "--comment", "--home", "--expiredate", "--inactive", "--gid", "--groups", "--login",
	    "--password", "--shell", "--uid" } },
};

/* The letter, or the part of the word, that the option's value goes with; NULL: none. */
static const char *takes_value(const char *command, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(with_value); i++) {
		if (!str_eq(with_value[i].command, command))
			continue;
		if (!str_starts(word, "--"))
			return strpbrk(word + 1, with_value[i].letters);
		for (size_t n = 0; n < ARRAY_SIZE(with_value[i].names); n++)
			if (str_eq(with_value[i].names[n], word))
				return word;
	}
	return NULL;
}

/* Whether its value is in the next word. */
static bool takes_next(const char *command, const char *word)
{
	const char *option = takes_value(command, word);

	return option && (option == word || !option[1]);
}

char **script_operands(char *const *words)
{
	const char *command = *words;
	char **operands = NULL;

	for (words++; *words; words++)
		if (**words == '-')
			words += takes_next(command, *words) && words[1];
		else if (**words)
			strv_append(&operands, *words);
	return operands;
}

const char *script_option(char *const *words, char letter, const char *name)
{
	const char *command = *words;
	size_t n = strlen(name);

	for (words++; *words; words++) {
		const char *option = **words == '-' ? takes_value(command, *words) : NULL;
		bool next = option && takes_next(command, *words) && words[1];

		if (strncmp(*words, name, n) == 0 && words[0][n] == '=')
			return *words + n + 1;
		if (option && (option == *words ? str_eq(option, name) : *option == letter))
			return next ? words[1] : option + 1;
		words += next;
	}
	return NULL;
}

bool script_has_flag(char *const *words, char letter, const char *name)
{
	while (*++words)
		if (str_eq(*words, name) ||
		    (words[0][0] == '-' && words[0][1] != '-' && strchr(*words, letter)))
			return true;
	return false;
}

bool script_makes_folders(char *const *words)
{
	return str_eq(*words, "mkdir") ||
	       (str_eq(*words, "install") && script_has_flag(words, 'd', "--directory"));
}

bool script_word_is_plain(const char *word)
{
	return *word && !strpbrk(word, "$`*?[\\\"");
}

char *script_path(const char *word)
{
	char *path;

	return script_word_is_plain(word) && *word == '/' && tree_path(word, &path) == 0 ? path
											 : NULL;
}
