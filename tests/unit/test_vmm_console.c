/* SPDX-License-Identifier: MIT */
/* The console device: the test is its driver, and the far ends of two sockets. */
#include <errno.h>
#include <linux/virtio_console.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "devices.h"
#include "fake_driver.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

#define SIZE      16 /* of the queues */
#define MULTIPORT (UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT)
#define MESSAGES  FAKE_DATA             /* control buffers of the device */
#define ORDERS    (FAKE_DATA + 0x8000)  /* of the driver */
#define BYTES     (FAKE_DATA + 0x10000) /* of ports */
#define RX1       4
#define TX1       5
#define RX2       6
#define TX2       7

struct rig {
	struct driver d;
	int peers[2];
};

static int setup(void **state)
{
	static struct rig rig;
	const struct port_options ports[] = { { .name = (char[]){ "atoll.wire" } },
					      { .name = (char[]){ "log" } } };
	int ours[2];

	log_init("test", LOG_LEVEL_ERROR);
	driver_open(&rig.d);
	for (int i = 0; i < 2; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
		fd_set_nonblock(fds[0], true);
		rig.peers[i] = fds[0];
		ours[i] = fds[1];
	}
	assert_int_equal(dev_console_create(&(struct device_host){ &rig.d.memory, rig.d.loop },
					    ports, ours, 2, &rig.d.v, NULL),
			 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	driver_close(&rig->d);
	fd_close(&rig->peers[0]);
	fd_close(&rig->peers[1]);
	return 0;
}

static void add(struct rig *rig, unsigned int queue, uint64_t gpa, uint32_t len, bool in)
{
	driver_add(&rig->d, queue, &(struct driver_buffer){ gpa, len, in }, 1);
}

static void give_control_buffers(struct rig *rig, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		add(rig, 2, MESSAGES + 0x100 * (rig->d.queues[2].avail_idx % SIZE), 0x100, true);
	driver_kick(&rig->d, 2);
}

static void order(struct rig *rig, uint32_t id, uint16_t event, uint16_t value)
{
	const struct virtio_console_control msg = { id, event, value };
	uint32_t head, len;

	memory_write(&rig->d.memory, ORDERS, &msg, sizeof(msg));
	add(rig, 3, ORDERS, sizeof(msg), false);
	driver_kick(&rig->d, 3);
	assert_true(driver_used(&rig->d, 3, &head, &len));
}

static void expect(struct rig *rig, uint32_t id, uint16_t event, uint16_t value, const char *text)
{
	const unsigned int i = rig->d.queues[2].used_seen % SIZE;
	struct virtio_console_control msg;
	char bytes[32] = "";
	uint32_t head, len;

	assert_true(driver_used(&rig->d, 2, &head, &len));
	assert_int_equal(len, sizeof(msg) + strlen(text));
	memory_read(&rig->d.memory, MESSAGES + 0x100 * i, &msg, sizeof(msg));
	memory_read(&rig->d.memory, MESSAGES + 0x100 * i + sizeof(msg), bytes, strlen(text));
	assert_int_equal(msg.id, id);
	assert_int_equal(msg.event, event);
	assert_int_equal(msg.value, value);
	assert_string_equal(bytes, text);
}

static bool told_more(struct rig *rig)
{
	uint32_t head, len;

	return driver_used(&rig->d, 2, &head, &len);
}

/* To a port 1 that is open at both ends. */
static void begin(struct rig *rig)
{
	assert_true(driver_begin(&rig->d, MULTIPORT | VIRTIO_F_EVENT_IDX_, SIZE));
	give_control_buffers(rig, SIZE);
	order(rig, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	expect(rig, 2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	order(rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "atoll.wire");
	expect(rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	order(rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_false(told_more(rig));
}

static void test_begin(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(driver_get(&rig->d, 0x104), 3); /* max_nr_ports */
	begin(rig);
	assert_true(driver_interrupted(&rig->d));
	order(rig, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(rig, 2, VIRTIO_CONSOLE_PORT_NAME, 1, "log");
	expect(rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	order(rig, 7, VIRTIO_CONSOLE_PORT_READY, 1); /* there is none */
	order(rig, 0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	order(rig, 1, 99, 1);
	assert_false(told_more(rig));
	assert_true(rig->d.v->active);
}

/* A guest that asks and gives no buffers is told all once there are some. */
static void test_few_control_buffers(void **state)
{
	struct rig *rig = *state;

	assert_true(driver_begin(&rig->d, MULTIPORT | VIRTIO_F_EVENT_IDX_, SIZE));
	for (int i = 0; i < 100; i++)
		order(rig, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	order(rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	assert_false(told_more(rig));
	give_control_buffers(rig, 1);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	assert_false(told_more(rig));
	give_control_buffers(rig, 5);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "atoll.wire");
	expect(rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	expect(rig, 2, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	assert_false(told_more(rig));
}

static void test_to_host(void **state)
{
	struct rig *rig = *state;
	const struct driver_buffer parts[] = { { BYTES, 3, false }, { BYTES + 16, 4, false } };
	char bytes[16];
	uint32_t head, len;

	begin(rig);
	memory_write(&rig->d.memory, BYTES, "abc", 3);
	memory_write(&rig->d.memory, BYTES + 16, "defg", 4);
	driver_add(&rig->d, TX1, parts, 2);
	add(rig, TX1, BYTES, 2, false);
	driver_kick(&rig->d, TX1);
	assert_int_equal(read(rig->peers[0], bytes, sizeof(bytes)), 9);
	assert_memory_equal(bytes, "abcdefgab", 9);
	assert_true(driver_used(&rig->d, TX1, &head, &len));
	assert_true(driver_used(&rig->d, TX1, &head, &len));
	assert_int_equal(rig->d.v->counters.out_ops, 2);
	assert_int_equal(rig->d.v->counters.out_bytes, 9);
	assert_int_equal(read(rig->peers[1], bytes, sizeof(bytes)), -1);
}

/* Nothing is read before the guest opened its end and gave buffers: all of it arrives then. */
static void test_to_guest(void **state)
{
	struct rig *rig = *state;
	char bytes[16] = "";
	uint32_t head, len;

	assert_int_equal(write(rig->peers[1], "0123456789", 10), 10);
	begin(rig);
	add(rig, RX2, BYTES, 4, true);
	driver_kick(&rig->d, RX2);
	assert_false(driver_used(&rig->d, RX2, &head, &len));
	order(rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	driver_run(&rig->d);
	assert_true(driver_used(&rig->d, RX2, &head, &len));
	assert_int_equal(len, 4);
	assert_false(driver_used(&rig->d, RX2, &head, &len));
	driver_interrupted(&rig->d);
	add(rig, RX2, BYTES + 4, 3, true);
	add(rig, RX2, BYTES + 7, 8, true);
	driver_kick(&rig->d, RX2);
	assert_true(driver_used(&rig->d, RX2, &head, &len));
	assert_int_equal(len, 3);
	assert_true(driver_used(&rig->d, RX2, &head, &len));
	assert_int_equal(len, 3);
	memory_read(&rig->d.memory, BYTES, bytes, 10);
	assert_string_equal(bytes, "0123456789");
	order(rig, 2, VIRTIO_CONSOLE_PORT_OPEN, 0);
	add(rig, RX2, BYTES, 4, true);
	assert_int_equal(write(rig->peers[1], "x", 1), 1);
	driver_kick(&rig->d, RX2);
	assert_false(driver_used(&rig->d, RX2, &head, &len));
}

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i ^ i >> 8 ^ i >> 16);
}

/* A host that reads slowly: chains stay in the queue, and every byte arrives once and in order. */
static void test_backpressure(void **state)
{
	enum { CHUNK = 30000, CHUNKS = 60 };
	struct rig *rig = *state;
	size_t given = 0, used = 0, got = 0;
	uint32_t head, len;
	bool waited = false;

	begin(rig);
	while (got < (size_t)CHUNK * CHUNKS) {
		uint8_t bytes[7777];
		ssize_t n;

		for (; given < CHUNKS && given - used < SIZE; given++) {
			const uint64_t gpa = BYTES + given % SIZE * 0x8000;
			uint8_t *p = memory_at(&rig->d.memory, gpa, CHUNK);

			for (size_t i = 0; i < CHUNK; i++)
				p[i] = pattern(given * CHUNK + i);
			add(rig, TX1, gpa, CHUNK, false);
		}
		driver_kick(&rig->d, TX1);
		while (driver_used(&rig->d, TX1, &head, &len))
			used++;
		waited |= given - used == SIZE;
		n = read(rig->peers[0], bytes, sizeof(bytes));
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], pattern(got + (size_t)i));
		got += (size_t)n;
	}
	assert_true(waited);
	assert_int_equal(used, CHUNKS);
	assert_int_equal(read(rig->peers[0], &len, 1), -1);
}

static void test_host_closes(void **state)
{
	struct rig *rig = *state;
	uint32_t head, len;

	begin(rig);
	add(rig, RX1, BYTES, 16, true);
	driver_kick(&rig->d, RX1);
	assert_int_equal(write(rig->peers[0], "last", 4), 4);
	fd_close(&rig->peers[0]);
	add(rig, TX1, BYTES, 16, false); /* before we saw the end */
	driver_set(&rig->d, 0x50, TX1);
	driver_run(&rig->d);
	assert_true(driver_used(&rig->d, RX1, &head, &len));
	assert_int_equal(len, 4);
	assert_false(told_more(rig)); /* there is no buffer left to find the end with */
	add(rig, RX1, BYTES, 16, true);
	driver_kick(&rig->d, RX1);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	assert_true(driver_used(&rig->d, TX1, &head, &len));
	add(rig, TX1, BYTES, 16, false); /* to nowhere */
	driver_kick(&rig->d, TX1);
	assert_true(driver_used(&rig->d, TX1, &head, &len));
	assert_true(rig->d.v->active);
	order(rig, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(rig, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "atoll.wire");
	expect(rig, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
}

/* The host's end outlives the driver: after a reset all begins again. */
static void test_reset(void **state)
{
	struct rig *rig = *state;
	uint32_t head, len;

	begin(rig);
	driver_set(&rig->d, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(write(rig->peers[0], "x", 1), 1);
	driver_run(&rig->d);
	begin(rig);
	add(rig, RX1, BYTES, 16, true);
	driver_kick(&rig->d, RX1);
	assert_true(driver_used(&rig->d, RX1, &head, &len));
	assert_int_equal(len, 1);
}

static bool needs_reset(struct rig *rig)
{
	return driver_get(&rig->d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET;
}

static void test_faults(void **state)
{
	struct rig *rig = *state;
	static const struct {
		unsigned int queue;
		struct driver_buffer buffer;
	} faults[] = {
		{ 3, { ORDERS, 4, false } },          /* a short message */
		{ 3, { ORDERS, 8, true } },           /* one that cannot be read */
		{ RX1, { BYTES, 8, false } },         /* a buffer that cannot be written */
		{ TX1, { BYTES, 8, true } },          /* one that cannot be read */
		{ TX1, { FAKE_MEMORY, 8, false } },   /* not memory */
		{ RX1, { FAKE_MEMORY - 4, 8, true } } /* not all of it */
	};

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		begin(rig);
		assert_int_equal(write(rig->peers[0], "x", 1), 1);
		driver_add(&rig->d, faults[i].queue, &faults[i].buffer, 1);
		driver_kick(&rig->d, faults[i].queue);
		assert_true(needs_reset(rig));
		assert_false(rig->d.v->active);
	}
	begin(rig);
	assert_false(needs_reset(rig));
}

static void test_small_control_buffer(void **state)
{
	struct rig *rig = *state;

	assert_true(driver_begin(&rig->d, MULTIPORT, SIZE));
	add(rig, 2, MESSAGES, 4, true);
	order(rig, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	assert_true(needs_reset(rig));
}

/* A driver without ports: what it writes to port 0 goes nowhere. */
static void test_no_multiport(void **state)
{
	struct rig *rig = *state;
	uint32_t head, len;

	assert_true(driver_begin(&rig->d, 0, SIZE));
	add(rig, 1, BYTES, 16, false);
	driver_kick(&rig->d, 1);
	assert_true(driver_used(&rig->d, 1, &head, &len));
	add(rig, TX1, BYTES, 16, false);
	driver_kick(&rig->d, TX1);
	assert_int_equal(read(rig->peers[0], &len, 1), -1);
	assert_false(needs_reset(rig));
}

static void test_not_a_socket(void **state)
{
	const struct port_options ports[] = { { .name = (char[]){ "a" } },
					      { .name = (char[]){ "b" } } };
	cleanup_err struct err *err = NULL;
	struct driver d;
	int fds[2];

	(void)state;
	driver_open(&d);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(dev_console_create(&(struct device_host){ &d.memory, d.loop }, ports, fds,
					    2, &d.v, &err),
			 -EINVAL);
	assert_string_equal(err_msg(err), "port \"a\": it is not a stream socket");
	assert_int_equal(close(fds[0]), -1);
	assert_int_equal(close(fds[1]), -1);
	driver_close(&d);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_begin),
		WITH_RIG(test_few_control_buffers),
		WITH_RIG(test_to_host),
		WITH_RIG(test_to_guest),
		WITH_RIG(test_backpressure),
		WITH_RIG(test_host_closes),
		WITH_RIG(test_reset),
		WITH_RIG(test_faults),
		WITH_RIG(test_small_control_buffer),
		WITH_RIG(test_no_multiport),
		cmocka_unit_test(test_not_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
