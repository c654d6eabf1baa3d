/* SPDX-License-Identifier: MIT */
/* What newer packages there are: moving a recipe's lock, and what would mend the images of the store. */
#ifndef ATOLL_BUILD_UPDATE_H
#define ATOLL_BUILD_UPDATE_H

#include "builder.h"

/*
 * Makes the recipe's lock for an architecture, or moves it to what the indexes offer now, and says on
 * standard output what changed, and of how many files of the recipe's appliance that is.
 */
int update_lock(struct builder *b, const struct recipe *recipe, bool *ret_mistake,
		struct err **err);

/*
 * Prints, image by image, the packages that the indexes have in a newer version and of which the image
 * holds a file, or "none". Of the images in `names`; of all without one. *ret_mistake: there is no such image.
 */
int update_fixes(struct builder *b, char *const *names, bool *ret_mistake, struct err **err);

#endif
