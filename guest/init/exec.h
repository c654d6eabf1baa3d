/* SPDX-License-Identifier: MIT */
/* Processes that the host runs in the machine (WIRE_EXEC). */
#ifndef ATOLL_EXEC_H
#define ATOLL_EXEC_H

#include "agent.h"

/* Takes over the stream whose first message is WIRE_EXEC. */
void exec_open(struct agent *agent, struct stream *stream);

#endif
