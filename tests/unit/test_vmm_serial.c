/* SPDX-License-Identifier: MIT */
/* The serial port: the test is the guest by register accesses, and the far end of a socket. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "dev_serial.h"
#include "fd.h"
#include "mem.h"

struct rig {
	struct loop *loop;
	struct serial *serial;
	int peer, ours, irq;
};

static void create(struct rig *rig, int in, int out)
{
	rig->loop = loop_create();
	rig->irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_int_equal(serial_create(rig->loop, in, out, rig->irq, &rig->serial, NULL), 0);
}

static int setup(void **state)
{
	static struct rig rig;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fd_set_nonblock(fds[0], true);
	rig.peer = fds[0];
	rig.ours = fds[1];
	create(&rig, rig.ours, rig.ours);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	serial_destroy(rig->serial);
	loop_destroy(rig->loop);
	fd_close(&rig->irq);
	fd_close(&rig->ours);
	fd_close(&rig->peer);
	return 0;
}

static unsigned int in(struct rig *rig, unsigned int reg)
{
	return (unsigned int)serial_ops.read(rig->serial, reg, 1);
}

static void out(struct rig *rig, unsigned int reg, unsigned int value)
{
	serial_ops.write(rig->serial, reg, 1, value);
}

static void run(struct rig *rig)
{
	const int64_t end = clock_ms() + 20;

	while (clock_ms() < end)
		loop_step(rig->loop, 5);
}

static unsigned int interrupts(struct rig *rig)
{
	uint64_t n = 0;

	return read(rig->irq, &n, sizeof(n)) < 0 ? 0 : (unsigned int)n;
}

/* What drivers/tty/serial/8250/8250_port.c does to find out what it has. */
static void test_probe(void **state)
{
	struct rig *rig = *state;

	out(rig, 1, 0);
	assert_int_equal(in(rig, 1), 0);
	out(rig, 1, 0x4f);
	assert_int_equal(in(rig, 1), 0x0f);
	out(rig, 1, 0);
	out(rig, 4, 0x10 | 0x0a);
	assert_int_equal(in(rig, 6) & 0xf0, 0x90);
	out(rig, 4, 0);
	out(rig, 2, 0x01);
	assert_int_equal(in(rig, 2) >> 6, 3);
	out(rig, 3, 0xbf);
	assert_int_not_equal(in(rig, 2), 0); /* no enhanced registers */
	out(rig, 0, 0x12);
	out(rig, 1, 0x34);
	assert_int_equal(in(rig, 0), 0x12);
	assert_int_equal(in(rig, 1), 0x34);
	out(rig, 3, 0);
	assert_int_equal(in(rig, 1), 0);
	out(rig, 2, 0x21);
	assert_int_equal(in(rig, 2) >> 5, 6); /* not a 16750 */
	out(rig, 7, 0x5a);
	assert_int_equal(in(rig, 7), 0x5a);
	assert_int_equal(in(rig, 5), 0x60);
}

static void test_loopback(void **state)
{
	struct rig *rig = *state;
	char byte;

	out(rig, 2, 1);
	out(rig, 4, 0x10);
	for (unsigned int i = 0; i < 17; i++)
		out(rig, 0, i);
	assert_int_equal(in(rig, 5), 0x63); /* data and overrun */
	assert_int_equal(in(rig, 5), 0x61);
	for (unsigned int i = 0; i < 16; i++)
		assert_int_equal(in(rig, 0), i);
	assert_int_equal(in(rig, 5), 0x60);
	run(rig);
	assert_int_equal(read(rig->peer, &byte, 1), -1);
}

static void test_output(void **state)
{
	static const char text[] = "Linux version\n";
	struct rig *rig = *state;
	char bytes[64];

	for (const char *p = text; *p; p++)
		out(rig, 0, (unsigned char)*p);
	assert_int_equal(read(rig->peer, bytes, sizeof(bytes)), -1); /* the loop's work */
	run(rig);
	assert_int_equal(read(rig->peer, bytes, sizeof(bytes)), strlen(text));
	assert_memory_equal(bytes, text, strlen(text));
}

static void test_transmit_interrupt(void **state)
{
	struct rig *rig = *state;

	out(rig, 2, 1);
	out(rig, 1, 2);
	assert_int_equal(interrupts(rig), 1);
	assert_int_equal(in(rig, 2), 0xc2);
	assert_int_equal(in(rig, 2), 0xc1); /* reading it was enough */
	for (int i = 0; i < 16; i++)
		out(rig, 0, 'x');
	assert_int_equal(interrupts(rig), 1); /* one edge for all */
	assert_int_equal(in(rig, 2), 0xc2);
	out(rig, 1, 0);
	out(rig, 1, 2);
	assert_int_equal(interrupts(rig), 1);
	out(rig, 1, 0);
	assert_int_equal(in(rig, 2), 0xc1);
}

