/* SPDX-License-Identifier: MIT */
/* A session against a peer made by hand: exact bytes, and every way to break the protocol. */
#include <arpa/inet.h>
#include <string.h>

#include "mux_frame.h"
#include "mux_fixture.h"

/* f->server is the session; the peer is the bare descriptor. */
struct raw {
	struct fixture f;
	int fd;
};

static int raw_setup(void **state)
{
	struct raw *t = xcalloc(1, sizeof(*t));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fd_set_nonblock(fds[0], true);
	t->fd = fds[0];
	t->f.loop = loop_create();
	t->f.server.mux = mux_create(t->f.loop, fds[1], MUX_SERVER, &side_ops, &t->f.server);
	*state = t;
	return 0;
}

static int raw_teardown(void **state)
{
	struct raw *t = *state;

	mux_destroy(t->f.server.mux);
	for (size_t i = 0; i < MAX_PEER; i++)
		buf_free(&t->f.server.opened[i].got);
	loop_destroy(t->f.loop);
	fd_close(&t->fd);
	free(t);
	return 0;
}

static void say(struct raw *t, uint8_t type, uint16_t flags, uint32_t id, uint32_t len)
{
	cleanup_buf struct buf out = BUF_INIT;

	frame_put(&out, type, flags, id, len);
	assert_int_equal(write(t->fd, buf_bytes(&out), out.len), (ssize_t)out.len);
}

static void say_bytes(struct raw *t, const void *data, size_t len)
{
	assert_int_equal(write(t->fd, data, len), (ssize_t)len);
}

/* The next 12 bytes that the session sends must be these. */
static void hear(struct raw *t, const char *header)
{
	uint8_t got[12];

	settle(t->f.loop);
	assert_int_equal(read(t->fd, got, sizeof(got)), 12);
	assert_memory_equal(got, header, 12);
}

