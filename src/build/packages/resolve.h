/* SPDX-License-Identifier: MIT */
/* From names of packages to the packages that they need: all that Depends and Pre-Depends ask for. */
#ifndef ATOLL_BUILD_RESOLVE_H
#define ATOLL_BUILD_RESOLVE_H

#include "index.h"
#include "package.h"
#include "workspace.h"

/* All packages that the indexes of one architecture offer. */
struct universe;

int universe_open(struct workspace *ws, const struct index *index, const char *arch,
		  struct universe **ret, struct err **err);
void universe_close(struct universe *u); /* accepts NULL */

/*
 * The closure of `names`, sorted by name. Recommends are not followed, and essential packages are
 * not taken along: an appliance holds what was asked for. The same index gives the same list.
 */
int universe_resolve(struct universe *u, char *const *names, struct package_list *ret,
		     struct err **err);
/* One package alone, its best version; -ENOENT with the nearest name. */
int universe_find(struct universe *u, const char *name, struct package *ret, struct err **err);
/*
 * The package that has a program, as far as an index tells: of the same name, or what stands for the name: "ruby",
 * "lua5.3 or lua5.4". NULL: none; the caller frees.
 */
char *universe_program(struct universe *u, const char *program);
/* The name of the first package that `name` depends on and that begins with `prefix`: what a
 * metapackage stands for. */
int universe_follow(struct universe *u, const char *name, const char *prefix, char **ret_name,
		    struct err **err);

#endif
