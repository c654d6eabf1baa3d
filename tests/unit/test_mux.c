/* SPDX-License-Identifier: MIT */
/* Two sessions that talk to each other; foreign bytes are in test_mux_raw.c. */
#include <malloc.h>
#include <string.h>

#include "mux_fixture.h"

/* Writes all of it, letting the loop run when there is no room; needs a reader. */
static void write_all(struct fixture *f, struct stream *s, const uint8_t *p, size_t n)
{
	for (int rounds = 0; n; rounds++) {
		size_t took = stream_write(s, p, n);

		p += took;
		n -= took;
		assert_true(rounds < 10000);
		assert_int_equal(loop_step(f->loop, 0), 0);
	}
}

static uint8_t *pattern(size_t n)
{
	uint8_t *p = xmalloc(n);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(i * 2654435761u >> 13);
	return p;
}

static void test_echo(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	assert_int_equal(stream_write(e.stream, "hello", 5), 5);
	settle(f->loop);
	assert_int_equal(f->server.n_opened, 1);
	assert_int_equal(peer->got.len, 5);
	assert_memory_equal(buf_bytes(&peer->got), "hello", 5);
	assert_int_equal(stream_write(peer->stream, "you too", 7), 7);
	settle(f->loop);
	assert_int_equal(e.got.len, 7);
	stream_close(e.stream);
	settle(f->loop);
	assert_int_equal(peer->eof, 1);
	stream_close(peer->stream);
	settle(f->loop);
	assert_int_equal(mux_stream_count(f->client.mux), 0);
	assert_int_equal(mux_stream_count(f->server.mux), 0);
	assert_int_equal(e.closed + peer->closed, 0);
	buf_free(&e.got);
}

static void test_server_opens(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 };

	e.stream = mux_open(f->server.mux, &end_ops, &e);
	stream_write(e.stream, "x", 1);
	settle(f->loop);
	assert_int_equal(f->client.n_opened, 1);
	assert_int_equal(f->client.opened[0].got.len, 1);
}

static void test_many_bytes_both_ways(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];
	size_t n = 3 << 20;
	cleanup_free uint8_t *bytes = pattern(n);

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	write_all(f, e.stream, bytes, n);
	settle(f->loop);
	assert_int_equal(peer->got.len, n);
	assert_memory_equal(buf_bytes(&peer->got), bytes, n);
	write_all(f, peer->stream, bytes, n);
	settle(f->loop);
	assert_int_equal(e.got.len, n);
	assert_memory_equal(buf_bytes(&e.got), bytes, n);
	buf_free(&e.got);
}

static void test_window_is_all_that_is_taken(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];
	cleanup_free uint8_t *bytes = pattern(2 * MUX_WINDOW);
	size_t n;

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	assert_int_equal(stream_write(e.stream, bytes, 2 * MUX_WINDOW), MUX_WINDOW);
	settle(f->loop);
	assert_int_equal(stream_room(e.stream), 0);
	assert_int_equal(stream_write(e.stream, bytes, 1), 0);
	assert_int_equal(e.writable, 0);
	stream_peek(peer->stream, &n);
	assert_int_equal(n, MUX_WINDOW);

	/* Less than half a window is not granted again yet, half of it is. */
	stream_consume(peer->stream, MUX_WINDOW / 2 - 1);
	settle(f->loop);
	assert_int_equal(e.writable, 0);
	stream_consume(peer->stream, 1);
	settle(f->loop);
	assert_int_equal(e.writable, 1);
	assert_int_equal(stream_room(e.stream), MUX_WINDOW / 2);
}

static void test_slow_reader_stalls_only_itself(void **state)
{
	struct fixture *f = *state;
	struct end slow = { 0 }, quick = { 0 };
	cleanup_free uint8_t *bytes = pattern(1 << 20);

	f->server.lazy = true;
	slow.stream = mux_open(f->client.mux, &end_ops, &slow);
	stream_write(slow.stream, bytes, MUX_WINDOW);
	settle(f->loop);
	f->server.lazy = false;
	quick.stream = mux_open(f->client.mux, &end_ops, &quick);
	write_all(f, quick.stream, bytes, 1 << 20);
	settle(f->loop);
	assert_int_equal(f->server.opened[1].got.len, 1 << 20);
	assert_int_equal(stream_room(slow.stream), 0);
	assert_int_equal(slow.closed, 0);
}

