/* SPDX-License-Identifier: MIT */
#include "chan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * One packet of the socket is one message. A message goes out at once when nothing waits before it
 * and the socket has room; else it is queued until the socket has. handle_end is always deferred,
 * so that chan_send never calls back. The receive buffer has room for the longest message, of which
 * the kernel gives us pages only as far as messages reach.
 */

#define ROUND_MSGS    16     /* messages per round of the loop: others have their turn */
#define SOCKET_BUFFER 212992 /* SO_SNDBUF that needs no privilege; the kernel doubles it */

struct packet {
	struct packet *next; /* in chan->first; owned by the channel */
	int fd;
	struct buf bytes;
};

struct chan {
	struct loop *loop;
	int fd; /* -1 once ended */
	const struct chan_ops *ops;
	void *data;
	struct source *io;
	struct source *ender; /* deferred handle_end */
	struct packet *first, **last;
	size_t n_queued, n_bytes;
	uint8_t *chunk; /* CHAN_MAX_MSG bytes */
	bool dispatching, destroyed;
	int reason;
};

static void free_packet(struct packet *p)
{
	fd_close(&p->fd);
	buf_free(&p->bytes);
	free(p);
}

static void pop_packet(struct chan *chan)
{
	struct packet *p = chan->first;

	chan->first = p->next;
	if (!chan->first)
		chan->last = &chan->first;
	chan->n_queued--;
	chan->n_bytes -= p->bytes.len;
	free_packet(p);
}

static void drop_queue(struct chan *chan)
{
	while (chan->first)
		pop_packet(chan);
}

static void handle_end(void *data)
{
	struct chan *chan = data;

	chan->ender = NULL;
	if (chan->ops->handle_end)
		chan->ops->handle_end(chan, chan->reason, chan->data);
}

static void end(struct chan *chan, int reason)
{
	if (chan->fd < 0)
		return;
	source_clear(chan->io);
	fd_close(&chan->fd);
	drop_queue(chan);
	chan->reason = reason;
	chan->ender = loop_defer(chan->loop, handle_end, chan);
}

/* One packet; 0 or -errno (-EAGAIN: no room now). */
static int send_packet(int sock, const struct buf *bytes, int fd)
{
	struct iovec iov = { .iov_base = buf_bytes(bytes), .iov_len = bytes->len };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/*
 * A peer that went may have said something last: reading finds that, and then the end. Only other
 * faults of the socket end the channel here.
 */
static void handle_failed_send(struct chan *chan, int r)
{
	drop_queue(chan);
	source_set_events(chan->io, EPOLLIN);
	if (r != -EPIPE && r != -ECONNRESET)
		end(chan, r);
}

static void send_queued(struct chan *chan)
{
	while (chan->first) {
		int r = send_packet(chan->fd, &chan->first->bytes, chan->first->fd);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			handle_failed_send(chan, r);
			return;
		}
		pop_packet(chan);
	}
	source_set_events(chan->io, EPOLLIN);
}

static int enqueue(struct chan *chan, struct buf *bytes, int fd)
{
	struct packet *p;
	int copy = -1;

	if (chan->n_queued >= CHAN_MAX_QUEUE || chan->n_bytes + bytes->len > CHAN_MAX_BYTES) {
		end(chan, -ENOBUFS);
		return -ENOBUFS;
	}
	if (fd >= 0) {
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (copy < 0)
			return -errno;
	}
	p = xcalloc(1, sizeof(*p));
	p->fd = copy;
	p->bytes = *bytes;
	*bytes = (struct buf)BUF_INIT;
	*chan->last = p;
	chan->last = &p->next;
	chan->n_queued++;
	chan->n_bytes += p->bytes.len;
	source_set_events(chan->io, EPOLLIN | EPOLLOUT);
	return 0;
}

int chan_send(struct chan *chan, const struct msg_type *type, const void *msg, int fd)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = msg_encode(type, msg, &bytes);

	if (r < 0)
		return r;
	if (bytes.len > CHAN_MAX_MSG)
		return -EMSGSIZE;
	if (chan->fd < 0)
		return -EPIPE;
	r = chan->first ? -EAGAIN : send_packet(chan->fd, &bytes, fd);
	if (r == -EAGAIN)
		return enqueue(chan, &bytes, fd);
	if (r < 0) {
		handle_failed_send(chan, r);
		return r == -ECONNRESET ? -EPIPE : r;
	}
	return 0;
}

/* The descriptor that came along, or -1. */
static int take_fd(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int fd;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    c->cmsg_len != CMSG_LEN(sizeof(int)))
			continue;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		return fd;
	}
	return -1;
}

/* Bytes of one packet, its descriptor in *fd; 0 at the end, -errno (-EAGAIN: nothing now). */
static ssize_t receive_packet(struct chan *chan, int *fd)
{
	struct iovec iov = { .iov_base = chan->chunk, .iov_len = CHAN_MAX_MSG };
	union {
		struct cmsghdr header;
		/* Exactly one: the kernel closes what has no room and says so. */
		char room[CMSG_LEN(sizeof(int))];
	} control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n;

	do {
		n = recvmsg(chan->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*fd = take_fd(&msg);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return -EBADMSG;
	return n;
}

/* false when there is no next one now. */
static bool receive_msg(struct chan *chan)
{
	cleanup_fd int fd = -1;
	ssize_t n = receive_packet(chan, &fd);
	uint16_t type;
	size_t len;

	if (n == -EAGAIN)
		return false;
	if (n == 0 || n == -ECONNRESET) {
		end(chan, 0);
		return false;
	}
	if (n < 0 || msg_peek(chan->chunk, (size_t)n, &type, &len) < 0 || len != (size_t)n) {
		end(chan, n < 0 ? (int)n : -EBADMSG);
		return false;
	}
	chan->ops->handle_msg(chan, type, chan->chunk, len, &fd, chan->data);
	return !chan->destroyed && chan->fd >= 0;
}

static void handle_io(int sock, uint32_t events, void *data)
{
	struct chan *chan = data;

	(void)sock;
	if (events & EPOLLOUT)
		send_queued(chan);
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || chan->fd < 0)
		return;
	chan->dispatching = true;
	for (int i = 0; i < ROUND_MSGS && receive_msg(chan); i++)
		;
	chan->dispatching = false;
	if (chan->destroyed)
		free(chan);
}

struct chan *chan_create(struct loop *loop, int fd, const struct chan_ops *ops, void *data)
{
	struct chan *chan = xcalloc(1, sizeof(*chan));
	int size = SOCKET_BUFFER;

	fd_set_nonblock(fd, true);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0)
		log_debug("chan: SO_SNDBUF: %m");
	chan->loop = loop;
	chan->fd = fd;
	chan->ops = ops;
	chan->data = data;
	chan->last = &chan->first;
	chan->chunk = xmalloc(CHAN_MAX_MSG);
	chan->io = loop_add_fd(loop, fd, EPOLLIN, handle_io, chan);
	return chan;
}

void chan_destroy(struct chan *chan)
{
	if (!chan || chan->destroyed)
		return;
	chan->destroyed = true;
	source_remove(chan->io);
	source_remove(chan->ender);
	fd_close(&chan->fd);
	drop_queue(chan);
	free(chan->chunk);
	if (!chan->dispatching)
		free(chan);
}
