/* SPDX-License-Identifier: MIT */
/*
 * The session: its descriptor, its life, and the rounds in which it works. Receiving is
 * mux_recv.c, sending mux_send.c, a stream's state and its owner's calls stream.c.
 */
#include "mux.h"

#include <errno.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "mux_internal.h"

/*
 * Theory of operation
 *
 * Nothing calls back while frames are parsed or while an owner calls us. Whatever happens sets
 * events on streams and schedules mux_work, which the loop calls once behind everything else of the
 * round: it delivers the events, then stages and writes what all of them led to with one system
 * call. So a callback may do anything, mux_destroy included, and a message's answer leaves together
 * with every other frame of that round.
 *
 * Sending: each stream has its own bytes, limited by the peer's window; streams with something to
 * send take turns of one frame (MUX_FRAME) into a staging buffer that is filled to MUX_STAGE only,
 * so a bulk stream delays a keystroke by that much at most. Opening flags, grants and FIN are state
 * of the stream and turned into frames when its turn comes. Only resets and answers to pings, which
 * the peer causes, are staged at once; when the peer causes more than MUX_FLOODED of them and takes
 * none, we stop reading until it does.
 *
 * Receiving: yamux has no window for the session, and each stream begins with a fixed one, so a
 * peer may legally send MUX_MAX_STREAMS full windows that nobody reads. When more than
 * MUX_MAX_UNREAD wait, the stream whose reader took nothing for the longest time is reset, until it fits. Neither
 * of the gentler ways works: to stop reading would let one link's lazy client stall the whole
 * machine's wire, and to withhold grants would let it slow down the others for ever, without
 * bounding what the first windows allow.
 *
 * A stream's struct is on mux->streams, and counted, until its owner let go of it and the peer
 * knows. Buffers keep memory in proportion to their bytes (stream_settle), and busy streams pass a
 * spare one around instead of asking the allocator each time.
 */

static uint32_t wanted_events(const struct mux *mux)
{
	uint32_t events = mux->out.len > MUX_FLOODED ? 0 : EPOLLIN;

	return mux->stuck ? events | EPOLLOUT : events;
}

static bool deliver_all(struct mux *mux)
{
	struct stream *s;

	mux->dispatching = true;
	while (!mux->destroyed && (s = LIST_FIRST(&mux->ready, struct stream, ready)))
		stream_deliver(s);
	if (!mux->destroyed && mux->ended && !mux->end_told) {
		mux->end_told = true;
		if (mux->ops->handle_end)
			mux->ops->handle_end(mux, mux->reason, mux->data);
	}
	mux->dispatching = false;
	return !mux->destroyed;
}

static bool has_work(const struct mux *mux)
{
	return !list_empty(&mux->ready) || (mux->ended && !mux->end_told);
}

static void mux_work(void *data)
{
	struct mux *mux = data;

	mux->work = NULL;
	mux->working = true;
	if (!deliver_all(mux)) {
		free(mux);
		return;
	}
	if (!mux->ended)
		mux_flush(mux);
	if (mux->remote_away && !mux->n_streams)
		mux_end(mux, 0);
	mux->working = false;
	if (mux->io)
		source_set_events(mux->io, wanted_events(mux));
	if (has_work(mux))
		mux_schedule(mux);
}

void mux_schedule(struct mux *mux)
{
	if (!mux->work && !mux->working && !mux->destroyed)
		mux->work = loop_defer(mux->loop, mux_work, mux);
}

static void handle_io(int fd, uint32_t events, void *data)
{
	struct mux *mux = data;

	(void)fd;
	if (events & EPOLLOUT)
		mux->stuck = false;
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		mux_receive(mux, events & (EPOLLHUP | EPOLLERR));
	mux_schedule(mux);
}