/* A small message of one stream is not held up by what others have waiting. */
static void test_turns_are_fair(void **state)
{
	struct fixture *f = *state;
	struct end bulk[3] = { 0 }, small = { 0 };
	cleanup_free uint8_t *bytes = pattern(MUX_WINDOW);

	for (int i = 0; i < 3; i++) {
		bulk[i].stream = mux_open(f->client.mux, &end_ops, &bulk[i]);
		assert_int_equal(stream_write(bulk[i].stream, bytes, MUX_WINDOW), MUX_WINDOW);
	}
	small.stream = mux_open(f->client.mux, &end_ops, &small);
	stream_write(small.stream, "!", 1);
	for (int i = 0; i < 40 && f->server.opened[3].got.len == 0; i++)
		assert_int_equal(loop_step(f->loop, 0), 0);
	assert_int_equal(f->server.opened[3].got.len, 1);
	for (int i = 0; i < 3; i++)
		assert_true(f->server.opened[i].got.len < MUX_WINDOW);
}

static void test_queue_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct end ends[8] = { 0 };
	cleanup_free uint8_t *bytes = pattern(MUX_WINDOW);
	size_t total = 0;

	for (int i = 0; i < 8; i++) {
		ends[i].stream = mux_open(f->client.mux, &end_ops, &ends[i]);
		/* The first write always has room, the second only as far as the queue goes. */
		assert_int_equal(stream_write(ends[i].stream, "1", 1), 1);
		total += 1 + stream_write(ends[i].stream, bytes, MUX_WINDOW);
	}
	assert_true(total <= MUX_MAX_QUEUE + 8);
	assert_int_equal(stream_room(ends[7].stream), 0);
	settle(f->loop);
	assert_true(ends[7].writable > 0);
	assert_true(stream_room(ends[7].stream) > 0);
}

static void test_half_close(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "q", 1);
	stream_shutdown(e.stream);
	assert_int_equal(stream_write(e.stream, "more", 4), 0);
	settle(f->loop);
	assert_int_equal(peer->eof, 1);
	assert_int_equal(peer->got.len, 1);
	stream_write(peer->stream, "answer", 6);
	stream_shutdown(peer->stream);
	settle(f->loop);
	assert_int_equal(e.got.len, 6);
	assert_int_equal(e.eof, 1);
	/* Finished both ways, and the handles are still the owners'. */
	assert_int_equal(mux_stream_count(f->client.mux), 1);
	stream_close(e.stream);
	stream_close(peer->stream);
	settle(f->loop);
	assert_int_equal(mux_stream_count(f->client.mux), 0);
	assert_int_equal(mux_stream_count(f->server.mux), 0);
	buf_free(&e.got);
}

static void test_eof_waits_for_the_reader(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "tail", 4);
	stream_close(e.stream);
	settle(f->loop);
	assert_int_equal(peer->eof, 0);
	assert_false(stream_at_eof(peer->stream));
	assert_true(stream_is_complete(peer->stream));
	stream_consume(peer->stream, 4);
	settle(f->loop);
	assert_int_equal(peer->eof, 1);
}

/* FIN goes with the last of many frames. */
static void test_close_behind_much(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];
	cleanup_free uint8_t *bytes = pattern(MUX_WINDOW);

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	assert_int_equal(stream_write(e.stream, bytes, MUX_WINDOW), MUX_WINDOW);
	stream_close(e.stream);
	settle(f->loop);
	assert_int_equal(peer->got.len, MUX_WINDOW);
	assert_int_equal(peer->eof, 1);
	assert_int_equal(f->server.ended, 0);
}

static void test_reset(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	settle(f->loop);
	stream_reset(peer->stream);
	settle(f->loop);
	assert_int_equal(e.closed, 1);
	assert_int_equal(e.reason, -ECONNRESET);
	assert_int_equal(peer->closed, 0);
	assert_int_equal(mux_stream_count(f->client.mux), 0);
	assert_int_equal(mux_stream_count(f->server.mux), 0);
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 };

	f->server.refuse = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "hello?", 6);
	settle(f->loop);
	assert_int_equal(e.closed, 1);
	assert_int_equal(e.reason, -ECONNRESET);
	assert_int_equal(mux_stream_count(f->server.mux), 0);
}

static void test_reset_before_it_was_sent_is_not_sent(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 };

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_reset(e.stream);
	settle(f->loop);
	assert_int_equal(f->server.n_opened, 0);
	assert_int_equal(f->server.ended, 0);
}

static void test_data_for_a_closed_stream_is_reset(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	settle(f->loop);
	stream_close(e.stream);
	settle(f->loop);
	assert_int_equal(peer->eof, 1);
	stream_write(peer->stream, "late", 4);
	settle(f->loop);
	assert_int_equal(peer->closed, 1);
	assert_int_equal(mux_stream_count(f->client.mux), 0);
	assert_int_equal(f->client.ended, 0);
}

