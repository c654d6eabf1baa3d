/* SPDX-License-Identifier: MIT */
/* Work on many things that have nothing to do with each other, on all processors that we may use. */
#ifndef ATOLL_BUILD_PARALLEL_H
#define ATOLL_BUILD_PARALLEL_H

#include <stddef.h>

#include "err.h"

/* What is done with the i-th; several at once, each in one thread from its begin to its end. */
typedef int (*parallel_fn)(size_t i, void *data, struct err **err);

/*
 * Calls fn for 0 … n - 1, in this order, and returns when all are done. Of failures it is the first in that
 * order, whatever thread was faster, and no further ones are begun then.
 */
int parallel(size_t n, parallel_fn fn, void *data, struct err **err);

/* How many processors we may use; at least 1. */
size_t parallel_processors(void);

#endif
