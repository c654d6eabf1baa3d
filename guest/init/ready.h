/* SPDX-License-Identifier: MIT */
/* Tells when every service that the machine provides accepts connections. */
#ifndef ATOLL_READY_H
#define ATOLL_READY_H

#include "agent.h"

/* Calls fn once, as soon as it is so: at once when there are no services. */
void ready_watch(const struct agent *agent, void (*fn)(void *data), void *data);
void ready_cancel(void);

#endif