static void test_accept_later(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, gone = { 0 }, *peer = &f->server.opened[0];

	f->server.wait = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "early", 5);
	gone.stream = mux_open(f->client.mux, &end_ops, &gone);
	settle(f->loop);
	stream_reset(gone.stream);
	settle(f->loop);
	assert_int_equal(f->server.n_opened, 2);
	assert_int_equal(peer->readable, 0);
	stream_accept(peer->stream, &end_ops, peer);
	settle(f->loop);
	assert_int_equal(peer->got.len, 5);
	/* Reset before it was accepted: told after. */
	stream_accept(f->server.opened[1].stream, &end_ops, &f->server.opened[1]);
	settle(f->loop);
	assert_int_equal(f->server.opened[1].closed, 1);
	assert_int_equal(mux_stream_count(f->server.mux), 1);
}

static void test_new_ops_are_told(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, other = { 0 }, *peer = &f->server.opened[0];

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "abc", 3);
	stream_shutdown(e.stream);
	settle(f->loop);
	stream_set_ops(peer->stream, &end_ops, &other);
	settle(f->loop);
	assert_int_equal(other.got.len, 3);
	assert_int_equal(other.eof, 1);
	buf_free(&other.got);
}

static void test_reserve_and_commit(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 };
	size_t n = 0;
	uint8_t *p;

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	p = stream_reserve(e.stream, &n);
	assert_true(n >= 4096);
	memcpy(p, "abc", 3);
	stream_commit(e.stream, 3);
	p = stream_reserve(e.stream, &n);
	memcpy(p, "def", 3);
	stream_commit(e.stream, 3);
	assert_non_null(stream_reserve(e.stream, &n));
	stream_commit(e.stream, 0);
	settle(f->loop);
	assert_int_equal(f->server.opened[0].got.len, 6);
	assert_memory_equal(buf_bytes(&f->server.opened[0].got), "abcdef", 6);
}

static void test_stream_limit(void **state)
{
	struct fixture *f = *state;
	static struct end ends[MUX_MAX_STREAMS];

	for (size_t i = 0; i < MUX_MAX_STREAMS; i++) {
		ends[i].stream = mux_open(f->client.mux, &end_ops, &ends[i]);
		assert_non_null(ends[i].stream);
	}
	assert_null(mux_open(f->client.mux, &end_ops, NULL));
	stream_reset(ends[5].stream);
	assert_non_null(mux_open(f->client.mux, &end_ops, &ends[5]));
}

static void test_backlog_limit(void **state)
{
	struct fixture *f = *state;
	static struct end ends[MUX_MAX_BACKLOG + 10];
	int refused = 0;

	f->server.wait = true;
	for (size_t i = 0; i < MUX_MAX_BACKLOG + 10; i++)
		ends[i].stream = mux_open(f->client.mux, &end_ops, &ends[i]);
	settle(f->loop);
	for (size_t i = 0; i < MUX_MAX_BACKLOG + 10; i++)
		refused += ends[i].closed;
	assert_int_equal(refused, 10);
	assert_int_equal(f->server.n_opened, MUX_MAX_BACKLOG);
	/* One accepted makes place for one. */
	stream_accept(f->server.opened[0].stream, &end_ops, &f->server.opened[0]);
	ends[MUX_MAX_BACKLOG].stream = mux_open(f->client.mux, &end_ops, &ends[MUX_MAX_BACKLOG]);
	settle(f->loop);
	assert_int_equal(f->server.n_opened, MUX_MAX_BACKLOG + 1);
}

/* 1024 full windows are legal, 8 MiB is what we keep: the longest neglected ones go. */
static void test_unread_bytes_are_bounded(void **state)
{
	struct fixture *f = *state;
	enum { N = MUX_MAX_UNREAD / MUX_WINDOW + 2 };
	static struct end ends[N];
	cleanup_free uint8_t *bytes = pattern(MUX_WINDOW);

	memset(ends, 0, sizeof(ends));
	f->server.lazy = true;
	for (size_t i = 0; i < N; i++) {
		ends[i].stream = mux_open(f->client.mux, &end_ops, &ends[i]);
		write_all(f, ends[i].stream, bytes, MUX_WINDOW - 1);
		settle(f->loop);
		/* The first one's reader takes a little: then it is not the longest neglected. */
		if (i == 3)
			stream_consume(f->server.opened[0].stream, 1);
	}
	assert_int_equal(ends[0].closed, 0);
	assert_int_equal(ends[1].closed, 1);
	assert_int_equal(ends[1].reason, -ECONNRESET);
	assert_int_equal(f->server.opened[1].reason, -ENOBUFS);
	assert_int_equal(ends[2].closed, 1);
	for (size_t i = 3; i < N; i++)
		assert_int_equal(ends[i].closed, 0);
	assert_int_equal(f->server.ended, 0);
}

