/* SPDX-License-Identifier: MIT */
/* The network device over a stream socket, the other end of which is the test's; and over a tap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices.h"
#include "fake_driver.h"
#include "fd.h"
#include "frames.h"
#include "mem.h"

enum { RX, TX };

#define HEADER  12
#define RX_DATA FAKE_DATA
#define TX_DATA (FAKE_DATA + 0x80000)
#define STREAM  (1u << 20)
#define F(bit)  (UINT64_C(1) << (bit))
#define ALL     (F(VIRTIO_NET_F_MAC) | F(VIRTIO_NET_F_MTU) | F(VIRTIO_NET_F_STATUS))

struct nic {
	struct driver d;
	int peer; /* does not wait */
};

static void open_nic(struct nic *nic, const struct nic_options *options)
{
	struct err *err = NULL;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	nic->peer = fds[0];
	driver_open(&nic->d);
	if (dev_net_create(&(struct device_host){ &nic->d.memory, nic->d.loop }, options, 0, fds[1],
			   false, &nic->d.v, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static void begin_nic(struct nic *nic, uint64_t features)
{
	open_nic(nic, &(struct nic_options){ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 65520 });
	assert_true(driver_begin(&nic->d, features, 64));
}

static void close_nic(struct nic *nic)
{
	driver_close(&nic->d);
	fd_close(&nic->peer);
}

static uint8_t *at(struct nic *nic, uint64_t gpa)
{
	return memory_at(&nic->d.memory, gpa, 1);
}

static uint8_t byte_of(size_t i, unsigned int seed)
{
	return (uint8_t)(i * 7 + i / 251 + seed * 13);
}

static void fill(uint8_t *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_of(i, seed);
}

static void assert_filled(const uint8_t *bytes, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != byte_of(i, seed))
			fail_msg("byte %zu of frame %u is wrong", i, seed);
}

static void run(struct nic *nic)
{
	for (int i = 0; i < 8; i++)
		loop_step(nic->d.loop, 0);
}

/* A frame from the peer. */
static void peer_sends(struct nic *nic, size_t len, unsigned int seed)
{
	cleanup_free uint8_t *bytes = xmalloc(4 + len);
	const uint32_t length = htonl((uint32_t)len);

	memcpy(bytes, &length, 4);
	fill(bytes + 4, len, seed);
	assert_int_equal(send(nic->peer, bytes, 4 + len, 0), 4 + len);
}

/* And one to it. */
static void assert_peer_gets(struct nic *nic, size_t len, unsigned int seed)
{
	cleanup_free uint8_t *bytes = xmalloc(4 + len);
	unsigned int rounds = 0;
	uint32_t length;

	for (size_t got = 0; got < 4 + len; rounds++) {
		const ssize_t n = recv(nic->peer, bytes + got, 4 + len - got, 0);

		if (n < 0)
			assert_true(errno == EAGAIN && rounds < 1000);
		got += n > 0 ? (size_t)n : 0;
		run(nic);
	}
	memcpy(&length, bytes, 4);
	assert_int_equal(ntohl(length), len);
	assert_filled(bytes + 4, len, seed);
}

static void assert_peer_gets_nothing(struct nic *nic)
{
	char byte;

	assert_int_equal(recv(nic->peer, &byte, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void post(struct nic *nic, unsigned int i, uint32_t len)
{
	driver_add(&nic->d, RX, &(struct driver_buffer){ RX_DATA + i * 0x2000, len, true }, 1);
}

static void guest_sends(struct nic *nic, unsigned int slot, uint32_t len, unsigned int seed)
{
	const uint64_t gpa = TX_DATA + slot * UINT64_C(0x2000);

	memset(at(nic, gpa), 0, HEADER);
	fill(at(nic, gpa + HEADER), len, seed);
	driver_add(&nic->d, TX, &(struct driver_buffer){ gpa, HEADER + len, false }, 1);
}

static bool used(struct nic *nic, unsigned int queue, uint32_t *ret_len)
{
	uint32_t head;

	return driver_used(&nic->d, queue, &head, ret_len);
}

static void frames_in(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	for (unsigned int i = 0; i < 8; i++)
		post(&nic, i, 2000);
	driver_kick(&nic.d, RX);
	for (unsigned int i = 0; i < 8; i++)
		peer_sends(&nic, 60 + 100 * i, i);
	run(&nic);
	for (unsigned int i = 0; i < 8; i++) {
		assert_true(used(&nic, RX, &len));
		assert_int_equal(len, HEADER + 60 + 100 * i);
		assert_filled(at(&nic, RX_DATA + i * 0x2000 + HEADER), 60 + 100 * i, i);
		assert_int_equal(at(&nic, RX_DATA + i * 0x2000)[0], 0); /* no flags … */
		assert_int_equal(driver_peek16(&nic.d, RX_DATA + i * 0x2000 + 10), 1);
	}
	assert_true(driver_interrupted(&nic.d));
	assert_int_equal(nic.d.v->counters.in_ops, 8);
	/* One read, one interrupt. */
	assert_int_equal(nic.d.v->counters.interrupts, 1);
	close_nic(&nic);
}

static void frames_out(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	for (unsigned int i = 0; i < 20; i++)
		guest_sends(&nic, i, 14 + 50 * i, i);
	driver_kick(&nic.d, TX);
	for (unsigned int i = 0; i < 20; i++) {
		assert_true(used(&nic, TX, &len));
		assert_int_equal(len, 0);
		assert_peer_gets(&nic, 14 + 50 * i, i);
	}
	assert_int_equal(nic.d.v->counters.out_ops, 20);
	assert_int_equal(nic.d.v->counters.interrupts, 1);
	close_nic(&nic);
}

/* The longest frame, in pieces and with its header in a buffer of its own, both ways. */
static void long_frames(void **state)
{
	const size_t len = 65520 + 14;
	struct driver_buffer pieces[18];
	struct nic nic;
	uint32_t n;

	(void)state;
	begin_nic(&nic, ALL);
	pieces[0] = (struct driver_buffer){ TX_DATA, 10, false };
	pieces[1] = (struct driver_buffer){ TX_DATA + 0x1000, 2 + 1000, false };
	pieces[2] = (struct driver_buffer){ TX_DATA + 0x2000, (uint32_t)len - 1000, false };
	memset(at(&nic, TX_DATA), 0, 0x1002);
	fill(at(&nic, TX_DATA + 0x10000), len, 5);
	memcpy(at(&nic, TX_DATA + 0x1002), at(&nic, TX_DATA + 0x10000), 1000);
	memmove(at(&nic, TX_DATA + 0x2000), at(&nic, TX_DATA + 0x10000 + 1000), len - 1000);
	driver_add(&nic.d, TX, pieces, 3);
	driver_kick(&nic.d, TX);
	assert_peer_gets(&nic, len, 5);
	for (unsigned int i = 0; i < 17; i++)
		pieces[i] = (struct driver_buffer){ RX_DATA + i * 0x2000, 4096, true };
	driver_add(&nic.d, RX, pieces, 17);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, len, 6);
	run(&nic);
	assert_true(used(&nic, RX, &n));
	assert_int_equal(n, HEADER + len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(
			*at(&nic, RX_DATA + (i + HEADER) / 4096 * 0x2000 + (i + HEADER) % 4096),
			byte_of(i, 6));
	close_nic(&nic);
}

static void buffers_are_merged(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL | F(VIRTIO_NET_F_MRG_RXBUF));
	post(&nic, 0, 1000);
	post(&nic, 1, 1000);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, 2500, 3);
	peer_sends(&nic, 100, 4);
	run(&nic);
	/* It has two of three, and the driver sees none of them yet. */
	assert_false(used(&nic, RX, &len));
	post(&nic, 2, 1000);
	post(&nic, 3, 1000);
	driver_kick(&nic.d, RX);
	run(&nic);
	assert_int_equal(driver_peek16(&nic.d, RX_DATA + 10), 3);
	assert_true(used(&nic, RX, &len) && len == 1000);
	assert_true(used(&nic, RX, &len) && len == 1000);
	assert_true(used(&nic, RX, &len) && len == 512);
	assert_filled(at(&nic, RX_DATA + HEADER), 988, 3);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(*at(&nic, RX_DATA + 0x2000 + i), byte_of(988 + i, 3));
	for (size_t i = 0; i < 512; i++)
		assert_int_equal(*at(&nic, RX_DATA + 0x4000 + i), byte_of(1988 + i, 3));
	assert_true(used(&nic, RX, &len) && len == 112);
	assert_int_equal(driver_peek16(&nic.d, RX_DATA + 0x6000 + 10), 1);
	close_nic(&nic);
}

/* A frame that the driver's buffers cannot take is dropped, and the next one is not. */
static void too_long_for_the_buffers(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	post(&nic, 0, 500);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, 489, 1);
	peer_sends(&nic, 488, 2);
	run(&nic);
	assert_true(used(&nic, RX, &len) && len == 500);
	assert_filled(at(&nic, RX_DATA + HEADER), 488, 2);
	assert_int_equal(nic.d.v->counters.dropped, 1);
	close_nic(&nic);
	begin_nic(&nic, ALL | F(VIRTIO_NET_F_MRG_RXBUF));
	assert_true(driver_begin(&nic.d, ALL | F(VIRTIO_NET_F_MRG_RXBUF), 4));
	for (unsigned int i = 0; i < 4; i++)
		post(&nic, i, 500);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, 1989, 1);
	peer_sends(&nic, 1988, 2);
	run(&nic);
	for (unsigned int i = 0; i < 4; i++)
		assert_true(used(&nic, RX, &len) && len == 500);
	assert_filled(at(&nic, RX_DATA + HEADER), 488, 2);
	assert_int_equal(nic.d.v->counters.dropped, 1);
	close_nic(&nic);
}

static void odd_frames_are_dropped(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	open_nic(&nic, &(struct nic_options){ .mtu = 1500 });
	assert_true(driver_begin(&nic.d, ALL, 64));
	post(&nic, 0, 4096);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, 13, 1);
	peer_sends(&nic, 1500 + 14 + 5, 1); /* longer than the MTU with its tag */
	peer_sends(&nic, 66000, 1);
	peer_sends(&nic, 1500 + 14 + 4, 9);
	run(&nic);
	run(&nic);
	assert_true(used(&nic, RX, &len) && len == HEADER + 1518);
	assert_int_equal(nic.d.v->counters.dropped, 3);
	guest_sends(&nic, 0, 13, 1);
	driver_add(&nic.d, TX, &(struct driver_buffer){ TX_DATA, HEADER + 65550, false }, 1);
	guest_sends(&nic, 10, 60, 2);
	driver_kick(&nic.d, TX);
	assert_peer_gets(&nic, 60, 2);
	assert_peer_gets_nothing(&nic);
	for (int i = 0; i < 3; i++)
		assert_true(used(&nic, TX, &len));
	assert_int_equal(nic.d.v->counters.dropped, 5);
	close_nic(&nic);
}

