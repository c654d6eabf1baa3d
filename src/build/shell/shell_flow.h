/* SPDX-License-Identifier: MIT */
/*
 * Which commands of a script are reached, as far as its text tells: tests of what is given, and of what the script
 * itself sets, are decided, and so is what follows from them. What stands behind a test that cannot be decided
 * counts as reached. Loops go through what is known, functions are carried out where they are called, and with unknown
 * arguments where they are only named.
 */
#ifndef ATOLL_BUILD_SHELL_FLOW_H
#define ATOLL_BUILD_SHELL_FLOW_H

#include "shell_values.h"

/*
 * Called for each command that is reached, with its words as shell_fields has them; for calls of functions too. For comments
 * and what cannot be read, without words.
 */
typedef void shell_visit(void *data, const struct shell_item *item, char *const *words);

void shell_flow(const struct shell *s, const struct shell_value *given, size_t n,
		shell_visit *visit, void *data);

#endif
