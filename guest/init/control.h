/* SPDX-License-Identifier: MIT */
/* The control stream: the configuration and the order to stop come in, the machine's state goes out. */
#ifndef ATOLL_CONTROL_H
#define ATOLL_CONTROL_H

#include "agent.h"

/* Takes over the stream whose first message is WIRE_START. */
void control_open(struct agent *agent, struct stream *stream);

/* Reports where the machine is; message may be NULL. Without a control stream it does nothing. */
void control_state(enum wire_phase phase, int status, const char *message);

/* Lets what was reported go out before the wire is closed. */
void control_close(void);

#endif