static void frames_come_in_pieces(void **state)
{
	cleanup_free uint8_t *bytes = xcalloc(1, 3 * 104);
	const uint32_t length = htonl(100);
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	for (unsigned int i = 0; i < 3; i++) {
		memcpy(bytes + 104 * i, &length, 4);
		fill(bytes + 104 * i + 4, 100, i);
		post(&nic, i, 2000);
	}
	driver_kick(&nic.d, RX);
	for (size_t i = 0; i < 3 * 104; i++) {
		assert_int_equal(send(nic.peer, bytes + i, 1, 0), 1);
		loop_step(nic.d.loop, 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(used(&nic, RX, &len) && len == HEADER + 100);
		assert_filled(at(&nic, RX_DATA + i * 0x2000 + HEADER), 100, i);
	}
	close_nic(&nic);
}

/* Without buffers the peer's frames wait in its socket, and none is lost. */
static void no_buffers_no_reading(void **state)
{
	uint8_t bytes[4 + 1000];
	const uint32_t length = htonl(1000);
	unsigned int sent = 0, got = 0;
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	memcpy(bytes, &length, 4);
	post(&nic, 0, 2000);
	driver_kick(&nic.d, RX);
	for (;;) {
		fill(bytes + 4, 1000, sent);
		if (send(nic.peer, bytes, sizeof(bytes), 0) < 0)
			break;
		sent++;
		run(&nic);
		assert_true(sent < 2000);
	}
	assert_true(sent > 50);
	while (got < sent) {
		assert_true(used(&nic, RX, &len));
		assert_filled(at(&nic, RX_DATA + HEADER), 1000, got++);
		post(&nic, 0, 2000);
		driver_kick(&nic.d, RX);
		run(&nic);
	}
	assert_false(used(&nic, RX, &len));
	close_nic(&nic);
}

/* A peer that does not read: the queue is not taken from, and goes on when it does. */
static void a_full_socket_holds_the_queue(void **state)
{
	unsigned int sent = 0, got = 0, done = 0;
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	while (sent - done < 32 && sent < 4000) {
		guest_sends(&nic, sent % 32, 1500, sent);
		sent++;
		driver_kick(&nic.d, TX);
		while (used(&nic, TX, &len))
			done++;
	}
	assert_int_equal(sent - done, 32);
	while (got < sent) {
		assert_peer_gets(&nic, 1500, got++);
		while (used(&nic, TX, &len))
			done++;
	}
	assert_peer_gets_nothing(&nic);
	assert_int_equal(done, sent);
	guest_sends(&nic, 0, 100, 1);
	driver_kick(&nic.d, TX);
	assert_peer_gets(&nic, 100, 1);
	close_nic(&nic);
}

/* How often this process has read and written, by the kernel's count. */
static void count_calls(unsigned int *ret_reads, unsigned int *ret_writes)
{
	FILE *f = fopen("/proc/self/io", "re");

	if (!f ||
	    fscanf(f, "rchar: %*u wchar: %*u syscr: %u syscw: %u", ret_reads, ret_writes) != 2) {
		print_message("the kernel counts no calls (CONFIG_TASK_IO_ACCOUNTING)\n");
		skip();
	}
	fclose(f);
}

/* What 64 frames that are there at once cost: one call out or in, and one interrupt. */
static void a_batch_costs_a_few_calls(void **state)
{
	enum { FRAMES = 63, LEN = 60 };
	unsigned int reads, writes, reads_after, writes_after;
	const struct virtio_counters *counters;
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	counters = &nic.d.v->counters;
	for (unsigned int i = 0; i < FRAMES; i++)
		guest_sends(&nic, i, LEN, i);
	count_calls(&reads, &writes);
	driver_kick(&nic.d, TX);
	count_calls(&reads_after, &writes_after);
	assert_int_equal(counters->out_ops, FRAMES);
	assert_int_equal(counters->notifications, 1);
	assert_int_equal(counters->interrupts, 1);
	/* The doorbell, all frames, the interrupt. */
	assert_in_range(writes_after - writes, 3, 4);
	for (unsigned int i = 0; i < FRAMES; i++)
		assert_peer_gets(&nic, LEN, i);
	for (unsigned int i = 0; i < FRAMES; i++)
		post(&nic, i, 2000);
	driver_kick(&nic.d, RX);
	for (unsigned int i = 0; i < FRAMES; i++)
		peer_sends(&nic, LEN, i);
	count_calls(&reads, &writes);
	run(&nic);
	count_calls(&reads_after, &writes_after);
	assert_int_equal(counters->in_ops, FRAMES);
	assert_int_equal(counters->interrupts, 2);
	/* All frames, and what the count itself reads; the interrupt. */
	assert_in_range(reads_after - reads, 1, 3);
	assert_int_equal(writes_after - writes, 1);
	for (unsigned int i = 0; i < FRAMES; i++)
		assert_true(used(&nic, RX, &len));
	close_nic(&nic);
}

static bool wants_notifications(struct nic *nic)
{
	return driver_peek16(&nic->d, nic->d.queues[TX].used) != VRING_USED_F_NO_NOTIFY;
}

/* From the first one on until a look at the queue finds nothing, no other one is wanted. */
static void one_notification_until_nothing_is_left(void **state)
{
	unsigned int sent = 0, done = 0;
	uint64_t notifications;
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	assert_true(wants_notifications(&nic));
	for (; wants_notifications(&nic) && sent < 4000; sent++) {
		guest_sends(&nic, sent % 32, 1500, sent);
		driver_kick(&nic.d, TX);
		while (used(&nic, TX, &len))
			done++;
	}
	/* The socket is full. What comes now is not told of, and goes out all the same. */
	assert_in_range(sent, 2, 3999);
	notifications = nic.d.v->counters.notifications;
	for (unsigned int i = 0; i < 8; i++, sent++)
		guest_sends(&nic, sent % 32, 1500, sent);
	for (unsigned int i = 0; i < sent; i++)
		assert_peer_gets(&nic, 1500, i);
	while (used(&nic, TX, &len))
		done++;
	assert_int_equal(done, sent);
	assert_int_equal(nic.d.v->counters.notifications, notifications);
	assert_true(wants_notifications(&nic));
	close_nic(&nic);
}

/* A frame that is half out goes out as it was, whatever becomes of the guest's memory. */
static void a_reset_keeps_the_framing(void **state)
{
	enum { FRAMES = 8, LEN = 60000 };
	unsigned int done = 0;
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	for (unsigned int i = 0; i < FRAMES; i++)
		guest_sends(&nic, i * 8, LEN, i);
	driver_kick(&nic.d, TX);
	while (used(&nic, TX, &len))
		done++;
	assert_in_range(done, 1, FRAMES - 2);
	driver_set(&nic.d, VIRTIO_MMIO_STATUS, 0);
	memset(at(&nic, TX_DATA), 0xff, 0x80000);
	/* Once more, with the copy under way. */
	assert_true(driver_begin(&nic.d, ALL, 64));
	driver_set(&nic.d, VIRTIO_MMIO_STATUS, 0);
	/* The next one had begun, as the socket is full in the midst of one; the others had not. */
	for (unsigned int i = 0; i <= done; i++)
		assert_peer_gets(&nic, LEN, i);
	run(&nic);
	assert_peer_gets_nothing(&nic);
	assert_true(driver_begin(&nic.d, ALL, 64));
	guest_sends(&nic, 0, 100, 77);
	driver_kick(&nic.d, TX);
	assert_peer_gets(&nic, 100, 77);
	close_nic(&nic);
}

static uint16_t link_status(struct nic *nic)
{
	return (uint16_t)virtio_mmio_ops.read(
		nic->d.v, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_net_config, status), 2);
}

