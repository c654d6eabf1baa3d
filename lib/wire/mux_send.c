/* SPDX-License-Identifier: MIT */
/* What we send: turns streams' state and bytes into frames, fairly, and writes them. */
#include <errno.h>
#include <unistd.h>

#include "mux_internal.h"

void mux_send_reset(struct mux *mux, uint32_t id)
{
	frame_put(&mux->out, FRAME_WINDOW, FLAG_RST, id, 0);
	mux_schedule(mux);
}

static unsigned int take_opening_flags(struct stream *s)
{
	unsigned int flags = (s->syn_due ? FLAG_SYN : 0) | (s->ack_due ? FLAG_ACK : 0);

	s->syn_due = s->ack_due = false;
	return flags;
}

/* What the reader consumed, in halves of a window at least: more often would be mere traffic. */
static uint32_t take_grant(struct stream *s)
{
	uint32_t grant = s->owed;

	if (s->remote_fin || s->released || grant < MUX_WINDOW / 2)
		return 0;
	s->owed = 0;
	s->recv_window += grant;
	return grant;
}

/* FIN goes with the last bytes, or with a window frame when they are gone already. */
static unsigned int take_fin(struct stream *s, size_t n)
{
	if (!s->shut || s->fin_sent || n < s->out.len)
		return 0;
	s->fin_sent = true;
	return FLAG_FIN;
}

static void stage_data(struct stream *s, unsigned int flags, size_t n)
{
	struct mux *mux = s->mux;

	flags |= take_fin(s, n);
	frame_put(&mux->out, FRAME_DATA, flags, s->id, (uint32_t)n);
	buf_append(&mux->out, buf_bytes(&s->out), n);
	buf_consume(&s->out, n);
	stream_settle(s, &s->out);
	mux->n_queued -= n;
	s->send_window -= (uint32_t)n;
	if (s->blocked && s->out.len < MUX_WINDOW / 2 && stream_room(s))
		stream_notify(s, EVENT_WRITABLE);
}

/* One turn of a stream: at most a window frame and a data frame. */
static void stage_turn(struct stream *s)
{
	size_t n = s->out.len < MUX_FRAME ? s->out.len : MUX_FRAME;
	unsigned int flags = take_opening_flags(s);
	uint32_t grant = take_grant(s);

	if (!n)
		flags |= take_fin(s, 0);
	if (grant || (!n && flags)) {
		frame_put(&s->mux->out, FRAME_WINDOW, flags, s->id, grant);
		flags = 0;
	}
	if (n)
		stage_data(s, flags, n);
	if (s->out.len)
		stream_want_send(s);
	if (s->unwanted && s->fin_sent && !s->remote_fin) {
		mux_send_reset(s->mux, s->id);
		stream_end(s, 0, false);
		return;
	}
	stream_check_done(s);
}

static void stage(struct mux *mux)
{
	struct stream *s;

	while (mux->out.len < MUX_STAGE &&
	       (s = LIST_FIRST(&mux->sending, struct stream, sending))) {
		list_remove(&s->sending);
		stage_turn(s);
	}
}

/* The session's queue has room again: those that were refused ask again, in their order. */
static void wake_starved(struct mux *mux)
{
	if (!mux->starved || mux->n_queued > MUX_MAX_QUEUE / 2)
		return;
	mux->starved = false;
	for (struct list *l = mux->streams.next; l != &mux->streams; l = l->next) {
		struct stream *s = CONTAINER_OF(l, struct stream, all);

		if (s->blocked && stream_room(s))
			stream_notify(s, EVENT_WRITABLE);
	}
}

/*
 * A peer that closed may have said something last that we did not read yet, so that writing to it
 * fails is not the end: reading finds that behind its last bytes.
 */
static void handle_failed_write(struct mux *mux)
{
	if (errno == EPIPE || errno == ECONNRESET)
		mux->deaf = true;
	else
		mux_end(mux, -errno);
}

void mux_flush(struct mux *mux)
{
	while (!mux->ended && !mux->stuck) {
		ssize_t n;

		if (mux->deaf)
			buf_clear(&mux->out);
		else
			stage(mux);
		if (!mux->out.len)
			break;
		n = write(mux->fd, buf_bytes(&mux->out), mux->out.len);
		if (n >= 0)
			buf_consume(&mux->out, (size_t)n);
		else if (errno == EAGAIN)
			mux->stuck = true;
		else if (errno != EINTR)
			handle_failed_write(mux);
	}
	wake_starved(mux);
}
