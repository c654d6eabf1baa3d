/* SPDX-License-Identifier: MIT */
/* Which packages a build is of: those of the recipe's lock, or else what the indexes offer. */
#ifndef ATOLL_BUILD_SELECTION_H
#define ATOLL_BUILD_SELECTION_H

#include "builder.h"
#include "lock.h"
#include "progress.h"

/* Loads the indexes of a base and architecture into b->universe, unless they are there already. */
int selection_open_universe(struct builder *b, const char *base, const char *arch,
			    struct progress *progress, struct err **err);

/* The architecture that is built for; NULL, with an error, when Atoll does not know it. */
const char *selection_arch(const struct builder *b, const struct recipe *recipe, struct err **err);
/* Whether a virtual machine may run it, so that a kernel belongs to it. */
bool selection_is_virtual(const struct recipe *recipe);

/* From the indexes, whatever is locked; *ret_mistake when it is the recipe's. */
int selection_resolve(struct builder *b, const struct recipe *recipe, const char *arch,
		      struct progress *progress, struct lock *ret, bool *ret_mistake,
		      struct err **err);
/* From the lock when there is one for the architecture (*ret_locked), else as selection_resolve. */
int selection_choose(struct builder *b, const struct recipe *recipe, const char *arch,
		     struct progress *progress, struct lock *ret, bool *ret_locked,
		     bool *ret_mistake, struct err **err);

#endif
