/* SPDX-License-Identifier: MIT */
/*
 * Calls: the streams of the wire that carry somebody's bytes. A call begins with a question (the
 * guest's WIRE_OPEN, or our WIRE_EXEC, WIRE_SERVICE, WIRE_CONFIG) and, once that is answered well,
 * is a relay between the stream and a descriptor that the daemon passed.
 */
#ifndef ATOLL_CALL_H
#define ATOLL_CALL_H

#include <stdbool.h>

#include "abi_control.h"
#include "abi_wire.h"
#include "links.h"
#include "mux.h"

#define CALLS_WAITING_MAX 256   /* requests of the guest without a verdict */
#define CALL_DAEMON_MS    15000 /* how long a request waits for a daemon to come back */
#define CALL_REPLY_MS     60000 /* how long the guest may take for its WIRE_REPLY */

struct calls;

struct calls_ops {
	/* The guest asks for a link; calls_verdict answers. */
	void (*handle_request)(const struct control_request *request, void *data);
	/* What became of calls_stream or calls_config. */
	void (*handle_result)(const struct control_result *result, void *data);
	/* The guest sent what is no message of abi_wire.h. The calls must not be destroyed here. */
	void (*handle_broken)(const char *what, void *data);
};

/* mux and links are the caller's and live longer. */
struct calls *calls_create(struct loop *loop, struct mux *mux, struct links *links,
			   const struct calls_ops *ops, void *data);
/* Resets every stream. Accepts NULL. */
void calls_destroy(struct calls *calls);

/* The guest opened a stream. */
void calls_accept(struct calls *calls, struct stream *stream);
/* Takes *fd when it goes well so far; always ends in handle_result, which may come at once. */
void calls_stream(struct calls *calls, const struct control_stream *msg, int *fd);
void calls_config(struct calls *calls, const struct control_config *msg);
/* Takes *fd when there is such a request. */
void calls_verdict(struct calls *calls, const struct control_verdict *verdict, int *fd);
/* A daemon came (it is asked everything that waits) or went. */
void calls_set_daemon(struct calls *calls, bool there);

#endif