static void assert_link_is_down(struct nic *nic)
{
	const uint64_t dropped = nic->d.v->counters.dropped;
	uint32_t len;

	assert_int_equal(link_status(nic), 0);
	assert_true(driver_get(&nic->d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	assert_false(driver_get(&nic->d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	while (used(nic, TX, &len))
		;
	guest_sends(nic, 0, 100, 1);
	driver_kick(&nic->d, TX);
	assert_true(used(nic, TX, &len));
	assert_int_equal(nic->d.v->counters.dropped, dropped + 1);
	/* It stays down. */
	assert_true(driver_begin(&nic->d, ALL, 64));
	assert_int_equal(link_status(nic), 0);
}

static void a_peer_that_goes_takes_the_link_down(void **state)
{
	struct nic nic;
	uint32_t len;

	(void)state;
	begin_nic(&nic, ALL);
	assert_int_equal(link_status(&nic), VIRTIO_NET_S_LINK_UP);
	post(&nic, 0, 2000);
	driver_kick(&nic.d, RX);
	peer_sends(&nic, 100, 1);
	fd_close(&nic.peer);
	run(&nic);
	assert_true(used(&nic, RX, &len)); /* what it had sent before */
	assert_link_is_down(&nic);
	close_nic(&nic);
	/* Seen by sending, while the queue is held. */
	begin_nic(&nic, ALL);
	for (unsigned int i = 0; i < 32; i++)
		guest_sends(&nic, 0, 60000, 1);
	driver_kick(&nic.d, TX);
	fd_close(&nic.peer);
	run(&nic);
	for (unsigned int i = 0; i < 32; i++)
		assert_true(used(&nic, TX, &len));
	assert_link_is_down(&nic);
	close_nic(&nic);
}

static void impossible_lengths_end_the_connection(void **state)
{
	static const uint32_t lengths[] = { 0, 69633, UINT32_MAX };
	struct nic nic;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const uint32_t length = htonl(lengths[i]);

		begin_nic(&nic, ALL);
		post(&nic, 0, 2000);
		driver_kick(&nic.d, RX);
		assert_int_equal(send(nic.peer, &length, 4, 0), 4);
		run(&nic);
		assert_int_equal(send(nic.peer, &length, 4, MSG_NOSIGNAL), -1);
		assert_link_is_down(&nic);
		close_nic(&nic);
	}
}

static void faults_need_a_reset(void **state)
{
	static const struct {
		unsigned int queue;
		struct driver_buffer buffer;
	} cases[] = {
		{ TX, { TX_DATA, 11, false } },
		{ TX, { TX_DATA, 100, true } },
		{ RX, { RX_DATA, 11, true } },
		{ RX, { RX_DATA, 100, false } },
	};
	struct nic nic;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin_nic(&nic, ALL);
		peer_sends(&nic, 60, 1);
		driver_add(&nic.d, cases[i].queue, &cases[i].buffer, 1);
		driver_kick(&nic.d, cases[i].queue);
		assert_true(driver_get(&nic.d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
		assert_true(driver_begin(&nic.d, ALL, 64));
		guest_sends(&nic, 0, 100, 2);
		driver_kick(&nic.d, TX);
		assert_peer_gets(&nic, 100, 2);
		close_nic(&nic);
	}
}

static void the_rate_is_kept(void **state)
{
	struct nic nic;
	uint32_t len;
	int64_t start;
	unsigned int n;

	(void)state;
	open_nic(&nic, &(struct nic_options){ .rate = 10000 });
	assert_true(driver_begin(&nic.d, ALL, 64));
	start = clock_ms();
	for (unsigned int i = 0; i < 14; i++)
		guest_sends(&nic, i, 1000, i);
	driver_kick(&nic.d, TX);
	for (n = 0; n < 14; loop_step(nic.d.loop, 5))
		while (used(&nic, TX, &len))
			n++;
	assert_in_range(clock_ms() - start, 200, 3000);
	for (unsigned int i = 0; i < 14; i++)
		post(&nic, i, 2000);
	start = clock_ms();
	driver_kick(&nic.d, RX);
	for (unsigned int i = 0; i < 14; i++)
		peer_sends(&nic, 1000, i);
	for (n = 0; n < 14; loop_step(nic.d.loop, 5))
		while (used(&nic, RX, &len))
			n++;
	assert_in_range(clock_ms() - start, 200, 3000);
	assert_true(nic.d.v->counters.throttled >= 2);
	close_nic(&nic);
}

static void configuration(void **state)
{
	struct virtio_net_config config;
	struct nic nic;

	(void)state;
	begin_nic(&nic, ALL);
	nic.d.v->ops->read_config(nic.d.v, 0, &config, sizeof(config));
	assert_memory_equal(config.mac, "\2\0\0\0\0\1", 6);
	assert_int_equal(config.mtu, 65520);
	assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
	virtio_mmio_ops.write(nic.d.v, VIRTIO_MMIO_CONFIG, 1, 0xff);
	assert_int_equal(virtio_mmio_ops.read(nic.d.v, VIRTIO_MMIO_CONFIG, 1), 2);
	assert_int_equal(virtio_mmio_ops.read(nic.d.v, 0xff8, 8), 0);
	close_nic(&nic);
}

static void wrong_descriptors_are_refused(void **state)
{
	struct driver d;
	struct err *err = NULL;
	struct virtio *v;
	int fds[2];

	(void)state;
	driver_open(&d);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_true(dev_net_create(&(struct device_host){ &d.memory, d.loop },
				   &(struct nic_options){ 0 }, 3, fds[0], true, &v, &err) < 0);
	assert_non_null(strstr(err_msg(err), "net3: is no tap interface"));
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	err_free(err);
	fd_close(&fds[1]);
	driver_close(&d);
}

/* In a network namespace of its own: the kernel's IPv6 says something when the interface comes up. */
static int tap_child(short flags)
{
	struct ifreq request = { .ifr_name = "tap0" };
	int tap, sock, size = 12;
	struct nic nic;
	uint32_t len = 0;

	if (unshare(CLONE_NEWNET) < 0)
		return 77;
	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
		return 77;
	if (flags & IFF_VNET_HDR && ioctl(tap, TUNSETVNETHDRSZ, &size) < 0)
		return 1;
	driver_open(&nic.d);
	if (dev_net_create(&(struct device_host){ &nic.d.memory, nic.d.loop },
			   &(struct nic_options){ 0 }, 0, tap, true, &nic.d.v, NULL) < 0)
		return 2;
	if (!driver_begin(&nic.d, ALL, 64))
		return 3;
	/* Down: what the guest sends is lost, and its buffers come back. */
	guest_sends(&nic, 0, 60, 1);
	driver_kick(&nic.d, TX);
	if (!used(&nic, TX, &len))
		return 4;
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	request.ifr_flags = IFF_UP;
	if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
		return 5;
	for (unsigned int i = 0; i < 8; i++)
		post(&nic, i, 2000);
	driver_kick(&nic.d, RX);
	for (int i = 0; i < 500 && !used(&nic, RX, &len); i++)
		loop_step(nic.d.loop, 10);
	/* An Ethernet header, multicast, IPv6. */
	if (len < HEADER + 14 + 40 || at(&nic, RX_DATA)[HEADER] != 0x33 ||
	    at(&nic, RX_DATA)[HEADER + 12] != 0x86 || at(&nic, RX_DATA)[HEADER + 13] != 0xdd)
		return 6;
	/* And up, it takes it. */
	guest_sends(&nic, 0, 60, 1);
	driver_kick(&nic.d, TX);
	return used(&nic, TX, &len) && nic.d.v->counters.out_ops == 2 ? 0 : 7;
}

static void over_a_tap(void **state)
{
	static const short flags[] = { 0, IFF_VNET_HDR };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		const pid_t pid = fork();
		int status;

		if (!pid)
			_exit(tap_child(flags[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77) {
			print_message("no tap interface may be made here\n");
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in),
		cmocka_unit_test(frames_out),
		cmocka_unit_test(long_frames),
		cmocka_unit_test(buffers_are_merged),
		cmocka_unit_test(too_long_for_the_buffers),
		cmocka_unit_test(odd_frames_are_dropped),
		cmocka_unit_test(frames_come_in_pieces),
		cmocka_unit_test(no_buffers_no_reading),
		cmocka_unit_test(a_full_socket_holds_the_queue),
		cmocka_unit_test(a_batch_costs_a_few_calls),
		cmocka_unit_test(one_notification_until_nothing_is_left),
		cmocka_unit_test(a_reset_keeps_the_framing),
		cmocka_unit_test(a_peer_that_goes_takes_the_link_down),
		cmocka_unit_test(impossible_lengths_end_the_connection),
		cmocka_unit_test(faults_need_a_reset),
		cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(configuration),
		cmocka_unit_test(wrong_descriptors_are_refused),
		cmocka_unit_test(over_a_tap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
