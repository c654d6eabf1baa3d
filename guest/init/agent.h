/* SPDX-License-Identifier: MIT */
/* What the parts of the agent share. There is one agent, as there is one PID 1. */
#ifndef ATOLL_AGENT_H
#define ATOLL_AGENT_H

#include <stdbool.h>

#include "abi_wire.h"
#include "loop.h"
#include "mux.h"

struct agent {
	struct loop *loop;
	struct mux *mux;                   /* NULL once the wire ended */
	bool light;                        /* else a VM */
	const struct guest_config *config; /* owned by machine.c; NULL until WIRE_START came */
};

#endif
