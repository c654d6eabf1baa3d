/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi_control.h"
#include "chan.h"
#include "fd.h"
#include "mem.h"

struct side {
	struct chan *chan;
	int msgs, ends, reason;
	uint16_t type;
	uint64_t last;
	int fd; /* the last that came */
	bool destroy;
};

struct rig {
	struct loop *loop;
	struct side a, b;
	int raw; /* b's descriptor when b is no channel, or -1 */
};

static void handle_msg(struct chan *chan, uint16_t type, const void *msg, size_t len, int *fd,
		       void *data)
{
	struct side *side = data;
	struct control_stop *stop;

	side->msgs++;
	side->type = type;
	if (*fd >= 0) {
		fd_close(&side->fd);
		side->fd = steal_fd(fd);
	}
	if (type == CONTROL_STOP) {
		assert_int_equal(msg_decode(&control_stop_type, msg, len, (void **)&stop), 0);
		side->last = stop->grace;
		msg_free(&control_stop_type, stop);
	}
	if (side->destroy) {
		chan_destroy(chan);
		side->chan = NULL;
	}
}

static void handle_end(struct chan *chan, int reason, void *data)
{
	struct side *side = data;

	assert_ptr_equal(chan, side->chan);
	side->ends++;
	side->reason = reason;
	chan_destroy(chan);
	side->chan = NULL;
}

static const struct chan_ops ops = { handle_msg, handle_end };

static int setup(void **state, bool raw)
{
	struct rig *t = xcalloc(1, sizeof(*t));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	t->loop = loop_create();
	t->a.fd = t->b.fd = t->raw = -1;
	t->a.chan = chan_create(t->loop, fds[0], &ops, &t->a);
	if (raw)
		t->raw = fds[1];
	else
		t->b.chan = chan_create(t->loop, fds[1], &ops, &t->b);
	*state = t;
	return 0;
}

static int setup_pair(void **state)
{
	return setup(state, false);
}

static int setup_raw(void **state)
{
	return setup(state, true);
}

static int teardown(void **state)
{
	struct rig *t = *state;

	chan_destroy(t->a.chan);
	chan_destroy(t->b.chan);
	fd_close(&t->a.fd);
	fd_close(&t->b.fd);
	fd_close(&t->raw);
	loop_destroy(t->loop);
	free(t);
	return 0;
}

static void settle(struct rig *t)
{
	for (int i = 0; i < 100; i++)
		loop_step(t->loop, 0);
}

static int send_stop(struct rig *t, uint64_t n, int fd)
{
	struct control_stop stop = { .grace = n };

	return chan_send(t->a.chan, &control_stop_type, &stop, fd);
}

static void test_order(void **state)
{
	struct rig *t = *state;

	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(send_stop(t, i, -1), 0);
	settle(t);
	assert_int_equal(t->b.msgs, 100);
	assert_int_equal(t->b.last, 100);
	assert_int_equal(t->b.fd, -1);
}

