/* SPDX-License-Identifier: MIT */
/* Whether the finished tree is one that a machine can run: mistakes are found at build time. */
#ifndef ATOLL_BUILD_CHECK_H
#define ATOLL_BUILD_CHECK_H

#include "accounts.h"
#include "package.h"
#include "recipe.h"
#include "tree.h"

/*
 * Its programs are there and executable (a test's may be among what was left out), its user exists,
 * its names are no longer than an image can have them.
 */
int check_image(const struct recipe *recipe, const struct accounts *accounts,
		const struct tree *tree, const struct tree *left, struct err **err);

/*
 * The scripts of packages of which something is kept: what one does that nothing stands in for, and that the image does
 * not have, is an error that names it, unless the recipe says that it may be; saying so for nothing is a note. `left`: what
 * was left out.
 */
int check_scripts(const struct recipe *recipe, const struct package_list *packages,
		  const struct accounts *accounts, const struct tree *tree, const struct tree *left,
		  char ***notes, struct err **err);

#endif
