/* SPDX-License-Identifier: MIT */
/* Typed messages (base/msg.h) on a stream of the wire. */
#ifndef ATOLL_STREAM_MSG_H
#define ATOLL_STREAM_MSG_H

#include "msg.h"
#include "mux.h"

/* Half a window: such a message always fits what the peer may send. */
#define STREAM_MSG_MAX 131072

/*
 * Writes a whole message; -EAGAIN when the stream has no room for all of it now (a first message
 * always has; handle_writable says when to try again), -EMSGSIZE beyond STREAM_MSG_MAX.
 */
int stream_send_msg(struct stream *s, const struct msg_type *type, const void *msg);

/*
 * The type of the next message when all of it has arrived: 0; -EAGAIN: not yet; -EBADMSG: no
 * message, longer than STREAM_MSG_MAX, or cut off by the stream's end. Nothing at all at a stream's
 * end is -EAGAIN.
 */
int stream_next_msg(const struct stream *s, uint16_t *ret_type);

/* Decodes and consumes it; errors as msg_decode, and then nothing is consumed. */
int stream_take_msg(struct stream *s, const struct msg_type *type, void **ret_msg);

#endif
