/* SPDX-License-Identifier: MIT */
/* Decides which streams there are: no link, no path. */
#ifndef ATOLL_BROKER_H
#define ATOLL_BROKER_H

#include "abi_control.h"
#include "model.h"

struct broker_decision {
	uint64_t code;          /* 0: allowed; else an errno for the guest */
	const char *message;    /* for the guest; NULL when allowed */
	struct link *link;      /* the link that was meant; NULL when there is none */
	struct machine *target; /* allowed: who provides the service */
};

/*
 * May `from` open a stream to `asked`, "TO.SERVICE" as its guest said it? Only by a link of its own
 * federation from exactly this machine to exactly that service, which is not cut, and whose target
 * runs. Pure.
 */
struct broker_decision broker_decide(const struct machine *from, const char *asked);

/* Carries out a CONTROL_REQUEST: decides, joins both monitors by a socketpair, answers. */
void broker_handle(struct machine *from, const struct control_request *request);

#endif
