/* SPDX-License-Identifier: MIT */
/* What the peer sends: reads it in large pieces, takes frames apart and judges each header. */
#include <errno.h>
#include <unistd.h>

#include "mem.h"
#include "mux_internal.h"

/* Whether an id was used once: frames that were under way when its stream ended are not a fault. */
static bool was_open(const struct mux *mux, uint32_t id)
{
	bool ours = (id & 1) == (mux->role == MUX_CLIENT);

	return ours ? id < mux->next_id : id <= mux->peer_id;
}

static struct stream *open_by_peer(struct mux *mux, uint32_t id)
{
	struct stream *s;

	if ((id & 1) == (mux->role == MUX_CLIENT)) {
		mux_fail(mux, AWAY_PROTOCOL, "the peer opened a stream with an id of ours");
		return NULL;
	}
	if (id > mux->peer_id)
		mux->peer_id = id;
	if (!mux->ops->handle_open || mux->n_streams >= MUX_MAX_STREAMS ||
	    mux->n_backlog >= MUX_MAX_BACKLOG) {
		mux_send_reset(mux, id);
		return NULL;
	}
	s = stream_new(mux, id);
	s->unaccepted = s->ack_due = true;
	mux->n_backlog++;
	stream_notify(s, EVENT_OPEN);
	return s;
}

static void take_window(struct mux *mux, struct stream *s, const struct frame *f)
{
	if (__builtin_add_overflow(s->send_window, f->len, &s->send_window)) {
		mux_fail(mux, AWAY_PROTOCOL, "a window beyond 4 GiB");
		return;
	}
	if (s->blocked && stream_room(s))
		stream_notify(s, EVENT_WRITABLE);
	if (f->flags & FLAG_FIN)
		stream_fin(s);
}

static void take_data(struct mux *mux, struct stream *s, const struct frame *f)
{
	if (f->len > s->recv_window) {
		mux_fail(mux, AWAY_PROTOCOL, "data beyond the window");
		return;
	}
	if (f->len && s->remote_fin) {
		mux_fail(mux, AWAY_PROTOCOL, "data behind the end of a stream");
		return;
	}
	s->unwanted |= f->len && s->released;
	if (s->unwanted && s->fin_sent) {
		mux_send_reset(mux, s->id);
		stream_end(s, 0, false);
		return;
	}
	s->recv_window -= f->len;
	if ((f->flags & FLAG_FIN) && !f->len)
		stream_fin(s);
}

static void take_stream_frame(struct mux *mux, const struct frame *f)
{
	struct stream *s = stream_find(mux, f->id);

	if (f->type == FRAME_DATA) {
		mux->frame = *f;
		mux->body_left = f->len;
	}
	if (f->flags & FLAG_SYN) {
		if (s) {
			mux_fail(mux, AWAY_PROTOCOL, "a stream opened twice");
			return;
		}
		s = open_by_peer(mux, f->id);
	} else if (!s && !was_open(mux, f->id)) {
		mux_fail(mux, AWAY_PROTOCOL, "a frame for a stream that was never opened");
	}
	if (!s)
		return;
	/* Behind a FIN the reset is about our direction: all of the peer's had been sent well. */
	if (f->flags & FLAG_RST)
		stream_end(s, -ECONNRESET, s->remote_fin);
	else if ((f->flags & FLAG_FIN) && s->remote_fin)
		mux_fail(mux, AWAY_PROTOCOL, "a stream finished twice");
	else if (f->type == FRAME_WINDOW)
		take_window(mux, s, f);
	else
		take_data(mux, s, f);
}

static void take_ping(struct mux *mux, const struct frame *f)
{
	if (f->flags & FLAG_SYN) {
		frame_put(&mux->out, FRAME_PING, FLAG_ACK, 0, f->len);
		mux_schedule(mux);
	} else if (!(f->flags & FLAG_ACK)) {
		mux_fail(mux, AWAY_PROTOCOL, "a ping that neither asks nor answers");
	} else if (f->len == mux->ping) {
		mux->ping_pending = false;
	}
}

static void take_go_away(struct mux *mux, const struct frame *f)
{
	if (f->len == AWAY_NORMAL)
		mux->remote_away = true;
	else
		mux_end(mux, f->len == AWAY_INTERNAL ? -EREMOTEIO : -EPROTO);
}

static void take_frame(struct mux *mux, const struct frame *f)
{
	static void (*const take[])(struct mux *, const struct frame *) = {
		[FRAME_DATA] = take_stream_frame,
		[FRAME_WINDOW] = take_stream_frame,
		[FRAME_PING] = take_ping,
		[FRAME_GO_AWAY] = take_go_away,
	};

	if (f->version != FRAME_VERSION)
		mux_fail(mux, AWAY_PROTOCOL, "an unknown version");
	else if (f->type >= ARRAY_SIZE(take))
		mux_fail(mux, AWAY_PROTOCOL, "an unknown frame type");
	else if ((f->id == 0) != (f->type == FRAME_PING || f->type == FRAME_GO_AWAY))
		mux_fail(mux, AWAY_PROTOCOL, "a stream's frame for the session, or the reverse");
	else
		take[f->type](mux, f);
}

static size_t take_header(struct mux *mux, const uint8_t *p, size_t n)
{
	size_t missing = FRAME_HEADER - mux->header_len;
	struct frame f;

	if (n < missing) {
		memcpy(mux->header + mux->header_len, p, n);
		mux->header_len += n;
		return n;
	}
	memcpy(mux->header + mux->header_len, p, missing);
	mux->header_len = 0;
	f = frame_get(mux->header);
	take_frame(mux, &f);
	return missing;
}

/* The stream is looked up for each piece: it may have ended in the middle of a frame. */
static size_t take_body(struct mux *mux, const uint8_t *p, size_t n)
{
	struct stream *s = stream_find(mux, mux->frame.id);

	if (n > mux->body_left)
		n = mux->body_left;
	mux->body_left -= n;
	if (!s)
		return n;
	stream_received(s, p, n);
	if (!mux->body_left && (mux->frame.flags & FLAG_FIN)) {
		s = stream_find(mux, mux->frame.id);
		if (s)
			stream_fin(s);
	}
	return n;
}

static void take_bytes(struct mux *mux, const uint8_t *p, size_t n)
{
	while (n && !mux->ended) {
		size_t used = mux->body_left ? take_body(mux, p, n) : take_header(mux, p, n);

		p += used;
		n -= used;
	}
}

void mux_receive(struct mux *mux, bool hung_up)
{
	for (int i = 0; i < MUX_READS && !mux->ended; i++) {
		ssize_t n;

		if (mux->out.len > MUX_FLOODED && !hung_up)
			return;
		n = read(mux->fd, mux->chunk, MUX_READ);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && !hung_up)
			return;
		if (n < 0 && errno != EAGAIN && !mux->remote_away) {
			mux_end(mux, -errno);
			return;
		}
		if (n <= 0) {
			mux_end(mux, 0);
			return;
		}
		take_bytes(mux, mux->chunk, (size_t)n);
		if (n < MUX_READ)
			return;
	}
}
