/* SPDX-License-Identifier: MIT */
/*
 * Alternatives: names that several packages have a file for, of which one is what a link leads to.
 * Packages say theirs in scripts, by calling update-alternatives(1); those calls are read as data.
 */
#ifndef ATOLL_BUILD_ALTERNATIVES_H
#define ATOLL_BUILD_ALTERNATIVES_H

#include <stdbool.h>
#include <stddef.h>

struct alternative {
	char *link, *target; /* absolute paths, as written */
	int priority;
};

struct alternative_list {
	struct alternative *items;
	size_t n;
};

void alternative_list_finish(struct alternative_list *list);

/*
 * Reads a command of a script, by its words (shell_flow.h). True when it is a call of update-alternatives that can be understood
 * without running the script, whether or not it adds to the list.
 */
bool alternatives_read(char *const *words, struct alternative_list *list);

#endif
