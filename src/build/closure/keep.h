/* SPDX-License-Identifier: MIT */
/*
 * What of whole packages no appliance keeps. What it keeps of the rest is the closure's (closure.h),
 * or, as a recipe may say by `keep: packages`, all.
 */
#ifndef ATOLL_BUILD_KEEP_H
#define ATOLL_BUILD_KEEP_H

#include "recipe.h"
#include "tree.h"

/*
 * Whole packages, less what only people read. Licences (usr/share/doc/…/copyright) and messages in the recipe's languages stay.
 * What goes is in `left` then.
 */
void keep_packages(const struct recipe *recipe, struct tree *tree, struct tree *left);

#endif
