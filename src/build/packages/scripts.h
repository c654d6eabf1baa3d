/* SPDX-License-Identifier: MIT */
/*
 * What a package's postinst would do when the package is installed for the first time. It is never run; here it is
 * read, so that what nobody stands in for does not go unnoticed.
 */
#ifndef ATOLL_BUILD_SCRIPTS_H
#define ATOLL_BUILD_SCRIPTS_H

#include <stdbool.h>
#include <stddef.h>

#include "alternatives.h"

struct script_command {
	char **words; /* as shell_flow.h has them; NULL: it cannot be read, or writes to a file and does no more */
	char *output; /* the file that it writes to, or NULL */
	char *text;
	unsigned int line; /* of the script */
};

struct script {
	struct alternative_list alternatives;
	/* Those that the builder neither knows to be without effect in an appliance nor stands in for. */
	struct script_command *commands;
	size_t n;
};

void script_read(const char *package, const char *text, struct script *ret);
void script_finish(struct script *s);

/* script_idle.c: whether a command does nothing for an appliance; no words: it does not. */
bool script_command_is_idle(char *const *words, const char *output);

/*
 * script_operands.c, of a command's words: what they name, options and their values apart. Those that only a shell could
 * tell are as the script has them. The caller frees.
 */
char **script_operands(char *const *words);
/* The value of an option, by its letter or its name ("--owner"); NULL: it is not there. */
const char *script_option(char *const *words, char letter, const char *name);
bool script_has_flag(char *const *words, char letter, const char *name);
/* "mkdir" and "install -d": their operands are folders. */
bool script_makes_folders(char *const *words);
/* Whether a word is the one that the command gets, and not "". */
bool script_word_is_plain(const char *word);
/* The path that a word names, as the tree knows it (tree.h); NULL: none that is known. The caller frees. */
char *script_path(const char *word);

/* What a script makes that a recipe can declare, for advice: what is computed in it is not found. */
struct script_makes {
	char **users;   /* those that every appliance has among them */
	char **folders; /* below /var/lib */
};

void script_makes(const struct script *script, struct script_makes *ret);
void script_makes_finish(struct script_makes *makes);

#endif
