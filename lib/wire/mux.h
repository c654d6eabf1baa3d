/* SPDX-License-Identifier: MIT */
/*
 * yamux: many streams over one byte stream, as published by HashiCorp (github.com/hashicorp/yamux,
 * spec.md): version 0; types data, window update, ping, go away; flags SYN, ACK, FIN, RST.
 *
 * Flow: a stream's receiver grants a window of MUX_WINDOW bytes and again what the reader consumed,
 * so a stream that nobody reads stalls only itself. Every number that a peer can drive is bounded
 * below; a peer that breaks the protocol ends the session (GO AWAY with protocol error), never the
 * process.
 */
#ifndef ATOLL_MUX_H
#define ATOLL_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

#define MUX_WINDOW      262144    /* bytes: yamux's initial window; we never grant more */
#define MUX_MAX_STREAMS 1024      /* open at once; a peer's SYN beyond is answered by RST */
#define MUX_MAX_BACKLOG 256       /* of these, opened by the peer and not yet acknowledged by us */
#define MUX_MAX_QUEUE   (1 << 20) /* bytes waiting to be sent before stream_write takes no more */
#define MUX_MAX_UNREAD  (8 << 20) /* bytes received and not consumed, of all streams; see mux.c */

struct mux;
struct stream;

enum mux_role {
	MUX_CLIENT, /* opens odd stream ids */
	MUX_SERVER, /* opens even ones */
};

struct mux_ops {
	/*
	 * The peer opened a stream. The handler calls stream_accept (now or later) or stream_reset;
	 * without this callback every stream of the peer is reset. Nothing is said about a stream
	 * before it is accepted; one that ended meanwhile gets its handle_close after that.
	 */
	void (*handle_open)(struct mux *mux, struct stream *stream, void *data);
	/*
	 * The session ended: 0 for an orderly GO AWAY or end of file, else -errno (-EPROTO: the
	 * peer broke the protocol, or says that we did; -ETIMEDOUT: pings unanswered). Every
	 * accepted stream has had its handle_close; the others are invalid after mux_destroy,
	 * which the owner may call here.
	 */
	void (*handle_end)(struct mux *mux, int reason, void *data);
};

struct stream_ops {
	/* Bytes wait in stream_peek. Called again when more came, and when the peer finished behind
	 * bytes that still wait. */
	void (*handle_readable)(struct stream *stream, void *data);
	/* stream_write took less than it was given before, and takes some now. */
	void (*handle_writable)(struct stream *stream, void *data);
	/* The peer finished its direction and all its bytes were consumed. */
	void (*handle_eof)(struct stream *stream, void *data);
	/*
	 * The stream was reset by the peer, or its session ended (-ECONNRESET, or the session's
	 * -errno), or it was reset here because its unread bytes exceeded the session's bound
	 * (-ENOBUFS). At a session's end what was received can be peeked at a last time. The handle
	 * is invalid once this returns. Not called after stream_close or stream_reset.
	 */
	void (*handle_close)(struct stream *stream, int reason, void *data);
};

/* Takes fd over (any stream socket, pipe-like device or tty in raw mode; made non-blocking). */
struct mux *mux_create(struct loop *loop, int fd, enum mux_role role, const struct mux_ops *ops,
		       void *data);
/* Sends GO AWAY (normal) if it can, ends every stream without callbacks, closes fd. Accepts NULL.
 */
void mux_destroy(struct mux *mux);
/* Sends what was written at once, as far as the descriptor takes it, instead of in the loop's round.
 */
void mux_flush(struct mux *mux);
/* Pings every ms milliseconds; an answer that takes longer than that ends the session. 0: never. */
void mux_set_keepalive(struct mux *mux, int64_t ms);
size_t mux_stream_count(const struct mux *mux);
/* Bytes that were written to streams, or caused by the peer, and are not in the descriptor yet. */
size_t mux_unsent(const struct mux *mux);

/* Opens a stream; NULL when MUX_MAX_STREAMS are open or the session ends. May be written to at
 * once. */
struct stream *mux_open(struct mux *mux, const struct stream_ops *ops, void *data);

void stream_accept(struct stream *s, const struct stream_ops *ops, void *data);
/* Changes the handlers, say from a message reader to a relay; handle_readable follows if bytes
 * wait. */
void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *data);

/* Takes as many bytes as window and queue allow, 0..len; handle_writable says when there is room
 * again. */
size_t stream_write(struct stream *s, const void *data, size_t len);
/* How many bytes stream_write would take now; a stream's first one takes MUX_WINDOW in any case. */
size_t stream_room(const struct stream *s);
/* Asks for handle_writable when there is more room than now, as a short stream_write does. */
void stream_want_room(struct stream *s);
/*
 * To read straight into the stream: the place for up to *ret_len bytes, of which stream_commit says
 * how many were filled; nothing else may happen to the stream in between. NULL when there is no
 * room; handle_writable says when there is again.
 */
uint8_t *stream_reserve(struct stream *s, size_t *ret_len);
void stream_commit(struct stream *s, size_t n);

/* The received bytes not yet consumed, contiguous; valid until the next call on this stream. */
const uint8_t *stream_peek(const struct stream *s, size_t *ret_len);
/* Marks n of them as done, which gives the peer its window back. */
void stream_consume(struct stream *s, size_t n);
/* The peer finished and everything was consumed. */
bool stream_at_eof(const struct stream *s);
/* No more will come than what stream_peek shows: half a message there stays half. */
bool stream_is_complete(const struct stream *s);

/* Finishes our direction (FIN behind what was written). Reading goes on. */
void stream_shutdown(struct stream *s);
/*
 * Lets go of the stream: what was written is still sent, then FIN; bytes that the peer still sends
 * are answered by RST. No callback comes any more and the handle is invalid.
 */
void stream_close(struct stream *s);
/* RST: both directions end now; what was not sent yet is dropped. The handle is invalid. */
void stream_reset(struct stream *s);

#endif
