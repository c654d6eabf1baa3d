/* SPDX-License-Identifier: MIT */
/* Outgoing links: the sockets at which this machine's programs find other machines' services. */
#ifndef ATOLL_LINKS_H
#define ATOLL_LINKS_H

#include "agent.h"
#include "err.h"

/* Listens for every link of the configuration. */
int links_listen(struct agent *agent, struct err **err);

#endif