static void hear_nothing(struct raw *t)
{
	uint8_t byte;

	settle(t->f.loop);
	assert_int_equal(read(t->fd, &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
}

static void hear_protocol_error(struct raw *t)
{
	uint8_t byte;

	hear(t, "\0\3\0\0\0\0\0\0\0\0\0\1");
	assert_int_equal(read(t->fd, &byte, 1), 0);
	assert_int_equal(t->f.server.ended, 1);
	assert_int_equal(t->f.server.reason, -EPROTO);
}

static void test_bytes_of_an_opened_stream(void **state)
{
	struct raw *t = *state;
	struct end e = { 0 };
	uint8_t body[3];

	e.stream = mux_open(t->f.server.mux, &end_ops, &e);
	stream_write(e.stream, "abc", 3);
	/* Data, SYN, stream 2, 3 bytes: opening and first bytes are one frame. */
	hear(t, "\0\0\0\1\0\0\0\2\0\0\0\3");
	assert_int_equal(read(t->fd, body, 3), 3);
	assert_memory_equal(body, "abc", 3);
	stream_shutdown(e.stream);
	hear(t, "\0\1\0\4\0\0\0\2\0\0\0\0");
	stream_reset(e.stream);
	hear(t, "\0\1\0\10\0\0\0\2\0\0\0\0");
	e.stream = mux_open(t->f.server.mux, &end_ops, &e);
	hear(t, "\0\1\0\1\0\0\0\4\0\0\0\0");
	stream_write(e.stream, "z", 1);
	stream_close(e.stream);
	hear(t, "\0\0\0\4\0\0\0\4\0\0\0\1");
}

static void test_bytes_of_an_accepted_stream(void **state)
{
	struct raw *t = *state;

	say(t, FRAME_WINDOW, FLAG_SYN, 1, 0);
	hear(t, "\0\1\0\2\0\0\0\1\0\0\0\0");
	/* A grant comes after half a window was consumed, and is what was consumed. */
	for (int i = 0; i < 4; i++) {
		static const uint8_t zeros[MUX_WINDOW / 8];

		say(t, FRAME_DATA, 0, 1, sizeof(zeros));
		say_bytes(t, zeros, sizeof(zeros));
		settle(t->f.loop);
	}
	hear(t, "\0\1\0\0\0\0\0\1\0\2\0\0");
}

/* A reset takes back only what its sender had not finished: all that came before FIN is read. */
static void test_reset_behind_fin(void **state)
{
	struct raw *t = *state;
	struct end *e = &t->f.server.opened[0];

	say(t, 1, 1, 1, 0);
	hear(t, "\0\1\0\2\0\0\0\1\0\0\0\0");
	say_bytes(t, "\0\0\0\4\0\0\0\1\0\0\0\4last", 16);
	say_bytes(t, "\0\1\0\10\0\0\0\1\0\0\0\0", 12);
	settle(t->f.loop);
	assert_int_equal(e->got.len, 4);
	assert_memory_equal(buf_bytes(&e->got), "last", 4);
	assert_int_equal(e->closed, 1);
	assert_int_equal(t->f.server.ended, 0);
}

/* What was written before stream_close goes out even when bytes come before it could. */
static void test_bytes_cross_a_close(void **state)
{
	struct raw *t = *state;
	struct end *e = &t->f.server.opened[0];
	uint8_t body[4];

	say(t, 1, 1, 1, 0);
	hear(t, "\0\1\0\2\0\0\0\1\0\0\0\0");
	stream_write(e->stream, "exit", 4);
	stream_close(e->stream);
	say_bytes(t, "\0\0\0\0\0\0\0\1\0\0\0\3abc", 15);
	hear(t, "\0\0\0\4\0\0\0\1\0\0\0\4");
	assert_int_equal(read(t->fd, body, 4), 4);
	assert_memory_equal(body, "exit", 4);
	hear(t, "\0\1\0\10\0\0\0\1\0\0\0\0");
	assert_int_equal(mux_stream_count(t->f.server.mux), 0);
}

static void test_refusal(void **state)
{
	struct raw *t = *state;

	t->f.server.refuse = true;
	say(t, FRAME_DATA, FLAG_SYN, 1, 5);
	say_bytes(t, "12345", 5);
	hear(t, "\0\1\0\10\0\0\0\1\0\0\0\0");
	/* What was under way when we refused is no fault. */
	say(t, FRAME_DATA, 0, 1, 2);
	say_bytes(t, "67", 2);
	say(t, FRAME_WINDOW, FLAG_FIN, 1, 0);
	say(t, FRAME_PING, FLAG_SYN, 0, 0xdeadbeef);
	hear(t, "\0\2\0\2\0\0\0\0\xde\xad\xbe\xef");
}

static void test_ping(void **state)
{
	struct raw *t = *state;

	say(t, FRAME_PING, FLAG_SYN, 0, 7);
	hear(t, "\0\2\0\2\0\0\0\0\0\0\0\7");
	say(t, FRAME_PING, FLAG_ACK, 0, 1234); /* unasked: ignored */
	hear_nothing(t);
	mux_set_keepalive(t->f.server.mux, 10);
	loop_step(t->f.loop, 20);
	hear(t, "\0\2\0\1\0\0\0\0\0\0\0\1");
	say(t, FRAME_PING, FLAG_ACK, 0, 1);
	loop_step(t->f.loop, 5);
	assert_int_equal(t->f.server.ended, 0);
	for (int i = 0; i < 10 && !t->f.server.ended; i++)
		loop_step(t->f.loop, 20);
	assert_int_equal(t->f.server.reason, -ETIMEDOUT);
}

/* A header may come byte by byte, and so may what follows it. */
static void test_crumbs(void **state)
{
	struct raw *t = *state;
	static const char bytes[] = "\0\0\0\5\0\0\0\1\0\0\0\3abc";

	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		say_bytes(t, bytes + i, 1);
		assert_int_equal(loop_step(t->f.loop, 0), 0);
	}
	settle(t->f.loop);
	assert_int_equal(t->f.server.opened[0].got.len, 3);
	assert_int_equal(t->f.server.opened[0].eof, 1);
}

static void test_malformed(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t n;
	} cases[] = {
#define BYTES(what, b) { what, b, sizeof(b) - 1 }
#define OPEN_1         "\0\1\0\1\0\0\0\1\0\0\0\0"
		BYTES("version", "\1\1\0\1\0\0\0\1\0\0\0\0"),
		BYTES("type", "\0\4\0\1\0\0\0\1\0\0\0\0"),
		BYTES("data for the session", "\0\0\0\0\0\0\0\0\0\0\0\0"),
		BYTES("window for the session", "\0\1\0\1\0\0\0\0\0\0\0\0"),
		BYTES("ping for a stream", "\0\2\0\1\0\0\0\1\0\0\0\0"),
		BYTES("ping without flag", "\0\2\0\0\0\0\0\0\0\0\0\0"),
		BYTES("go away for a stream", "\0\3\0\0\0\0\0\1\0\0\0\0"),
		BYTES("our parity", "\0\1\0\1\0\0\0\2\0\0\0\0"),
		BYTES("never opened", "\0\0\0\0\0\0\0\1\0\0\0\0"),
		BYTES("never opened by us", "\0\1\0\0\0\0\0\2\0\0\0\0"),
		BYTES("opened twice", OPEN_1 OPEN_1),
		BYTES("finished twice", "\0\1\0\5\0\0\0\1\0\0\0\0\0\1\0\4\0\0\0\1\0\0\0\0"),
		BYTES("data behind fin", "\0\1\0\5\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1x"),
		BYTES("beyond the window", OPEN_1 "\0\0\0\0\0\0\0\1\0\4\0\1"),
		BYTES("window overflow", OPEN_1 "\0\1\0\0\0\0\0\1\xff\xff\xff\xff"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		void *sub;
		struct raw *t;

		print_message("  %s\n", cases[i].what);
		raw_setup(&sub);
		t = sub;
		t->f.server.wait = true;
		say_bytes(t, cases[i].bytes, cases[i].n);
		hear_protocol_error(t);
		raw_teardown(&sub);
	}
}

/* In pieces: each is within the window, the sum is not. */
static void test_overrun_by_sum(void **state)
{
	static const uint8_t zeros[MUX_WINDOW / 4];
	struct raw *t = *state;

	t->f.server.lazy = true;
	say(t, FRAME_WINDOW, FLAG_SYN, 1, 0);
	hear(t, "\0\1\0\2\0\0\0\1\0\0\0\0");
	for (int i = 0; i < 4; i++) {
		say(t, FRAME_DATA, 0, 1, sizeof(zeros));
		say_bytes(t, zeros, sizeof(zeros));
		settle(t->f.loop);
	}
	assert_int_equal(t->f.server.ended, 0);
	say(t, FRAME_DATA, 0, 1, 1);
	hear_protocol_error(t);
	assert_int_equal(t->f.server.opened[0].closed, 1);
	assert_int_equal(t->f.server.opened[0].reason, -EPROTO);
}

static void test_go_away(void **state)
{
	static const struct {
		uint32_t code;
		int reason;
	} cases[] = { { 0, 0 }, { 1, -EPROTO }, { 2, -EREMOTEIO }, { 77, -EPROTO } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		void *sub;
		struct raw *t;

		raw_setup(&sub);
		t = sub;
		say(t, FRAME_GO_AWAY, 0, 0, cases[i].code);
		settle(t->f.loop);
		assert_int_equal(t->f.server.ended, 1);
		assert_int_equal(t->f.server.reason, cases[i].reason);
		raw_teardown(&sub);
	}
}

/* A leaving peer finishes what it has, and takes nothing new. */
static void test_go_away_waits_for_streams(void **state)
{
	struct raw *t = *state;
	struct end *e = &t->f.server.opened[0];

	say(t, FRAME_WINDOW, FLAG_SYN, 1, 0);
	say(t, FRAME_GO_AWAY, 0, 0, 0);
	settle(t->f.loop);
	assert_int_equal(t->f.server.ended, 0);
	assert_null(mux_open(t->f.server.mux, &end_ops, NULL));
	say(t, FRAME_DATA, FLAG_FIN, 1, 2);
	say_bytes(t, "ok", 2);
	settle(t->f.loop);
	assert_int_equal(e->got.len, 2);
	stream_close(e->stream);
	settle(t->f.loop);
	assert_int_equal(t->f.server.ended, 1);
	assert_int_equal(t->f.server.reason, 0);
}

static void test_last_words_are_read(void **state)
{
	struct raw *t = *state;
	struct end *e = &t->f.server.opened[0];

	say(t, FRAME_DATA, FLAG_SYN, 1, 3);
	say_bytes(t, "bye", 3);
	/* Our own writing fails from now on, and what it said still arrives. */
	fd_close(&t->fd);
	mux_set_keepalive(t->f.server.mux, 1000);
	settle(t->f.loop);
	assert_int_equal(e->got.len, 3);
	assert_int_equal(e->closed, 1);
	assert_int_equal(t->f.server.ended, 1);
	assert_int_equal(t->f.server.reason, 0);
}

/* Writes frames until the session takes no more; how many bytes it took. */
static size_t flood(struct raw *t, const struct buf *frames, size_t rounds)
{
	size_t sent = 0, at = 0;

	for (size_t i = 0; i < rounds; i++) {
		ssize_t n = write(t->fd, buf_bytes(frames) + at, frames->len - at);

		if (n > 0) {
			sent += (size_t)n;
			at = (at + (size_t)n) % frames->len;
		}
		assert_int_equal(loop_step(t->f.loop, 0), 0);
	}
	return sent;
}

/* A peer that asks and asks and takes no answer is not listened to any more. */
static void test_ping_flood(void **state)
{
	struct raw *t = *state;
	cleanup_buf struct buf frames = BUF_INIT;
	size_t sent;
	char drain[65536];

	for (uint32_t i = 0; i < 4096; i++)
		frame_put(&frames, FRAME_PING, FLAG_SYN, 0, i);
	sent = flood(t, &frames, 400);
	assert_true(sent < 2 << 20);
	assert_int_equal(t->f.server.ended, 0);
	/* When it takes them after all, everything goes on. */
	for (int i = 0; i < 400; i++) {
		while (read(t->fd, drain, sizeof(drain)) > 0)
			;
		loop_step(t->f.loop, 0);
	}
	assert_int_equal(flood(t, &frames, 1) > 0, 1);
}

static void test_open_and_reset_flood(void **state)
{
	struct raw *t = *state;
	cleanup_buf struct buf frames = BUF_INIT;

	for (uint32_t i = 0; i < 20000; i++) {
		frame_put(&frames, FRAME_WINDOW, FLAG_SYN, 2 * i + 1, 0);
		frame_put(&frames, FRAME_WINDOW, FLAG_RST, 2 * i + 1, 0);
	}
	for (size_t at = 0; at < frames.len;) {
		ssize_t n = write(t->fd, buf_bytes(&frames) + at, frames.len - at);

		at += n > 0 ? (size_t)n : 0;
		assert_int_equal(loop_step(t->f.loop, 0), 0);
		t->f.server.n_opened = 0;
		assert_true(mux_stream_count(t->f.server.mux) <= MUX_MAX_BACKLOG);
	}
	settle(t->f.loop);
	assert_int_equal(t->f.server.ended, 0);
	assert_int_equal(mux_stream_count(t->f.server.mux), 0);
}

static void test_cut_frame_at_the_end(void **state)
{
	struct raw *t = *state;

	say(t, FRAME_DATA, FLAG_SYN | FLAG_FIN, 1, 100);
	say_bytes(t, "only this", 9);
	settle(t->f.loop);
	fd_close(&t->fd);
	settle(t->f.loop);
	assert_int_equal(t->f.server.opened[0].got.len, 9);
	assert_int_equal(t->f.server.opened[0].eof, 0);
	assert_int_equal(t->f.server.opened[0].closed, 1);
}

static void test_pieces_for_a_stream_that_ended_meanwhile(void **state)
{
	struct raw *t = *state;

	say(t, FRAME_DATA, FLAG_SYN | FLAG_FIN, 1, 6);
	say_bytes(t, "abc", 3);
	settle(t->f.loop);
	stream_reset(t->f.server.opened[0].stream);
	say_bytes(t, "def", 3);
	say(t, FRAME_WINDOW, FLAG_SYN, 3, 0);
	settle(t->f.loop);
	assert_int_equal(t->f.server.n_opened, 2);
	assert_int_equal(t->f.server.ended, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, raw_setup, raw_teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_of_an_opened_stream),
		T(bytes_of_an_accepted_stream),
		T(reset_behind_fin),
		T(bytes_cross_a_close),
		T(refusal),
		T(ping),
		T(crumbs),
		cmocka_unit_test(test_malformed),
		T(overrun_by_sum),
		cmocka_unit_test(test_go_away),
		T(go_away_waits_for_streams),
		T(last_words_are_read),
		T(ping_flood),
		T(open_and_reset_flood),
		T(cut_frame_at_the_end),
		T(pieces_for_a_stream_that_ended_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
