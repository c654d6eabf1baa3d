/* SPDX-License-Identifier: MIT */
/*
 * Keeps the addresses of DNS names in the sets of rules.h. A child process asks (the C library's
 * resolver blocks), the loop goes on; an address stays allowed for RESOLVE_KEEP after it was last seen.
 */
#ifndef ATOLL_FIREWALL_RESOLVE_H
#define ATOLL_FIREWALL_RESOLVE_H

#include "loop.h"
#include "nft.h"

#define RESOLVE_EVERY_MS 60000
#define RESOLVE_KEEP     "10m"

struct resolver;

struct resolver *resolver_create(struct loop *loop, struct nft *nft);
void resolver_destroy(struct resolver *r); /* accepts NULL */

/* The names whose sets there are from now on (copied; their order is that of the sets). Asks at once. */
void resolver_set_names(struct resolver *r, char *const *names);

#endif
