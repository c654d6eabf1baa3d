/* SPDX-License-Identifier: MIT */
/* How the two halves of a monitor give up what they do not need. */
#ifndef ATOLL_ISOLATE_H
#define ATOLL_ISOLATE_H

#include <sys/types.h>

#include "err.h"

struct machine_setup;

/* Closes every descriptor that is neither in setup, nor `ready`, nor a standard one. */
void isolate_descriptors(const struct machine_setup *setup, int ready);
/* The jailed half, when it has acquired all it needs. */
int isolate_self(uid_t uid, struct err **err);
/* The keeper, when the guest runs. */
int isolate_keeper(struct err **err);

#endif
