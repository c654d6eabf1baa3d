/* SPDX-License-Identifier: MIT */
/* A stream: its place in the session, its buffers, its events, and its owner's calls. */
#include <errno.h>

#include "log.h"
#include "mem.h"
#include "mux_internal.h"

static struct stream **bucket(struct mux *mux, uint32_t id)
{
	/* Ids of one side differ by two. */
	return &mux->buckets[(id >> 1) % MUX_BUCKETS];
}

struct stream *stream_find(struct mux *mux, uint32_t id)
{
	for (struct stream *s = *bucket(mux, id); s; s = s->chain)
		if (s->id == id)
			return s;
	return NULL;
}

struct stream *stream_new(struct mux *mux, uint32_t id)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	s->mux = mux;
	s->id = id;
	s->send_window = s->recv_window = MUX_WINDOW;
	list_init(&s->all);
	list_init(&s->ready);
	list_init(&s->sending);
	list_init(&s->waiting);
	list_append(&mux->streams, &s->all);
	mux->n_streams++;
	s->chain = *bucket(mux, id);
	*bucket(mux, id) = s;
	return s;
}

static void unchain(struct stream *s)
{
	struct stream **p = bucket(s->mux, s->id);

	while (*p && *p != s)
		p = &(*p)->chain;
	if (*p)
		*p = s->chain;
}

static void drop_out(struct stream *s)
{
	s->mux->n_queued -= s->out.len;
	buf_free(&s->out);
	list_remove(&s->sending);
}

static void drop_in(struct stream *s)
{
	s->mux->n_unread -= s->in.len;
	buf_free(&s->in);
	list_remove(&s->waiting);
}

static void leave_backlog(struct stream *s)
{
	if (s->unaccepted)
		s->mux->n_backlog--;
	s->unaccepted = false;
}

void stream_free(struct stream *s)
{
	if (!s->gone)
		unchain(s);
	drop_out(s);
	drop_in(s);
	leave_backlog(s);
	list_remove(&s->ready);
	list_remove(&s->all);
	s->mux->n_streams--;
	/* The last one's end may be what a leaving session waits for. */
	if (s->mux->remote_away)
		mux_schedule(s->mux);
	free(s);
}

/* The stream is over for the protocol; the owner, if there is one, is still to be told. */
void stream_end(struct stream *s, int reason, bool keep_unread)
{
	if (s->gone)
		return;
	unchain(s);
	s->gone = true;
	s->reason = reason;
	s->events &= keep_unread ? EVENT_READABLE | EVENT_EOF : 0;
	drop_out(s);
	if (!keep_unread)
		drop_in(s);
	if (s->released || !s->announced)
		stream_free(s);
	else
		stream_notify(s, EVENT_CLOSE);
}

void stream_check_done(struct stream *s)
{
	if (s->released && s->fin_sent && s->remote_fin)
		stream_free(s);
}

void stream_want_send(struct stream *s)
{
	if (list_empty(&s->sending))
		list_append(&s->mux->sending, &s->sending);
	mux_schedule(s->mux);
}

/* Buffers. */

/* Before n bytes come in: the session's spare memory, unless it were much too large for them. */
static void borrow_spare(struct stream *s, struct buf *b, size_t n)
{
	struct mux *mux = s->mux;

	if (b->data || !mux->spare.data || n < mux->spare.room / 4)
		return;
	*b = mux->spare;
	mux->spare = (struct buf)BUF_INIT;
}

/* Memory stays in proportion to bytes; busy streams pass one spare buffer around. */
void stream_settle(struct stream *s, struct buf *b)
{
	struct buf old = *b;

	if (old.room <= MUX_KEEP || old.room <= 4 * old.len)
		return;
	*b = (struct buf)BUF_INIT;
	buf_append(b, buf_bytes(&old), old.len);
	buf_clear(&old);
	if (s->mux->spare.data || old.room > MUX_SPARE)
		buf_free(&old);
	else
		s->mux->spare = old;
}

/* See MUX_MAX_UNREAD in mux.c. */
static void evict(struct mux *mux)
{
	struct stream *s;

	while (mux->n_unread > MUX_MAX_UNREAD &&
	       (s = LIST_FIRST(&mux->waiting, struct stream, waiting))) {
		log_debug("mux: stream %u reset: %zu bytes unread", s->id, s->in.len);
		mux_send_reset(mux, s->id);
		stream_end(s, -ENOBUFS, false);
	}
}

void stream_received(struct stream *s, const uint8_t *data, size_t n)
{
	struct mux *mux = s->mux;

	if (s->released)
		return;
	borrow_spare(s, &s->in, n);
	buf_append(&s->in, data, n);
	mux->n_unread += n;
	if (list_empty(&s->waiting))
		list_append(&mux->waiting, &s->waiting);
	stream_notify(s, EVENT_READABLE);
	evict(mux);
}

void stream_fin(struct stream *s)
{
	s->remote_fin = true;
	stream_notify(s, s->in.len ? EVENT_READABLE : EVENT_EOF);
	stream_check_done(s);
}

/* Events. */

void stream_notify(struct stream *s, unsigned int events)
{
	s->events |= events;
	if (!s->ops && !(s->events & EVENT_OPEN))
		return;
	if (list_empty(&s->ready))
		list_append(&s->mux->ready, &s->ready);
	mux_schedule(s->mux);
}

static void deliver_open(struct stream *s)
{
	/* What else waits is found again by stream_accept. */
	s->events = 0;
	list_remove(&s->ready);
	s->announced = true;
	s->mux->ops->handle_open(s->mux, s, s->mux->data);
}

static void deliver_readable(struct stream *s)
{
	if (s->in.len && s->ops->handle_readable)
		s->ops->handle_readable(s, s->data);
}

