/* SPDX-License-Identifier: MIT */
/* What a script makes that a recipe can declare: users, and folders for an application's state. */
#include <string.h>

#include "mem.h"
#include "scripts.h"
#include "str.h"

#define STATE "/var/lib/"

static void add(char ***list, const char *word)
{
	if (script_word_is_plain(word) && !strv_has(*list, word))
		strv_append(list, word);
}

/* A group is made by declaring a user of its name. "adduser USER GROUP" makes nobody, but the first is a user either way. */
static bool makes_account(const char *program)
{
	return str_eq(program, "adduser") || str_eq(program, "useradd") ||
	       str_eq(program, "addgroup") || str_eq(program, "groupadd");
}

void script_makes(const struct script *script, struct script_makes *ret)
{
	*ret = (struct script_makes){ 0 };
	for (size_t i = 0; i < script->n; i++) {
		char **words = script->commands[i].words;
		cleanup_strv char **operands = words ? script_operands(words) : NULL;

		if (!operands)
			continue;
		if (makes_account(*words))
			add(&ret->users, *operands);
		if (!str_eq(*words, "mkdir") &&
		    !(str_eq(*words, "install") && script_has_flag(words, 'd')))
			continue;
		for (char **folder = operands; *folder; folder++)
			if (str_starts(*folder, STATE) && !str_eq(*folder, STATE))
				add(&ret->folders, *folder);
	}
}

void script_makes_finish(struct script_makes *makes)
{
	strv_free(makes->users);
	strv_free(makes->folders);
	*makes = (struct script_makes){ 0 };
}
