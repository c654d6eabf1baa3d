/* SPDX-License-Identifier: MIT */
/* Whether what a command of a package's script would do is in the image, or is about nothing that is in it. */
#ifndef ATOLL_BUILD_COVERED_H
#define ATOLL_BUILD_COVERED_H

#include "accounts.h"
#include "scripts.h"
#include "tree.h"

/* What an image has, and what its packages have besides. */
struct holding {
	const struct accounts *accounts;
	const struct tree *tree, *left;
};

/*
 * Users and groups are there by name; folders, with the owner that is said; files that are written, copied or linked, as the
 * recipe's own; and owners, modes and the like are those of a path that is there, or there is no such path. What
 * cannot be told is not.
 */
bool is_covered(const struct holding *h, const struct script_command *command);

/* The users and groups of sysusers.d(5) that such a command would make; NULL: it is none, or cannot be told. The caller frees. */
char **sysusers_of(const struct holding *h, char *const *words);

#endif
