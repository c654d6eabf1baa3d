/* SPDX-License-Identifier: MIT */
/*
 * `keep: closure`: only the files that the appliance needs, each with what asks for it. See closure.c
 * for the theory; the parts are closure_elf.c (ELF files), closure_script.c (scripts and texts),
 * closure_python.c, closure_perl.c and closure_java.c (modules), closure_rules.c (folders, configuration, data).
 */
#ifndef ATOLL_BUILD_CLOSURE_H
#define ATOLL_BUILD_CLOSURE_H

#include "package.h"
#include "recipe.h"
#include "resolve.h"
#include "tree.h"

/*
 * Moves what nothing asks for from `tree`, which is complete but for folders, to `left`. Notes are
 * warnings for the user. -ENOENT when something needed is in none of the packages; the universe, which may be NULL,
 * then tells which one to add.
 */
int closure_keep(const struct recipe *recipe, const struct package_list *packages,
		 struct universe *universe, const char *arch, struct tree *tree, struct tree *left,
		 char ***notes, struct err **err);
/* The recipe's "!GLOB" that leaves a path out, or NULL. */
const char *closure_exclusion(const struct recipe *recipe, const char *path);
/* Whether "keep" of the recipe names it, by its path or a pattern. */
bool closure_inclusion(const struct recipe *recipe, const char *path);

/* Whether it is the configuration of what an appliance does not have: services, logs, times, logins, menus. */
bool closure_is_foreign_config(const char *path);

/* Whether it is a file of a runtime of Java that is left out since Java does without it, though it looks. */
bool closure_java_spares(const char *path);

#endif
