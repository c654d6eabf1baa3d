/* SPDX-License-Identifier: MIT */
/* What mux.c, mux_recv.c, mux_send.c and stream.c share. The theory of operation is in mux.c. */
#ifndef ATOLL_MUX_INTERNAL_H
#define ATOLL_MUX_INTERNAL_H

#include "buf.h"
#include "mux_frame.h"
#include "list.h"
#include "mux.h"

#define MUX_READ    65536  /* bytes taken from the descriptor at once */
#define MUX_READS   4      /* such reads per round of the loop */
#define MUX_STAGE   65536  /* data frames are staged up to this */
#define MUX_FRAME   32768  /* a stream's turn: bytes in one data frame */
#define MUX_FLOODED 131072 /* staged bytes beyond which we read nothing: answers nobody takes */
#define MUX_BUCKETS 256
#define MUX_KEEP    4096  /* a buffer of at most this stays with its stream when empty */
#define MUX_SPARE   65536 /* one of at most this may become the session's spare */

/* What a stream's owner is to be told, in this order. */
enum stream_event {
	EVENT_OPEN = 1,
	EVENT_READABLE = 2,
	EVENT_EOF = 4,
	EVENT_WRITABLE = 8,
	EVENT_CLOSE = 16,
};

struct stream {
	struct mux *mux;
	uint32_t id;
	struct stream *chain; /* next in its bucket; owned by the mux */
	struct list all;      /* in mux->streams */
	struct list ready;    /* in mux->ready while events wait and can be delivered */
	struct list sending;  /* in mux->sending while there is something to send */
	struct list waiting;  /* in mux->waiting while received bytes are unread */

	const struct stream_ops *ops; /* NULL: not accepted yet, or let go of */
	void *data;
	unsigned int events; /* enum stream_event */

	bool unaccepted; /* opened by the peer, counted in mux->n_backlog */
	bool announced;  /* handle_open had it, so the owner knows the handle */
	bool syn_due, ack_due;
	bool wrote;      /* anything, ever */
	bool blocked;    /* the owner wants handle_writable */
	bool shut;       /* the owner finished our direction … */
	bool fin_sent;   /* … and the peer was told */
	bool remote_fin; /* the peer finished its direction */
	bool released;   /* stream_close: nobody holds the handle */
	bool unwanted;   /* bytes came since; it is reset as soon as what was written is out */
	bool gone;       /* ended; only handle_close is left */
	bool closing;    /* in handle_close */
	int reason;      /* for handle_close */

	uint32_t send_window; /* what we may still send; out.len never exceeds it */
	uint32_t recv_window; /* what the peer may still send */
	uint32_t owed;        /* consumed and not yet granted again */
	struct buf in, out;   /* received and unread; written and not yet staged */
};

struct mux {
	struct loop *loop;
	int fd; /* -1 once ended */
	enum mux_role role;
	const struct mux_ops *ops;
	void *data;

	struct source *io;
	struct source *work; /* deferred call of mux_work, when there is something to do */
	struct source *ticker;
	int64_t keepalive;
	uint32_t ping;     /* value of our last one */
	bool ping_pending; /* and it is unanswered */

	struct stream *buckets[MUX_BUCKETS]; /* live streams by id */
	struct list streams, ready, sending, waiting;
	size_t n_streams; /* on the list `streams`, which owns them */
	size_t n_backlog;
	size_t n_unread; /* bytes in all in.len */
	size_t n_queued; /* bytes in all out.len */
	uint32_t next_id;
	uint32_t peer_id; /* the highest that the peer opened */

	uint8_t *chunk; /* MUX_READ bytes */
	uint8_t header[FRAME_HEADER];
	size_t header_len;  /* of the header that is being received */
	struct frame frame; /* the data frame whose bytes are being received … */
	size_t body_left;   /* … this many still */

	struct buf out;   /* staged: whole frames, but for what was written of the first */
	struct buf spare; /* an empty buffer for the next stream that needs one */
	bool stuck;       /* the descriptor takes nothing now */
	bool deaf;        /* the peer reads no more: nothing is sent, what it sent is read */
	bool starved;     /* a stream was refused room because of n_queued */
	bool remote_away; /* the peer opens and takes no more streams */
	bool working;     /* in mux_work */
	bool ended;       /* no descriptor any more … */
	bool end_told;    /* … and the owner knows */
	bool dispatching; /* in a callback: mux_destroy leaves the struct to mux_work */
	bool destroyed;
	int reason;
};

/* mux.c */
void mux_schedule(struct mux *mux);        /* mux_work will run in this round */
void mux_end(struct mux *mux, int reason); /* closes the descriptor, ends every stream */
void mux_fail(struct mux *mux, enum away_code code, const char *why); /* go away, then mux_end */

/* mux_recv.c */
void mux_receive(struct mux *mux, bool hung_up);

/* mux_send.c */
void mux_send_reset(struct mux *mux, uint32_t id);

/* stream.c */
struct stream *stream_new(struct mux *mux, uint32_t id);
struct stream *stream_find(struct mux *mux, uint32_t id);
void stream_free(struct stream *s);
void stream_notify(struct stream *s, unsigned int events);
void stream_deliver(struct stream *s); /* one of its events; it may be freed then */
void stream_end(struct stream *s, int reason, bool keep_unread);
void stream_want_send(struct stream *s);
void stream_check_done(struct stream *s); /* frees it if both directions and the owner are done */
void stream_received(struct stream *s, const uint8_t *data, size_t n);
void stream_fin(struct stream *s); /* the peer finished its direction */
void stream_settle(struct stream *s,
		   struct buf *b); /* after consuming: b's memory fits its bytes */

#endif
