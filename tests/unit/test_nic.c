/* SPDX-License-Identifier: MIT */
/* A NIC between two stream sockets: `guest` and `link` are the far ends, the test plays both. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "fd.h"
#include "nic.h"
#include "uplink_filter.h"

#define MTU 1500

struct rig {
	struct loop *loop;
	struct nic *nic;
	int guest, link;
};

static void make_pair(int *ret_ours, int *ret_theirs)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*ret_ours = fds[0];
	*ret_theirs = fds[1];
	fd_set_nonblock(fds[0], true);
}

static void attach(struct rig *rig)
{
	int theirs;

	make_pair(&rig->link, &theirs);
	nic_attach(rig->nic, theirs);
}

static int setup(void **state)
{
	static struct rig rig;
	struct nic_setup nic = { .name = "net0", .transport = NIC_STREAM, .mtu = MTU };

	rig.loop = loop_create();
	make_pair(&rig.guest, &nic.fd);
	rig.nic = nic_create(rig.loop, &nic);
	attach(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	nic_destroy(rig->nic);
	loop_destroy(rig->loop);
	fd_close(&rig->guest);
	fd_close(&rig->link);
	return 0;
}

static void settle(struct rig *rig)
{
	for (int i = 0; i < 64; i++)
		assert_int_equal(loop_step(rig->loop, 0), 0);
}

/* A frame of len bytes with its length in front, filled with `fill`. */
static void put_frame(struct buf *out, size_t len, uint8_t fill)
{
	uint32_t header = htonl((uint32_t)len);

	buf_append(out, &header, sizeof(header));
	memset(buf_reserve(out, len), fill, len);
	buf_commit(out, len);
}

static void send_bytes(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL), len);
}

static void send_frame(int fd, size_t len, uint8_t fill)
{
	cleanup_buf struct buf bytes = BUF_INIT;

	put_frame(&bytes, len, fill);
	send_bytes(fd, buf_bytes(&bytes), bytes.len);
}

/* The next frame that comes out at fd is len bytes of `fill`. */
static void expect_frame(int fd, size_t len, uint8_t fill)
{
	uint8_t bytes[70000];
	uint32_t header;

	assert_int_equal(recv(fd, &header, sizeof(header), MSG_DONTWAIT), sizeof(header));
	assert_int_equal(ntohl(header), len);
	assert_int_equal(recv(fd, bytes, len, MSG_DONTWAIT), len);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], fill);
}

static void expect_nothing(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}

static struct control_link_count counts(struct rig *rig)
{
	struct control_link_count sum = { 0 };

	nic_count(rig->nic, &sum);
	return sum;
}

static void test_both_ways_and_counted(void **state)
{
	struct rig *rig = *state;
	struct control_link_count sum;

	send_frame(rig->guest, 60, 'a');
	send_frame(rig->guest, 1514, 'b');
	send_frame(rig->link, 14, 'c');
	settle(rig);
	expect_frame(rig->link, 60, 'a');
	expect_frame(rig->link, 1514, 'b');
	expect_frame(rig->guest, 14, 'c');
	sum = counts(rig);
	assert_int_equal(sum.tx_frames, 2);
	assert_int_equal(sum.tx_bytes, 1574);
	assert_int_equal(sum.rx_frames, 1);
	assert_int_equal(sum.rx_bytes, 14);
	assert_int_equal(sum.dropped, 0);
}

/* A frame may come in any pieces: here byte by byte. */
static void test_pieces(void **state)
{
	struct rig *rig = *state;
	cleanup_buf struct buf bytes = BUF_INIT;

	put_frame(&bytes, 40, 'x');
	put_frame(&bytes, 41, 'y');
	for (size_t i = 0; i < bytes.len; i++) {
		send_bytes(rig->guest, buf_bytes(&bytes) + i, 1);
		settle(rig);
	}
	expect_frame(rig->link, 40, 'x');
	expect_frame(rig->link, 41, 'y');
}

