/* SPDX-License-Identifier: MIT */
/* What a script makes or takes for granted that a recipe can declare: users, and folders for an application's state. */
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

static void add_user(char ***users, const char *name)
{
	if (strspn(name, "0123456789") < strlen(name))
		add(users, name);
}

/* Whom something is given to must be there, whoever made them. */
static void add_owner(char ***users, const char *owner)
{
	size_t n = strcspn(owner, ":.");
	cleanup_free char *user = xstrndup(owner, n);

	add_user(users, user);
	if (owner[n])
		add_user(users, owner + n + 1);
}

static void read_accounts(const char *program, char *const *operands, struct script_makes *ret)
{
	size_t n = strv_len(operands);

	if (makes_account(program))
		add(&ret->users, *operands);
	if (n > 1 && (str_eq(program, "chown") || str_eq(program, "chgrp")))
		add_owner(&ret->users, *operands);
	if (n == 4 && str_eq(program, "dpkg-statoverride")) {
		add_user(&ret->users, operands[0]);
		add_user(&ret->users, operands[1]);
	}
}

void script_makes(const struct script *script, struct script_makes *ret)
{
	*ret = (struct script_makes){ 0 };
	for (size_t i = 0; i < script->n; i++) {
		char **words = script->commands[i].words;
		cleanup_strv char **operands = words ? script_operands(words) : NULL;

		if (!operands)
			continue;
		read_accounts(*words, operands, ret);
		if (!script_makes_folders(words))
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