static void test_descriptor(void **state)
{
	struct rig *t = *state;
	int pipes[2];
	char got[2];

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(send_stop(t, 1, pipes[1]), 0);
	settle(t);
	assert_true(t->b.fd >= 0);
	assert_true(fcntl(t->b.fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(t->b.fd, "hi", 2), 2);
	assert_int_equal(read(pipes[0], got, 2), 2);
	/* The sender's own is still open. */
	assert_int_equal(write(pipes[1], "hi", 2), 2);
	close(pipes[0]);
	close(pipes[1]);
}

/* Descriptors in the queue are duplicates, and none is left over. */
static void test_descriptors_in_the_queue(void **state)
{
	struct rig *t = *state;
	int pipes[2];
	char byte;

	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	for (uint64_t i = 0; i < 600; i++)
		assert_int_equal(send_stop(t, i, i % 100 ? -1 : pipes[1]), 0);
	close(pipes[1]);
	settle(t);
	assert_int_equal(t->b.msgs, 600);
	assert_int_equal(read(pipes[0], &byte, 1), -1); /* b has one */
	fd_close(&t->b.fd);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

static void test_large_and_oversize(void **state)
{
	struct rig *t = *state;
	cleanup_free uint8_t *payload = xcalloc(1, 1 << 20);
	struct control_config config = { .id = 1, .payload = { payload, 256 << 10 } };

	assert_int_equal(chan_send(t->a.chan, &control_config_type, &config, -1), 0);
	settle(t);
	assert_int_equal(t->b.msgs, 1);
	assert_int_equal(t->b.type, CONTROL_CONFIG);
	config.payload.len = 1 << 20;
	assert_int_equal(chan_send(t->a.chan, &control_config_type, &config, -1), -EMSGSIZE);
	settle(t);
	assert_int_equal(t->a.ends + t->b.ends, 0);
}

static void test_queue_bound(void **state)
{
	struct rig *t = *state;
	uint64_t n = 0;

	while (send_stop(t, ++n, -1) == 0)
		assert_true(n < CHAN_MAX_QUEUE + 5000);
	assert_true(n > CHAN_MAX_QUEUE);
	assert_int_equal(t->a.ends, 0); /* never from within chan_send */
	assert_int_equal(send_stop(t, 1, -1), -EPIPE);
	settle(t);
	assert_int_equal(t->a.ends, 1);
	assert_int_equal(t->a.reason, -ENOBUFS);
}

static void test_byte_bound(void **state)
{
	struct rig *t = *state;
	cleanup_free uint8_t *payload = xcalloc(1, 256 << 10);
	struct control_config config = { .id = 1, .payload = { payload, 256 << 10 } };
	int n = 0;

	while (chan_send(t->a.chan, &control_config_type, &config, -1) == 0)
		assert_true(++n < 20);
	settle(t);
	assert_int_equal(t->a.reason, -ENOBUFS);
}

static void test_end_of_peer(void **state)
{
	struct rig *t = *state;

	assert_int_equal(send_stop(t, 9, -1), 0);
	chan_destroy(t->a.chan);
	t->a.chan = NULL;
	settle(t);
	assert_int_equal(t->b.last, 9);
	assert_int_equal(t->b.ends, 1);
	assert_int_equal(t->b.reason, 0);
}

static void test_destroy_in_handler(void **state)
{
	struct rig *t = *state;

	t->b.destroy = true;
	assert_int_equal(send_stop(t, 1, -1), 0);
	assert_int_equal(send_stop(t, 2, -1), 0);
	settle(t);
	assert_int_equal(t->b.msgs, 1);
	assert_int_equal(t->b.ends, 0);
	assert_int_equal(t->a.ends, 1);
}

/* What the peer said last is heard although sending to it fails already. */
static void test_last_words(void **state)
{
	struct rig *t = *state;

	assert_int_equal(write(t->raw, "\x7\0\0\0\0\0\0\0", 8), 8);
	fd_close(&t->raw);
	assert_int_equal(send_stop(t, 1, -1), -EPIPE);
	settle(t);
	assert_int_equal(t->a.msgs, 1);
	assert_int_equal(t->a.ends, 1);
	assert_int_equal(t->a.reason, 0);
}

static void expect_broken(struct rig *t)
{
	settle(t);
	assert_int_equal(t->a.msgs, 0);
	assert_int_equal(t->a.ends, 1);
	assert_int_equal(t->a.reason, -EBADMSG);
}

static void test_no_message(void **state)
{
	struct rig *t = *state;

	assert_int_equal(write(t->raw, "abc", 3), 3);
	expect_broken(t);
}

static void test_two_messages_in_a_packet(void **state)
{
	struct rig *t = *state;

	assert_int_equal(write(t->raw, "\7\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0", 16), 16);
	expect_broken(t);
}

static void test_oversize_packet(void **state)
{
	struct rig *t = *state;
	cleanup_free uint8_t *big = xcalloc(1, CHAN_MAX_MSG + 1);
	uint32_t len = CHAN_MAX_MSG + 1 - MSG_HEADER;
	int size = 1 << 19;

	memcpy(big, "\6\0\0\0", 4);
	memcpy(big + 4, &len, 4);
	setsockopt(t->raw, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	assert_int_equal(write(t->raw, big, CHAN_MAX_MSG + 1), CHAN_MAX_MSG + 1);
	expect_broken(t);
}

/* Two descriptors at once break the contract, and neither stays open here. */
static void test_two_descriptors(void **state)
{
	struct rig *t = *state;
	char bytes[8] = { 7 };
	struct iovec iov = { bytes, sizeof(bytes) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room),
	};
	int pipes[2], fds[2];
	char byte;

	assert_int_equal(pipe2(pipes, O_CLOEXEC | O_NONBLOCK), 0);
	fds[0] = fds[1] = pipes[1];
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	assert_int_equal(sendmsg(t->raw, &msg, 0), 8);
	close(pipes[1]);
	expect_broken(t);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	close(pipes[0]);
}

int main(void)
{
#define T(name)   cmocka_unit_test_setup_teardown(test_##name, setup_pair, teardown)
#define RAW(name) cmocka_unit_test_setup_teardown(test_##name, setup_raw, teardown)
	const struct CMUnitTest tests[] = {
		T(order),
		T(descriptor),
		T(descriptors_in_the_queue),
		T(large_and_oversize),
		T(queue_bound),
		T(byte_bound),
		T(end_of_peer),
		T(destroy_in_handler),
		RAW(last_words),
		RAW(no_message),
		RAW(two_messages_in_a_packet),
		RAW(oversize_packet),
		RAW(two_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
