/* SPDX-License-Identifier: MIT */
/* Programs that run with their owner's or group's rights, whoever starts them. */
#ifndef ATOLL_BUILD_SETUID_H
#define ATOLL_BUILD_SETUID_H

#include "recipe.h"
#include "tree.h"

/*
 * Takes set-user-ID and set-group-ID from the packages' files, but for those that the recipe says,
 * and adds to *notes which lost them. To say one that is not there, or not such a file, is an error.
 */
int setuid_restrict(const struct recipe *recipe, const struct tree *tree, char ***notes,
		    struct err **err);

#endif
