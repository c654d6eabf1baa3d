/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "abi_wire.h"
#include "mux_fixture.h"
#include "relay.h"
#include "stream_msg.h"

/* A relay on the client's side of a stream whose server's side the test plays. */
struct rig {
	struct fixture *f;
	struct relay *relay;
	int fd; /* the far end of what the relay has */
	struct end *peer;
	int done;
};

static void handle_done(struct relay *relay, void *data)
{
	struct rig *rig = data;

	assert_ptr_equal(relay, rig->relay);
	rig->done++;
	relay_destroy(relay);
	rig->relay = NULL;
}

static void rig_start(struct rig *rig, struct fixture *f, bool lazy)
{
	int fds[2];

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fd_set_nonblock(fds[0], true);
	f->server.lazy = lazy;
	rig->f = f;
	rig->fd = fds[0];
	rig->peer = &f->server.opened[0];
	rig->relay = relay_create(f->loop, mux_open(f->client.mux, NULL, NULL), fds[1], handle_done,
				  rig);
	settle(f->loop);
	assert_non_null(rig->peer->stream);
}

static void rig_stop(struct rig *rig)
{
	relay_destroy(rig->relay);
	fd_close(&rig->fd);
}

static void test_both_ways_and_counted(void **state)
{
	struct rig rig;
	struct relay_counts counts;
	char got[8];

	rig_start(&rig, *state, false);
	assert_int_equal(write(rig.fd, "request", 7), 7);
	settle(rig.f->loop);
	assert_int_equal(rig.peer->got.len, 7);
	stream_write(rig.peer->stream, "reply", 5);
	settle(rig.f->loop);
	assert_int_equal(read(rig.fd, got, sizeof(got)), 5);
	assert_memory_equal(got, "reply", 5);
	relay_get_counts(rig.relay, &counts);
	assert_int_equal(counts.to_stream, 7);
	assert_int_equal(counts.to_fd, 5);
	rig_stop(&rig);
}

static void test_half_closes(void **state)
{
	struct rig rig;
	char got[8];

	rig_start(&rig, *state, false);
	assert_int_equal(write(rig.fd, "q", 1), 1);
	shutdown(rig.fd, SHUT_WR);
	settle(rig.f->loop);
	assert_int_equal(rig.peer->eof, 1);
	assert_int_equal(rig.done, 0);
	stream_write(rig.peer->stream, "late answer", 4);
	settle(rig.f->loop);
	assert_int_equal(read(rig.fd, got, sizeof(got)), 4);
	stream_close(rig.peer->stream);
	settle(rig.f->loop);
	assert_int_equal(read(rig.fd, got, sizeof(got)), 0);
	assert_int_equal(rig.done, 1);
	assert_int_equal(mux_stream_count(rig.f->client.mux), 0);
	assert_int_equal(mux_stream_count(rig.f->server.mux), 0);
	rig_stop(&rig);
}

static void test_stream_ends_first(void **state)
{
	struct rig rig;
	char got[8];

	rig_start(&rig, *state, false);
	stream_write(rig.peer->stream, "all", 3);
	stream_shutdown(rig.peer->stream);
	settle(rig.f->loop);
	assert_int_equal(read(rig.fd, got, sizeof(got)), 3);
	assert_int_equal(read(rig.fd, got, sizeof(got)), 0);
	assert_int_equal(rig.done, 0);
	assert_int_equal(write(rig.fd, "still", 5), 5);
	fd_close(&rig.fd);
	settle(rig.f->loop);
	assert_int_equal(rig.peer->got.len, 5);
	assert_int_equal(rig.peer->eof, 1);
	assert_int_equal(rig.done, 1);
	rig_stop(&rig);
}

