/* SPDX-License-Identifier: MIT */
/* The wire's end in the machine: gives each stream to the part that it is for. */
#ifndef ATOLL_WIRE_H
#define ATOLL_WIRE_H

#include "agent.h"

/* Takes fd over. */
void wire_begin(struct agent *agent, int fd);

/* Closes the wire, when what was written to it has gone out, or after a short while. */
void wire_end(struct agent *agent);

#endif