static void test_runts_and_giants_are_dropped(void **state)
{
	struct rig *rig = *state;

	send_frame(rig->guest, 13, 'r');            /* runt */
	send_frame(rig->guest, MTU + 18, 'v');      /* longest, with a VLAN tag */
	send_frame(rig->guest, MTU + 19, 'g');      /* giant */
	send_frame(rig->guest, NIC_FRAME_MAX, 'G'); /* the longest there can be */
	send_frame(rig->guest, 1, 'r');
	send_frame(rig->guest, 20, 'o');
	settle(rig);
	expect_frame(rig->link, MTU + 18, 'v');
	expect_frame(rig->link, 20, 'o');
	expect_nothing(rig->link);
	assert_int_equal(counts(rig).dropped, 4);
	assert_int_equal(counts(rig).tx_frames, 2);
}

/* The rest of a giant that comes in pieces is passed over, too. */
static void test_giant_in_pieces(void **state)
{
	struct rig *rig = *state;
	cleanup_buf struct buf bytes = BUF_INIT;

	put_frame(&bytes, 5000, 'g');
	put_frame(&bytes, 20, 'o');
	for (size_t at = 0; at < bytes.len; at += 100) {
		send_bytes(rig->guest, buf_bytes(&bytes) + at,
			   bytes.len - at < 100 ? bytes.len - at : 100);
		settle(rig);
	}
	expect_frame(rig->link, 20, 'o');
	expect_nothing(rig->link);
	assert_int_equal(counts(rig).dropped, 1);
}

static void expect_closed_by(struct rig *rig, uint32_t length)
{
	length = htonl(length);
	send_frame(rig->guest, 20, 'o');
	send_bytes(rig->guest, &length, sizeof(length));
	settle(rig);
	/* The guest's side is over; the link's stays, for the daemon to see what it wants. */
	send_frame(rig->link, 20, 'p');
	settle(rig);
	assert_true(nic_attached(rig->nic));
	assert_true(counts(rig).dropped >= 1);
}

static void test_no_framing_zero(void **state)
{
	struct rig *rig = *state;

	expect_closed_by(rig, 0);
	expect_end(rig->guest);
}

static void test_no_framing_too_long(void **state)
{
	struct rig *rig = *state;

	expect_closed_by(rig, NIC_FRAME_MAX + 1);
	expect_end(rig->guest);
}

static void test_without_link_dropped(void **state)
{
	struct rig *rig = *state;

	nic_detach(rig->nic);
	expect_end(rig->link);
	fd_close(&rig->link);
	send_frame(rig->guest, 60, 'a');
	settle(rig);
	assert_int_equal(counts(rig).dropped, 1);
	attach(rig);
	send_frame(rig->guest, 61, 'b');
	settle(rig);
	expect_frame(rig->link, 61, 'b');
}

/* The link goes in the middle of a frame of the guest: the next link begins with a whole one. */
static void test_link_goes_between_pieces(void **state)
{
	struct rig *rig = *state;
	cleanup_buf struct buf bytes = BUF_INIT;

	put_frame(&bytes, 100, 'a');
	put_frame(&bytes, 101, 'b');
	send_bytes(rig->guest, buf_bytes(&bytes), 50);
	settle(rig);
	fd_close(&rig->link);
	settle(rig);
	assert_false(nic_attached(rig->nic));
	send_bytes(rig->guest, buf_bytes(&bytes) + 50, 60);
	settle(rig);
	attach(rig);
	send_bytes(rig->guest, buf_bytes(&bytes) + 110, bytes.len - 110);
	settle(rig);
	expect_frame(rig->link, 101, 'b');
	expect_nothing(rig->link);
}

/* Sends frames until the NIC takes no more; their number. */
static unsigned int flood(struct rig *rig, unsigned int max)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	unsigned int n = 0;

	put_frame(&bytes, 1000, 'f');
	for (int idle = 0; n < max && idle < 4;) {
		ssize_t sent = send(rig->guest, buf_bytes(&bytes), bytes.len, MSG_DONTWAIT);

		if (sent == (ssize_t)bytes.len) {
			n++;
			idle = 0;
			continue;
		}
		assert_int_equal(sent, -1); /* all or nothing at this size */
		loop_step(rig->loop, 0);
		idle++;
	}
	return n;
}

