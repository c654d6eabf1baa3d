/* SPDX-License-Identifier: MIT */
/* A channel of typed messages with descriptors, over a SOCK_SEQPACKET unix socket. */
#ifndef ATOLL_CHAN_H
#define ATOLL_CHAN_H

#include "loop.h"
#include "msg.h"

#define CHAN_MAX_MSG   (320 << 10) /* bytes; what a socket takes without privilege is 416K */
#define CHAN_MAX_QUEUE 1024        /* messages waiting for a peer that does not read … */
#define CHAN_MAX_BYTES (4 << 20)   /* … and their bytes; beyond either, the channel ends */

struct chan;

struct chan_ops {
	/*
	 * One message of len bytes, with the descriptor that came with it or -1. The handler takes
	 * it by steal_fd(fd); it is closed otherwise.
	 */
	void (*handle_msg)(struct chan *chan, uint16_t type, const void *msg, size_t len, int *fd,
			   void *data);
	/*
	 * The peer went away (0), broke the protocol (-EBADMSG) or does not read (-ENOBUFS), or the
	 * socket failed (-errno). Never called from within chan_send. The owner may call
	 * chan_destroy here, as in handle_msg.
	 */
	void (*handle_end)(struct chan *chan, int reason, void *data);
};

/* Takes fd over and makes it non-blocking. */
struct chan *chan_create(struct loop *loop, int fd, const struct chan_ops *ops, void *data);
void chan_destroy(struct chan *chan); /* accepts NULL */

/*
 * Sends or queues a message; with fd >= 0 a duplicate of it goes along and the caller keeps the
 * original. 0, -EPIPE after the end, -EMSGSIZE beyond CHAN_MAX_MSG or the type's own bounds,
 * -ENOBUFS when the queue is full (the channel ends), -EMFILE and the like for the descriptor.
 */
int chan_send(struct chan *chan, const struct msg_type *type, const void *msg, int fd);

#endif
