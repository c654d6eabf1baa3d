/* SPDX-License-Identifier: MIT */
/*
 * Which commands of a script are reached, as far as its text tells: tests of what is given, and of what the script
 * itself sets, are decided, and so is what follows from them. What stands behind a test that cannot be decided
 * counts as reached, and what a function does as well.
 */
#ifndef ATOLL_BUILD_SHELL_FLOW_H
#define ATOLL_BUILD_SHELL_FLOW_H

#include "shell.h"

/* A variable, or an argument by its number. */
struct shell_value {
	const char *name, *value;
};

/*
 * Called for each command that is reached, with its words: one that is known without anything of the shell's, the others as
 * the script has them, with a "$" or "`". For comments and what cannot be read too, without words.
 */
typedef void shell_visit(void *data, const struct shell_item *item, char *const *words);

void shell_flow(const struct shell *s, const struct shell_value *given, size_t n,
		shell_visit *visit, void *data);

#endif
