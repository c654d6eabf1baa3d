/* SPDX-License-Identifier: MIT */
/*
 * Bytes are read from the descriptor into the stream's own output, and written from the stream's
 * own input; the relay holds none, but for what a session that ended left unwritten.
 */
#include "relay.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buf.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

#define ROUND_READS 4 /* reads from the descriptor per round of the loop: others have their turn */

struct relay {
	struct loop *loop;
	struct stream *stream; /* NULL once it ended */
	int fd;                /* -1 once we are done */
	struct source *io;
	relay_done_fn done;
	void *data;
	struct relay_counts counts;
	struct buf rest; /* the last bytes of a stream that is gone, for the descriptor */
	bool no_room;    /* the stream takes nothing now: the descriptor is not read */
	bool fd_full;    /* the descriptor takes nothing now: the stream is not consumed */
	bool fd_end;     /* nothing more comes from the descriptor */
	bool fd_deaf;    /* nobody reads at the descriptor's other end: bytes for it are dropped */
	bool stream_end; /* nothing more comes from the stream, and the descriptor knows */
};

static void update_events(struct relay *r)
{
	uint32_t in = r->fd_end || r->no_room ? 0 : EPOLLIN;

	if (r->io)
		source_set_events(r->io, r->fd_full ? in | EPOLLOUT : in);
}

static void let_go(struct relay *r)
{
	source_clear(r->io);
	fd_close(&r->fd);
	buf_free(&r->rest);
}

/* Both directions ended well. The caller returns at once: the owner may destroy the relay. */
static void complete(struct relay *r)
{
	if (r->stream)
		stream_close(steal_ptr(r->stream));
	let_go(r);
	r->done(r, r->data);
}

/* One side broke; as complete. */
static void fail(struct relay *r)
{
	if (r->stream)
		stream_reset(steal_ptr(r->stream));
	let_go(r);
	r->done(r, r->data);
}

/* Whether it is over; then the relay may be gone. */
static bool check_done(struct relay *r)
{
	if (!r->fd_end || !(r->stream_end || r->fd_deaf))
		return false;
	complete(r);
	return true;
}

/* What is next for the descriptor: of the stream, or of what it left. */
static const uint8_t *next_bytes(const struct relay *r, size_t *ret_len)
{
	if (r->stream)
		return stream_peek(r->stream, ret_len);
	*ret_len = r->rest.len;
	return buf_bytes(&r->rest);
}

static void consume_bytes(struct relay *r, size_t n)
{
	if (r->stream)
		stream_consume(r->stream, n);
	else
		buf_consume(&r->rest, n);
}

static void end_output(struct relay *r)
{
	/* No socket (a tty, a device): it has no half-close, and closing it comes with the other. */
	if (shutdown(r->fd, SHUT_WR) < 0 && errno != ENOTCONN && errno != ENOTSOCK)
		log_debug("relay: shutdown: %m");
	r->stream_end = true;
}

/* Stream to descriptor. */
static void pump_out(struct relay *r)
{
	r->fd_full = false;
	for (;;) {
		size_t len;
		const uint8_t *p = next_bytes(r, &len);
		ssize_t n;

		if (!len)
			break;
		n = r->fd_deaf ? (ssize_t)len : write(r->fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			r->fd_full = true;
			return;
		}
		if (n < 0) {
			r->fd_deaf = true;
			continue;
		}
		if (!r->fd_deaf)
			r->counts.to_fd += (uint64_t)n;
		consume_bytes(r, (size_t)n);
	}
	if (!r->stream && !r->stream_end)
		end_output(r);
}

static void end_input(struct relay *r)
{
	r->fd_end = true;
	if (r->stream)
		stream_shutdown(r->stream);
}

/* Descriptor to stream; false when the descriptor broke. */
static bool pump_in(struct relay *r)
{
	for (int i = 0; i < ROUND_READS && !r->fd_end; i++) {
		size_t len;
		uint8_t *p = stream_reserve(r->stream, &len);
		ssize_t n;

		r->no_room = !p;
		if (!p)
			return true;
		n = read(r->fd, p, len);
		stream_commit(r->stream, n > 0 ? (size_t)n : 0);
		if (n > 0)
			r->counts.to_stream += (uint64_t)n;
		/* EIO is how a tty says that its other side closed. */
		else if (n == 0 || errno == EIO)
			end_input(r);
		else if (errno != EAGAIN && errno != EINTR)
			return false;
		if (n < (ssize_t)len)
			return true;
	}
	return true;
}

static void handle_fd(int fd, uint32_t events, void *data)
{
	struct relay *r = data;

	(void)fd;
	if (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		pump_out(r);
	if (r->stream && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !pump_in(r)) {
		fail(r);
		return;
	}
	if (!check_done(r))
		update_events(r);
}

static void handle_readable(struct stream *s, void *data)
{
	struct relay *r = data;

	(void)s;
	if (r->fd_full)
		return;
	pump_out(r);
	if (!check_done(r))
		update_events(r);
}

static void handle_writable(struct stream *s, void *data)
{
	struct relay *r = data;

	(void)s;
	r->no_room = false;
	update_events(r);
}

static void handle_eof(struct stream *s, void *data)
{
	struct relay *r = data;

	(void)s;
	end_output(r);
	if (!check_done(r))
		update_events(r);
}

/* The session may have ended behind the last bytes of, say, an exec: they still get there. */
static void handle_close(struct stream *s, int reason, void *data)
{
	struct relay *r = data;
	size_t len;
	const uint8_t *p = stream_peek(s, &len);

	(void)reason;
	buf_append(&r->rest, p, len);
	r->stream = NULL;
	r->fd_end = true;
	pump_out(r);
	if (!check_done(r))
		update_events(r);
}

static const struct stream_ops stream_ops = {
	.handle_readable = handle_readable,
	.handle_writable = handle_writable,
	.handle_eof = handle_eof,
	.handle_close = handle_close,
};

struct relay *relay_create(struct loop *loop, struct stream *stream, int fd, relay_done_fn done,
			   void *data)
{
	struct relay *r = xcalloc(1, sizeof(*r));

	fd_set_nonblock(fd, true);
	r->loop = loop;
	r->stream = stream;
	r->fd = fd;
	r->done = done;
	r->data = data;
	r->io = loop_add_fd(loop, fd, EPOLLIN, handle_fd, r);
	stream_set_ops(stream, &stream_ops, r);
	return r;
}

void relay_destroy(struct relay *r)
{
	if (!r)
		return;
	if (r->stream)
		stream_reset(r->stream);
	let_go(r);
	free(r);
}

void relay_get_counts(const struct relay *r, struct relay_counts *ret_counts)
{
	*ret_counts = r->counts;
}
