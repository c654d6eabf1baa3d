/* SPDX-License-Identifier: MIT */
/* An entry of `only:`, HOST[:PORT[-PORT]][/PROTOCOL]: as text and as struct fed_only. */
#ifndef ATOLL_ONLY_H
#define ATOLL_ONLY_H

#include "federation.h"

/* False, with what is wrong in *ret_fault (a constant), when it is none. ret->host is the caller's. */
bool only_parse(const char *text, struct fed_only *ret, const char **ret_fault);
/* The one way to write it; the caller frees. */
char *only_text(const struct fed_only *only);

#endif
