/* SPDX-License-Identifier: MIT */
/*
 * Two sessions over a socket pair in one loop, and an owner of streams that records what it is told.
 * For test_mux.c and test_relay.c.
 */
#ifndef TEST_MUX_FIXTURE_H
#define TEST_MUX_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "buf.h"
#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "mux.h"

#define MAX_PEER 2048

/* One end's view of a stream. */
struct end {
	struct stream *stream; /* NULL once closed */
	struct buf got;
	bool lazy; /* does not consume */
	int readable, writable, eof, closed, reason;
};

struct side {
	struct mux *mux;
	struct end opened[MAX_PEER]; /* by the peer, in order */
	size_t n_opened;
	bool refuse, wait, lazy; /* what to do with what the peer opens; default: accept */
	bool destroy_at_end;
	int ended, reason;
};

struct fixture {
	struct loop *loop;
	struct side client, server;
};

static void end_readable(struct stream *s, void *data)
{
	struct end *e = data;
	size_t n;
	const uint8_t *p = stream_peek(s, &n);

	e->readable++;
	if (e->lazy)
		return;
	buf_append(&e->got, p, n);
	stream_consume(s, n);
}

static void end_writable(struct stream *s, void *data)
{
	struct end *e = data;

	(void)s;
	e->writable++;
}

static void end_eof(struct stream *s, void *data)
{
	struct end *e = data;

	assert_true(stream_at_eof(s));
	e->eof++;
}

static void end_close(struct stream *s, int reason, void *data)
{
	struct end *e = data;

	assert_ptr_equal(s, e->stream);
	e->closed++;
	e->reason = reason;
	e->stream = NULL;
}

static const struct stream_ops end_ops = {
	.handle_readable = end_readable,
	.handle_writable = end_writable,
	.handle_eof = end_eof,
	.handle_close = end_close,
};

static void side_open(struct mux *mux, struct stream *s, void *data)
{
	struct side *side = data;
	struct end *e;

	(void)mux;
	if (side->refuse) {
		stream_reset(s);
		return;
	}
	assert_true(side->n_opened < MAX_PEER);
	e = &side->opened[side->n_opened++];
	e->stream = s;
	e->lazy = side->lazy;
	if (!side->wait)
		stream_accept(s, &end_ops, e);
}

static void side_end(struct mux *mux, int reason, void *data)
{
	struct side *side = data;

	side->ended++;
	side->reason = reason;
	if (side->destroy_at_end) {
		mux_destroy(mux);
		side->mux = NULL;
	}
}

static const struct mux_ops side_ops = {
	.handle_open = side_open,
	.handle_end = side_end,
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	f->loop = loop_create();
	f->client.mux = mux_create(f->loop, fds[0], MUX_CLIENT, &side_ops, &f->client);
	f->server.mux = mux_create(f->loop, fds[1], MUX_SERVER, &side_ops, &f->server);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	mux_destroy(f->client.mux);
	mux_destroy(f->server.mux);
	for (size_t i = 0; i < MAX_PEER; i++) {
		buf_free(&f->client.opened[i].got);
		buf_free(&f->server.opened[i].got);
	}
	loop_destroy(f->loop);
	free(f);
	return 0;
}

/* Runs until nothing happens any more for a moment: everything here is local and immediate. */
static void settle(struct loop *loop)
{
	for (int i = 0; i < 40; i++)
		assert_int_equal(loop_step(loop, 0), 0);
}

#endif