/* Nobody reads at the stream's end: the writer stops at a window and what sockets hold. */
static void test_backpressure_to_the_descriptor(void **state)
{
	struct rig rig;
	cleanup_free uint8_t *bytes = xcalloc(1, 1 << 16);
	size_t sent = 0, n;

	rig_start(&rig, *state, true);
	for (int i = 0; i < 200; i++) {
		ssize_t took = write(rig.fd, bytes, 1 << 16);

		sent += took > 0 ? (size_t)took : 0;
		loop_step(rig.f->loop, 0);
	}
	settle(rig.f->loop);
	stream_peek(rig.peer->stream, &n);
	assert_int_equal(n, MUX_WINDOW);
	assert_true(sent < 2 << 20);
	/* And goes on when somebody does. */
	rig.peer->lazy = false;
	stream_set_ops(rig.peer->stream, &end_ops, rig.peer);
	settle(rig.f->loop);
	assert_int_equal(rig.peer->got.len, sent);
	rig_stop(&rig);
}

static void test_backpressure_to_the_stream(void **state)
{
	struct rig rig;
	cleanup_free uint8_t *bytes = xcalloc(1, 1 << 20), *got = xmalloc(1 << 20);
	size_t sent = 0, received = 0;

	for (int i = 0; i < 1 << 20; i++)
		bytes[i] = (uint8_t)(i % 251);
	rig_start(&rig, *state, false);
	for (int i = 0; i < 50; i++) {
		sent += stream_write(rig.peer->stream, bytes + sent, (1 << 20) - sent);
		loop_step(rig.f->loop, 0);
	}
	assert_true(sent < 1 << 20);
	for (int i = 0; i < 2000 && received < 1 << 20; i++) {
		ssize_t n = read(rig.fd, got + received, (1 << 20) - received);

		received += n > 0 ? (size_t)n : 0;
		sent += stream_write(rig.peer->stream, bytes + sent, (1 << 20) - sent);
		loop_step(rig.f->loop, 0);
	}
	assert_int_equal(received, 1 << 20);
	assert_memory_equal(got, bytes, 1 << 20);
	rig_stop(&rig);
}

static void test_reset_closes_the_descriptor(void **state)
{
	struct rig rig;
	char byte;

	rig_start(&rig, *state, false);
	stream_reset(rig.peer->stream);
	settle(rig.f->loop);
	assert_int_equal(rig.done, 1);
	assert_int_equal(read(rig.fd, &byte, 1), 0);
	rig_stop(&rig);
}

static void test_destroy_resets_the_stream(void **state)
{
	struct rig rig;
	char byte;

	rig_start(&rig, *state, false);
	relay_destroy(rig.relay);
	rig.relay = NULL;
	settle(rig.f->loop);
	assert_int_equal(rig.peer->closed, 1);
	assert_int_equal(read(rig.fd, &byte, 1), 0);
	assert_int_equal(rig.done, 0);
	rig_stop(&rig);
}

/* The descriptor's other end is gone entirely: an endless sender at the stream is told. */
static void test_closed_descriptor_ends_the_sender(void **state)
{
	struct rig rig;

	rig_start(&rig, *state, false);
	fd_close(&rig.fd);
	settle(rig.f->loop);
	assert_int_equal(rig.peer->eof, 1);
	for (int i = 0; i < 3 && rig.peer->stream; i++) {
		stream_write(rig.peer->stream, "more", 4);
		settle(rig.f->loop);
	}
	assert_int_equal(rig.done, 1);
	assert_int_equal(rig.peer->closed, 1);
	rig_stop(&rig);
}

/* The session ends while the descriptor's reader is slow: it still gets what had arrived. */
static void test_last_bytes_survive_the_session(void **state)
{
	struct rig rig;
	enum { N = 500000 };
	cleanup_free uint8_t *bytes = xcalloc(1, N), *got = xmalloc(N);
	size_t sent = 0, received = 0;

	rig_start(&rig, *state, false);
	for (int i = 0; i < 100; i++) {
		sent += stream_write(rig.peer->stream, bytes + sent, N - sent);
		loop_step(rig.f->loop, 0);
	}
	settle(rig.f->loop);
	mux_destroy(rig.f->server.mux);
	rig.f->server.mux = NULL;
	settle(rig.f->loop);
	assert_int_equal(rig.f->client.ended, 1);
	assert_int_equal(rig.done, 0);
	for (int i = 0; i < 1000; i++) {
		ssize_t n = read(rig.fd, got, N);

		if (n == 0)
			break;
		received += n > 0 ? (size_t)n : 0;
		loop_step(rig.f->loop, 0);
	}
	assert_true(sent > 200000);
	assert_int_equal(received, sent);
	settle(rig.f->loop);
	assert_int_equal(rig.done, 1);
	rig_stop(&rig);
}