static void test_input(void **state)
{
	struct rig *rig = *state;

	out(rig, 2, 1 | 0x80); /* trigger level 8 */
	assert_int_equal(write(rig->peer, "0123456789abcdefghij", 20), 20);
	run(rig);
	assert_int_equal(in(rig, 5) & 1, 0); /* nobody asked for it */
	out(rig, 1, 1);
	run(rig);
	assert_int_equal(interrupts(rig), 1);
	assert_int_equal(in(rig, 2), 0xc4);
	for (int i = 0; i < 10; i++)
		assert_int_equal(in(rig, 0), "0123456789"[i]);
	assert_int_equal(in(rig, 2), 0xcc);
	for (int i = 0; i < 6; i++)
		assert_int_equal(in(rig, 0), "abcdef"[i]);
	assert_int_equal(in(rig, 2), 0xc1);
	assert_int_equal(interrupts(rig), 0);
	run(rig);
	assert_int_equal(interrupts(rig), 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(in(rig, 0), "ghij"[i]);
	assert_int_equal(in(rig, 5) & 1, 0);
}

/* A reader that is slow: up to the limit it gets all, in order; we never wait. */
static void test_slow_reader(void **state)
{
	struct rig *rig = *state;
	const size_t total = 1 << 20;
	size_t got = 0;
	uint8_t last = 0;

	for (size_t i = 0; i < total; i++) {
		out(rig, 0, (unsigned int)i);
		if (i % 4096 == 0)
			loop_step(rig->loop, 0);
	}
	for (int round = 0; round < 200; round++) {
		uint8_t bytes[4096];
		ssize_t n = read(rig->peer, bytes, sizeof(bytes));

		for (ssize_t i = 0; i < n && got + (size_t)i < (32 << 10); i++)
			assert_int_equal(bytes[i], (uint8_t)last++);
		got += n > 0 ? (size_t)n : 0;
		loop_step(rig->loop, 5);
	}
	assert_true(got >= (32 << 10) && got < total);
	out(rig, 0, '!'); /* it goes on */
	run(rig);
	assert_int_equal(read(rig->peer, &last, 1), 1);
	assert_int_equal(last, '!');
}

static void test_peer_gone(void **state)
{
	struct rig *rig = *state;

	fd_close(&rig->peer);
	out(rig, 4, 2);
	for (int i = 0; i < 100; i++)
		out(rig, 0, 'x');
	run(rig);
	out(rig, 0, 'x');
	run(rig);
	assert_int_equal(in(rig, 5), 0x60);
}

static void quit(void *data)
{
	(*(int *)data)++;
}

static void test_escape(void **state)
{
	struct rig *rig = *state;
	int n = 0;

	serial_set_escape(rig->serial, quit, &n);
	out(rig, 2, 1);
	out(rig, 4, 2); /* RTS, polling */
	assert_int_equal(write(rig->peer, "x\001\001\001yz\001x", 8), 8);
	run(rig);
	assert_int_equal(n, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(in(rig, 0), "x\001yz"[i]);
	assert_int_equal(in(rig, 5) & 1, 0);
}

static void run_until(struct rig *rig, const int *n)
{
	const int64_t end = clock_ms() + 10000;

	while (!*n && clock_ms() < end)
		loop_step(rig->loop, 5);
	assert_int_equal(*n, 1);
}

/* The guest listens to nothing: what is typed waits for it, and the escape does not. */
static void test_escape_unheard(void **state)
{
	struct rig *rig = *state;
	int n = 0;

	serial_set_escape(rig->serial, quit, &n);
	assert_int_equal(write(rig->peer, "typed ahead, 20 long\001x", 22), 22);
	run_until(rig, &n);
	out(rig, 2, 1);
	out(rig, 1, 1);
	for (int i = 0; i < 20; i++) {
		for (int round = 0; round < 10 && !(in(rig, 5) & 1); round++)
			loop_step(rig->loop, 5);
		assert_int_equal(in(rig, 0), "typed ahead, 20 long"[i]);
	}
	assert_int_equal(in(rig, 5) & 1, 0);
}

/* More than waits: a guest that takes its time gets all, one that takes nothing is not waited for. */
static void test_much_typed(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[700];
	int n = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i % 199 + 2);
	serial_set_escape(rig->serial, quit, &n);
	out(rig, 2, 1);
	out(rig, 1, 1);
	assert_int_equal(write(rig->peer, bytes, sizeof(bytes)), sizeof(bytes));
	run(rig);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		for (int round = 0; round < 10 && !(in(rig, 5) & 1); round++)
			loop_step(rig->loop, 5);
		assert_int_equal(in(rig, 0), bytes[i]);
	}
	out(rig, 1, 0);
	assert_int_equal(write(rig->peer, bytes, 300), 300);
	assert_int_equal(write(rig->peer, "\001x", 2), 2);
	run(rig);
	assert_int_equal(n, 0);
	run_until(rig, &n);
}

/* Standard input from a file: epoll does not know it, and all of it arrives. */
static void test_file(void **state)
{
	char path[] = "/tmp/test_vmm_serial.XXXXXX";
	struct rig rig = { .ours = mkstemp(path), .peer = -1 };
	void *own = &rig;

	(void)state;
	unlink(path);
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(rig.ours, &(char){ (char)i }, 1), 1);
	lseek(rig.ours, 0, SEEK_SET);
	create(&rig, rig.ours, -1);
	out(&rig, 2, 1);
	out(&rig, 1, 1);
	for (int i = 0; i < 100; i++) {
		for (int round = 0; round < 10 && !(in(&rig, 5) & 1); round++)
			loop_step(rig.loop, 5);
		assert_int_equal(in(&rig, 0), i);
	}
	run(&rig);
	assert_int_equal(in(&rig, 5) & 1, 0);
	out(&rig, 0, 'x'); /* to nowhere */
	teardown(&own);
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_RIG(test_probe),          WITH_RIG(test_loopback),
		WITH_RIG(test_output),         WITH_RIG(test_transmit_interrupt),
		WITH_RIG(test_input),          WITH_RIG(test_slow_reader),
		WITH_RIG(test_peer_gone),      WITH_RIG(test_escape),
		WITH_RIG(test_escape_unheard), WITH_RIG(test_much_typed),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