static void deliver_eof(struct stream *s)
{
	if (stream_at_eof(s) && s->ops->handle_eof)
		s->ops->handle_eof(s, s->data);
}

static void deliver_writable(struct stream *s)
{
	if (!s->blocked)
		return;
	if (!stream_room(s)) {
		/* Others were quicker. */
		stream_want_room(s);
		return;
	}
	s->blocked = false;
	if (s->ops->handle_writable)
		s->ops->handle_writable(s, s->data);
}

static void deliver_close(struct stream *s)
{
	struct mux *mux = s->mux;

	s->closing = true;
	if (s->ops->handle_close)
		s->ops->handle_close(s, s->reason, s->data);
	if (!mux->destroyed)
		stream_free(s);
}

void stream_deliver(struct stream *s)
{
	static const struct {
		unsigned int event;
		void (*deliver)(struct stream *s);
	} table[] = {
		{ EVENT_OPEN, deliver_open },   { EVENT_READABLE, deliver_readable },
		{ EVENT_EOF, deliver_eof },     { EVENT_WRITABLE, deliver_writable },
		{ EVENT_CLOSE, deliver_close },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(s->events & table[i].event))
			continue;
		s->events &= ~table[i].event;
		if (!s->events)
			list_remove(&s->ready);
		else
			list_append(&s->mux->ready, &s->ready);
		table[i].deliver(s);
		return;
	}
	list_remove(&s->ready);
}

/* The owner's calls. */

void stream_set_ops(struct stream *s, const struct stream_ops *ops, void *data)
{
	s->ops = ops;
	s->data = data;
	s->blocked = false;
	s->events = (s->in.len ? EVENT_READABLE : 0) | (stream_at_eof(s) ? EVENT_EOF : 0) |
		    (s->gone ? EVENT_CLOSE : 0);
	if (s->events)
		stream_notify(s, s->events);
}

void stream_accept(struct stream *s, const struct stream_ops *ops, void *data)
{
	leave_backlog(s);
	stream_set_ops(s, ops, data);
	if (!s->gone)
		stream_want_send(s);
}

size_t stream_room(const struct stream *s)
{
	const struct mux *mux = s->mux;
	size_t room, session;

	if (s->shut || s->gone)
		return 0;
	room = (s->send_window < MUX_WINDOW ? s->send_window : MUX_WINDOW);
	room = room > s->out.len ? room - s->out.len : 0;
	session = mux->n_queued < MUX_MAX_QUEUE ? MUX_MAX_QUEUE - mux->n_queued : 0;
	return s->wrote && room > session ? session : room;
}

void stream_want_room(struct stream *s)
{
	s->blocked = true;
	if (s->mux->n_queued >= MUX_MAX_QUEUE / 2)
		s->mux->starved = true;
}

size_t stream_write(struct stream *s, const void *data, size_t len)
{
	size_t n = stream_room(s);

	if (n < len)
		stream_want_room(s);
	else
		n = len;
	if (!n)
		return 0;
	borrow_spare(s, &s->out, n);
	buf_append(&s->out, data, n);
	s->mux->n_queued += n;
	s->wrote = true;
	stream_want_send(s);
	return n;
}

uint8_t *stream_reserve(struct stream *s, size_t *ret_len)
{
	size_t n = stream_room(s);

	if (!n) {
		stream_want_room(s);
		return NULL;
	}
	*ret_len = n < MUX_READ ? n : MUX_READ;
	borrow_spare(s, &s->out, *ret_len);
	return buf_reserve(&s->out, *ret_len);
}

void stream_commit(struct stream *s, size_t n)
{
	buf_commit(&s->out, n);
	stream_settle(s, &s->out);
	if (!n)
		return;
	s->mux->n_queued += n;
	s->wrote = true;
	stream_want_send(s);
}

const uint8_t *stream_peek(const struct stream *s, size_t *ret_len)
{
	*ret_len = s->in.len;
	return buf_bytes(&s->in);
}

void stream_consume(struct stream *s, size_t n)
{
	struct mux *mux = s->mux;

	if (n > s->in.len)
		n = s->in.len;
	if (!n)
		return;
	buf_consume(&s->in, n);
	stream_settle(s, &s->in);
	mux->n_unread -= n;
	s->owed += (uint32_t)n;
	if (s->in.len)
		list_append(&mux->waiting, &s->waiting);
	else
		list_remove(&s->waiting);
	if (!s->in.len && s->remote_fin)
		stream_notify(s, EVENT_EOF);
	if (!s->gone && !s->remote_fin && s->owed >= MUX_WINDOW / 2)
		stream_want_send(s);
}

bool stream_at_eof(const struct stream *s)
{
	return s->remote_fin && !s->in.len;
}

bool stream_is_complete(const struct stream *s)
{
	return s->remote_fin || s->gone;
}

void stream_shutdown(struct stream *s)
{
	if (s->shut || s->gone)
		return;
	s->shut = true;
	stream_want_send(s);
}

void stream_close(struct stream *s)
{
	if (s->closing)
		return;
	if (s->gone) {
		stream_free(s);
		return;
	}
	leave_backlog(s);
	s->ops = NULL;
	s->events = 0;
	list_remove(&s->ready);
	drop_in(s);
	s->released = true;
	stream_shutdown(s);
	stream_check_done(s);
}

void stream_reset(struct stream *s)
{
	if (s->closing)
		return;
	/* Nothing to take back when the peer was never told of it, or when both sides finished. */
	if (!s->gone && !s->syn_due && !(s->fin_sent && s->remote_fin))
		mux_send_reset(s->mux, s->id);
	stream_free(s);
}
