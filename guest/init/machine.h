/* SPDX-License-Identifier: MIT */
/* A machine's life, from its configuration to its end. */
#ifndef ATOLL_MACHINE_H
#define ATOLL_MACHINE_H

#include "agent.h"

/* The configuration came; takes `start` over. */
void machine_begin(struct agent *agent, struct wire_start *start);

/* Orderly end: SIGTERM, after `grace` milliseconds SIGKILL, then off. */
void machine_stop(struct agent *agent, uint64_t grace);

/* The wire ended: nobody is there any more to live for. */
void machine_lost(struct agent *agent);

#endif
