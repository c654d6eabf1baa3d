/* SPDX-License-Identifier: MIT */
/*
 * A guest's wire: the multiplexed session with its agent, the control stream on it, and its calls.
 * All bytes here are foreign; whatever they are, the worst that happens is handle_broken.
 */
#ifndef ATOLL_WIRE_H
#define ATOLL_WIRE_H

#include "call.h"

struct wire;

struct wire_ops {
	void (*handle_state)(const struct wire_state *state, void *data);
	/*
	 * No word comes from the guest any more: it ended the session (what is NULL), or broke the
	 * protocol. Called once, and not out of wire_create or another call of this file.
	 */
	void (*handle_end)(const char *what, void *data);
	struct calls_ops calls; /* handle_broken is not used: it comes as handle_end */
};

/* Takes fd over and sends WIRE_START at once. The config, secrets (struct wire_secret) and links are the caller's. */
int wire_create(struct loop *loop, int fd, const struct machine_config *config,
		const struct msg_records *secrets, struct links *links, const struct wire_ops *ops,
		void *data, struct wire **ret_wire, struct err **err);
void wire_destroy(struct wire *wire); /* accepts NULL */

/* Asks the agent for an orderly end; false when nobody is there to hear it. */
bool wire_stop(struct wire *wire, uint64_t grace);
/* NULL after the session's end. */
struct calls *wire_calls(struct wire *wire);

#endif