/* stream_msg.c */

static void test_messages(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];
	struct wire_reply reply = { .code = 2, .message = (char *)(uintptr_t) "no such file" };
	struct wire_reply *got;
	uint16_t type;

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	assert_int_equal(stream_send_msg(e.stream, &wire_reply_type, &reply), 0);
	reply.code = 3;
	assert_int_equal(stream_send_msg(e.stream, &wire_reply_type, &reply), 0);
	stream_write(e.stream, "\10\0\0", 3);
	settle(f->loop);
	for (uint64_t i = 2; i <= 3; i++) {
		assert_int_equal(stream_next_msg(peer->stream, &type), 0);
		assert_int_equal(type, WIRE_REPLY);
		/* Another type is refused and nothing lost. */
		assert_int_equal(stream_take_msg(peer->stream, &wire_open_type, (void **)&got),
				 -EBADMSG);
		assert_int_equal(stream_take_msg(peer->stream, &wire_reply_type, (void **)&got), 0);
		assert_int_equal(got->code, i);
		assert_string_equal(got->message, "no such file");
		msg_free(&wire_reply_type, got);
	}
	assert_int_equal(stream_next_msg(peer->stream, &type), -EAGAIN);
	/* Half a message at the end will never be one. */
	stream_shutdown(e.stream);
	peer->readable = 0;
	settle(f->loop);
	assert_int_equal(peer->readable, 1);
	assert_int_equal(stream_next_msg(peer->stream, &type), -EBADMSG);
}

static void test_message_bounds(void **state)
{
	struct fixture *f = *state;
	struct end e = { 0 }, *peer = &f->server.opened[0];
	cleanup_free uint8_t *payload = xcalloc(1, 256 << 10);
	struct wire_config config = { .payload = { payload, STREAM_MSG_MAX - 16 } };
	int sent = 0;
	uint16_t type;

	f->server.lazy = true;
	e.stream = mux_open(f->client.mux, &end_ops, &e);
	assert_int_equal(stream_send_msg(e.stream, &wire_config_type, &config), 0);
	config.payload.len = STREAM_MSG_MAX;
	assert_int_equal(stream_send_msg(e.stream, &wire_config_type, &config), -EMSGSIZE);
	config.payload.len = STREAM_MSG_MAX - 16;
	while (stream_send_msg(e.stream, &wire_config_type, &config) == 0)
		sent++;
	assert_int_equal(sent, 1);
	settle(f->loop);
	assert_int_equal(stream_next_msg(peer->stream, &type), 0);
	stream_consume(peer->stream, STREAM_MSG_MAX);
	settle(f->loop);
	assert_int_equal(e.writable, 1);
	assert_int_equal(stream_send_msg(e.stream, &wire_config_type, &config), 0);
	/* A header that promises too much is no message. */
	stream_consume(peer->stream, SIZE_MAX);
	settle(f->loop);
	stream_consume(peer->stream, SIZE_MAX);
	settle(f->loop);
	stream_write(e.stream, "\6\0\0\0\0\0\2\0", 8);
	settle(f->loop);
	assert_int_equal(stream_next_msg(peer->stream, &type), -EBADMSG);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(both_ways_and_counted),
		T(half_closes),
		T(stream_ends_first),
		T(backpressure_to_the_descriptor),
		T(backpressure_to_the_stream),
		T(reset_closes_the_descriptor),
		T(destroy_resets_the_stream),
		T(closed_descriptor_ends_the_sender),
		T(last_bytes_survive_the_session),
		T(messages),
		T(message_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
