/* SPDX-License-Identifier: MIT */
/* The locales that the recipe's environment names. See locales.c for the theory. */
#ifndef ATOLL_BUILD_LOCALES_H
#define ATOLL_BUILD_LOCALES_H

#include <stdbool.h>

#include "recipe.h"
#include "tree.h"
#include "workspace.h"

/*
 * Compiles each locale that `env` names and the packages have only the source of (Debian's package
 * locales) into the tree. -ENOENT: they have none, or no such one.
 */
int locales_make(struct workspace *ws, const struct recipe *recipe, struct tree *tree,
		 struct err **err);

/*
 * Where the C library looks for the locale that a line of `env` names ("LANG=de_DE.UTF-8"):
 * "usr/lib/locale/de_DE.utf8"; NULL when it names none, or one that is built in. The caller frees.
 */
char *locales_folder(const char *line);

/* Whether a path is a message catalogue in a language that `env` names. */
bool locales_has_messages(const struct recipe *recipe, const char *path);

#endif
