/* SPDX-License-Identifier: MIT */
/* How many files of which package an image holds, as its reasons say (reasons.h). */
#ifndef ATOLL_BUILD_HELD_H
#define ATOLL_BUILD_HELD_H

#include <stddef.h>

#include "store.h"

struct held;

/* NULL when the image does not tell: one from before images had reasons. */
struct held *held_open(const struct store_image *image);
void held_close(struct held *h); /* accepts NULL */
/* Files and links, not folders; 0 for a package that is not there. */
size_t held_files(const struct held *h, const char *package);

#endif
