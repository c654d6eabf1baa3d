/* SPDX-License-Identifier: MIT */
/* Several recipes in one run. */
#ifndef ATOLL_BUILD_BATCH_H
#define ATOLL_BUILD_BATCH_H

#include "builder.h"

/* Exit codes, from good to bad. */
#define BATCH_MISTAKE 1   /* of the recipe, or of what it asks for */
#define BATCH_OWN     125 /* ours, the network's or the machine's */

/* What is done with a recipe: builder_run, or update_lock. */
typedef int (*recipe_fn)(struct builder *b, const struct recipe *recipe, bool *ret_mistake,
			 struct err **err);

/* All recipes one after the other, even after one failed; the exit code of the worst. */
int batch_run(struct builder *b, recipe_fn run, char **files);

/*
 * Builds all recipes, each in a process of its own, as many at once as there are processors; two with one name one
 * after the other. b is not open: each process opens a copy. What they say comes as they end; the exit code of the
 * worst.
 */
int batch_build(const struct builder *b, char **files, size_t n);

#endif
