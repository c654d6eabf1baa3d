/* SPDX-License-Identifier: MIT */
/* What the host asks of a service that this machine provides. */
#ifndef ATOLL_SERVICES_H
#define ATOLL_SERVICES_H

#include "agent.h"

/* Take over the stream whose first message is WIRE_SERVICE or WIRE_CONFIG. */
void services_open(struct agent *agent, struct stream *stream);
void services_configure(struct agent *agent, struct stream *stream);

#endif