/* A link that is slow for less than NIC_STALL_MS loses nothing: the guest waits. */
static void test_slow_link_loses_nothing(void **state)
{
	struct rig *rig = *state;
	unsigned int sent = flood(rig, 100000);

	assert_true(sent < 100000);
	for (unsigned int i = 0; i < sent; i++) {
		if (i % 50 == 0)
			settle(rig);
		expect_frame(rig->link, 1000, 'f');
	}
	assert_int_equal(counts(rig).dropped, 0);
	assert_int_equal(counts(rig).tx_frames, sent);
}

/* A link that takes nothing does not hold the guest up, costs bounded memory, and comes back. */
static void test_dead_link_drops(void **state)
{
	struct rig *rig = *state;
	unsigned int taken = flood(rig, 100000), more;
	uint8_t junk[65536];

	while (loop_step(rig->loop, 2 * NIC_STALL_MS) == 0 && counts(rig).dropped == 0)
		;
	more = flood(rig, 20000);
	assert_int_equal(more, 20000);
	settle(rig);
	assert_true(counts(rig).dropped >= 20000 - 300);
	assert_true(counts(rig).tx_frames <= taken);
	/* What was on its way still comes whole, then what is new. */
	for (int idle = 0; idle < 8; idle++) {
		while (recv(rig->link, junk, sizeof(junk), MSG_DONTWAIT) > 0)
			idle = 0;
		settle(rig);
	}
	send_frame(rig->guest, 70, 'n');
	settle(rig);
	expect_frame(rig->link, 70, 'n');
}

/* A guest that does not take its frames: the link is read all the same. */
static void test_deaf_guest_drops(void **state)
{
	struct rig *rig = *state;
	int link = rig->link;

	rig->link = rig->guest; /* flood the other way round */
	rig->guest = link;
	test_dead_link_drops(state);
}

static void test_random_bytes_never_crash(void **state)
{
	struct rig *rig = *state;
	uint8_t bytes[4096];

	srandom(1);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = i % 4 < 2 ? 0 : (uint8_t)random();
		if (send(rig->link, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			fd_close(&rig->link);
			attach(rig);
		}
		settle(rig);
		while (recv(rig->guest, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
			;
	}
	assert_true(counts(rig).dropped > 0);
}

/* The uplink's filter */

static bool passes4(const char *dest)
{
	uint8_t frame[34] = { [12] = 8 };

	inet_pton(AF_INET, dest, frame + 14 + 16);
	return uplink_allows(frame, sizeof(frame));
}

static bool passes6(const char *dest)
{
	uint8_t frame[54] = { [12] = 0x86, [13] = 0xdd };

	inet_pton(AF_INET6, dest, frame + 14 + 24);
	return uplink_allows(frame, sizeof(frame));
}

static void test_uplink_never_means_the_host(void **state)
{
	uint8_t arp[42] = { [12] = 8, [13] = 6 }, vlan[60] = { [12] = 0x81 };

	(void)state;
	assert_true(passes4("192.0.2.1"));
	assert_false(passes4("127.0.0.1"));
	assert_false(passes4("127.255.255.254"));
	assert_false(passes4("0.0.0.0"));
	assert_true(passes6("2001:db8::1"));
	assert_true(passes6("ff02::1"));
	assert_true(passes6("::ffff:192.0.2.1"));
	assert_false(passes6("::1"));
	assert_false(passes6("::"));
	assert_false(passes6("::ffff:127.0.0.1"));
	assert_false(passes6("::127.0.0.1"));
	assert_true(uplink_allows(arp, sizeof(arp)));
	assert_false(uplink_allows(vlan, sizeof(vlan)));
	assert_false(uplink_allows(arp, 13));
	assert_false(uplink_allows((uint8_t[34]){ [12] = 8, [30] = 192 }, 33));
}

#define NIC_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NIC_TEST(test_both_ways_and_counted),
		NIC_TEST(test_pieces),
		NIC_TEST(test_runts_and_giants_are_dropped),
		NIC_TEST(test_giant_in_pieces),
		NIC_TEST(test_no_framing_zero),
		NIC_TEST(test_no_framing_too_long),
		NIC_TEST(test_without_link_dropped),
		NIC_TEST(test_link_goes_between_pieces),
		NIC_TEST(test_slow_link_loses_nothing),
		NIC_TEST(test_dead_link_drops),
		NIC_TEST(test_deaf_guest_drops),
		NIC_TEST(test_random_bytes_never_crash),
		cmocka_unit_test(test_uplink_never_means_the_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
