/* SPDX-License-Identifier: MIT */
/* The connection to one machine's monitor: abi_control.h's messages, and answers by id. */
#ifndef ATOLL_CONTROL_H
#define ATOLL_CONTROL_H

#include "abi_control.h"
#include "loop.h"

#define CONTROL_MAX_CALLS 512 /* waiting for an answer; beyond, calls fail with EBUSY */

struct control;

/* Every callback may end in control_destroy. Messages are valid during the call. */
struct control_ops {
	void (*handle_state)(const struct control_state *state, void *data);
	void (*handle_request)(const struct control_request *request, void *data);
	void (*handle_counters)(const struct control_counters *counters, void *data);
	/* The connection ended: 0 or -errno. All calls have been answered with EPIPE. */
	void (*handle_end)(int reason, void *data);
};

/* code 0 or an errno; message may be NULL. */
typedef void (*control_result_fn)(uint64_t code, const char *message, void *data);

/* Connects to the socket and says hello; -errno while nobody listens. */
int control_connect(struct loop *loop, const char *path, const struct control_ops *ops, void *data,
		    struct control **ret);
/* Calls that wait are answered with EPIPE first. Accepts NULL. */
void control_destroy(struct control *c);

/*
 * Calls: done is called exactly once, never from within. A timeout answers ETIMEDOUT.
 *
 * control_stream opens a stream to the guest that begins with the message `open`, relayed to fd
 * (the caller keeps its own); link: the id to count it under, NULL for an exec.
 */
void control_stream(struct control *c, const char *link, const struct msg_type *type,
		    const void *open, int fd, int64_t timeout_ms, control_result_fn done,
		    void *data);
void control_config(struct control *c, const char *service, uint64_t generation,
		    const struct msg_bytes *payload, int64_t timeout_ms, control_result_fn done,
		    void *data);

/* Without an answer. */
void control_verdict(struct control *c, uint64_t id, uint64_t code, const char *message,
		     const char *link, int fd);
void control_nic(struct control *c, const char *name, int fd);
void control_cut(struct control *c, const char *link);
void control_stop(struct control *c, int64_t grace_ms);
/* handle_counters follows. */
void control_count(struct control *c);

#endif
