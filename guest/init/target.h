/* SPDX-License-Identifier: MIT */
/* A service's target: "tcp/PORT" on loopback or "unix/PATH" ("unix/run/x" is the socket /run/x). */
#ifndef ATOLL_TARGET_H
#define ATOLL_TARGET_H

#include <stdbool.h>

#include "agent.h"
#include "err.h"

struct dial;

/* A connected, non-blocking socket that the callee owns, or a negative errno. */
typedef void (*dial_fn)(int fd, void *data);

/* The target of the service with this name; NULL when the machine does not provide it. */
const char *target_of(const struct agent *agent, const char *service);

/*
 * Connects to a target; fn is called once, never before this returns. A target that does not listen
 * (yet) is tried again until `patience` milliseconds are over; 0: tried once.
 */
struct dial *target_dial(struct loop *loop, const char *target, int64_t patience, dial_fn fn,
			 void *data);
/* Gives up without calling fn. Accepts NULL. */
void dial_cancel(struct dial *dial);

/* Whether a connection to it would be accepted now; for TCP it does not make one. */
bool target_listens(const char *target);

#endif
