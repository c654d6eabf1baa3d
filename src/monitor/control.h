/* SPDX-License-Identifier: MIT */
/*
 * The control socket: listens, holds the one daemon there is (a new one replaces the old), and
 * takes its messages apart. What they mean is the owner's.
 */
#ifndef ATOLL_CONTROL_H
#define ATOLL_CONTROL_H

#include <stdbool.h>

#include "abi_control.h"
#include "loop.h"

struct control;

/* Each message is decoded and checked. fd: what came with it (or -1); taken by steal_fd. */
struct control_ops {
	void (*handle_daemon)(bool there, void *data); /* it said HELLO; it went away */
	void (*handle_stream)(const struct control_stream *msg, int *fd, void *data);
	void (*handle_verdict)(const struct control_verdict *msg, int *fd, void *data);
	void (*handle_nic)(const struct control_nic *msg, int *fd, void *data);
	void (*handle_cut)(const struct control_cut *msg, void *data);
	void (*handle_config)(const struct control_config *msg, void *data);
	void (*handle_stop)(const struct control_stop *msg, void *data);
	void (*handle_count)(const struct control_count *msg, void *data);
};

/* Takes over the listening socket. */
struct control *control_create(struct loop *loop, int listening, const struct control_ops *ops,
			       void *data);
void control_destroy(struct control *control); /* accepts NULL */
/* Whether there is a daemon that said HELLO. */
bool control_connected(const struct control *control);
/* To the daemon, if there is one that said HELLO; what nobody hears is lost. */
void control_send(struct control *control, const struct msg_type *type, const void *msg);

#endif
