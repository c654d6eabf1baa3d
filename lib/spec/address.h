/* SPDX-License-Identifier: MIT */
/* Addresses of net links: from a federation's name and a slot, always the same. */
#ifndef ATOLL_ADDRESS_H
#define ATOLL_ADDRESS_H

#include "plan.h"

#define SLOT_MAX 32767 /* pairs in a block of 65536 addresses, without the first */

/*
 * Every net link of `want`, with its addresses, in their order: those that `have` knows keep their
 * slot, the others get the smallest free ones. The caller frees with address_free.
 */
struct plan_net *address_give(const struct federation *want, const struct plan_have *have,
			      size_t *ret_n);
void address_free(struct plan_net *nets, size_t n);

#endif