void mux_end(struct mux *mux, int reason)
{
	struct list *next;

	if (mux->ended)
		return;
	mux->ended = true;
	mux->reason = reason;
	source_clear(mux->io);
	source_clear(mux->ticker);
	fd_close(&mux->fd);
	for (struct list *l = mux->streams.next; l != &mux->streams; l = next) {
		next = l->next;
		stream_end(CONTAINER_OF(l, struct stream, all), reason ? reason : -ECONNRESET,
			   true);
	}
	buf_free(&mux->out);
	mux_schedule(mux);
}

void mux_fail(struct mux *mux, enum away_code code, const char *why)
{
	if (mux->ended)
		return;
	log_debug("mux: %s", why);
	frame_put(&mux->out, FRAME_GO_AWAY, 0, 0, code);
	mux_flush(mux);
	mux_end(mux, -EPROTO);
}

struct mux *mux_create(struct loop *loop, int fd, enum mux_role role, const struct mux_ops *ops,
		       void *data)
{
	struct mux *mux = xcalloc(1, sizeof(*mux));
	int r = fd_set_nonblock(fd, true);

	if (r < 0)
		log_debug("mux: descriptor %d stays blocking: %s", fd, strerror(-r));
	mux->loop = loop;
	mux->fd = fd;
	mux->role = role;
	mux->ops = ops;
	mux->data = data;
	mux->next_id = role == MUX_CLIENT ? 1 : 2;
	mux->chunk = xmalloc(MUX_READ);
	list_init(&mux->streams);
	list_init(&mux->ready);
	list_init(&mux->sending);
	list_init(&mux->waiting);
	mux->io = loop_add_fd(loop, fd, EPOLLIN, handle_io, mux);
	return mux;
}

static void say_goodbye(struct mux *mux)
{
	mux_flush(mux);
	if (mux->ended || mux->stuck)
		return;
	frame_put(&mux->out, FRAME_GO_AWAY, 0, 0, AWAY_NORMAL);
	mux_flush(mux);
}

void mux_destroy(struct mux *mux)
{
	if (!mux || mux->destroyed)
		return;
	mux->destroyed = true;
	if (!mux->ended)
		say_goodbye(mux);
	while (!list_empty(&mux->streams))
		stream_free(LIST_FIRST(&mux->streams, struct stream, all));
	source_remove(mux->io);
	source_remove(mux->ticker);
	source_remove(mux->work);
	fd_close(&mux->fd);
	buf_free(&mux->out);
	buf_free(&mux->spare);
	free(mux->chunk);
	if (!mux->dispatching)
		free(mux);
}

static void handle_tick(void *data)
{
	struct mux *mux = data;

	if (mux->ping_pending) {
		mux_end(mux, -ETIMEDOUT);
		return;
	}
	mux->ping_pending = true;
	frame_put(&mux->out, FRAME_PING, FLAG_SYN, 0, ++mux->ping);
	mux_schedule(mux);
	source_arm(mux->ticker, mux->keepalive);
}

void mux_set_keepalive(struct mux *mux, int64_t ms)
{
	if (mux->ended)
		return;
	if (!mux->ticker)
		mux->ticker = loop_add_timer(mux->loop, handle_tick, mux);
	mux->keepalive = ms;
	mux->ping_pending = false;
	source_arm(mux->ticker, ms > 0 ? ms : -1);
}

size_t mux_stream_count(const struct mux *mux)
{
	return mux->n_streams;
}

size_t mux_unsent(const struct mux *mux)
{
	return mux->n_queued + mux->out.len;
}

struct stream *mux_open(struct mux *mux, const struct stream_ops *ops, void *data)
{
	struct stream *s;

	if (mux->ended || mux->destroyed || mux->remote_away || mux->n_streams >= MUX_MAX_STREAMS ||
	    mux->next_id > UINT32_MAX - 2)
		return NULL;
	s = stream_new(mux, mux->next_id);
	mux->next_id += 2;
	s->ops = ops;
	s->data = data;
	s->announced = true;
	s->syn_due = true;
	stream_want_send(s);
	return s;
}