/* A stream that held much and holds a byte keeps memory for about a byte. */
static void test_memory_follows_bytes(void **state)
{
	struct fixture *f = *state;
	enum { N = 200 };
	static struct end ends[N];
	cleanup_free uint8_t *bytes = pattern(MUX_WINDOW);
	struct mallinfo2 before = mallinfo2(), after;

	memset(ends, 0, sizeof(ends));
	f->server.lazy = true;
	for (size_t i = 0; i < N; i++) {
		ends[i].stream = mux_open(f->client.mux, &end_ops, &ends[i]);
		write_all(f, ends[i].stream, bytes, MUX_WINDOW / 2 - 1);
		settle(f->loop);
		stream_consume(f->server.opened[i].stream, MUX_WINDOW / 2 - 2);
	}
	after = mallinfo2();
	/* Both are zero, and equal, where the sanitizer has its own allocator. */
	assert_true(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd < 4 << 20);
}

static void test_destroy_is_orderly(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	e.stream = mux_open(f->client.mux, &end_ops, &e);
	settle(f->loop);
	stream_write(e.stream, "last words", 10);
	mux_destroy(f->client.mux);
	f->client.mux = NULL;
	settle(f->loop);
	assert_int_equal(peer->got.len, 10);
	assert_int_equal(peer->closed, 1);
	assert_int_equal(f->server.ended, 1);
	assert_int_equal(f->server.reason, 0);
	assert_int_equal(e.closed, 0);
	assert_null(mux_open(f->server.mux, &end_ops, NULL));
}

/* What was read before a session's end can be taken in handle_close. */
static void peek_close(struct stream *s, int reason, void *data)
{
	struct end *e = data;
	size_t n;
	const uint8_t *p = stream_peek(s, &n);

	buf_append(&e->got, p, n);
	end_close(s, reason, data);
	stream_reset(s); /* does nothing here */
}

static void test_last_bytes_in_close(void **state)
{
	static const struct stream_ops ops = { .handle_close = peek_close };
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "unread", 6);
	settle(f->loop);
	stream_set_ops(peer->stream, &ops, peer);
	mux_destroy(f->client.mux);
	f->client.mux = NULL;
	settle(f->loop);
	assert_int_equal(peer->got.len, 6);
	assert_int_equal(peer->closed, 1);
}

static void destroying_readable(struct stream *s, void *data)
{
	struct fixture *f = data;

	(void)s;
	mux_destroy(f->server.mux);
	f->server.mux = NULL;
}

static void test_destroy_in_a_callback(void **state)
{
	static const struct stream_ops ops = { .handle_readable = destroying_readable };
	struct fixture *f = *state;
	struct end e = { 0 };

	f->server.wait = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	stream_write(e.stream, "x", 1);
	settle(f->loop);
	stream_accept(f->server.opened[0].stream, &ops, f);
	settle(f->loop);
	assert_null(f->server.mux);
	assert_int_equal(f->client.ended, 1);
	assert_int_equal(e.closed, 1);
}

static void test_destroy_at_end(void **state)
{
	struct fixture *f = *state;

	f->server.destroy_at_end = true;
	mux_destroy(f->client.mux);
	f->client.mux = NULL;
	settle(f->loop);
	assert_int_equal(f->server.ended, 1);
	assert_null(f->server.mux);
}

static void test_keepalive_answered(void **state)
{
	struct fixture *f = *state;
	int64_t until = clock_ms() + 60;

	mux_set_keepalive(f->client.mux, 10);
	while (clock_ms() < until)
		loop_step(f->loop, 5);
	assert_int_equal(f->client.ended, 0);
	assert_int_equal(f->server.ended, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(echo),
		T(server_opens),
		T(many_bytes_both_ways),
		T(window_is_all_that_is_taken),
		T(slow_reader_stalls_only_itself),
		T(turns_are_fair),
		T(queue_is_bounded),
		T(half_close),
		T(eof_waits_for_the_reader),
		T(close_behind_much),
		T(reset),
		T(refused),
		T(reset_before_it_was_sent_is_not_sent),
		T(data_for_a_closed_stream_is_reset),
		T(accept_later),
		T(new_ops_are_told),
		T(reserve_and_commit),
		T(stream_limit),
		T(backlog_limit),
		T(unread_bytes_are_bounded),
		T(memory_follows_bytes),
		T(destroy_is_orderly),
		T(last_bytes_in_close),
		T(destroy_in_a_callback),
		T(destroy_at_end),
		T(keepalive_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
