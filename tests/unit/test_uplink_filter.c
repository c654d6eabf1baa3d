/* SPDX-License-Identifier: MIT */
/* The uplink's filter: no way to the host's own addresses, and a refusal that a guest understands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "uplink_filter.h"

/* An Ethernet frame with an IPv4 header and TCP behind it: 192.0.2.80:22 -> 192.0.0.2:54540, RST. */
static const uint8_t rst4[] = {
	2,    0,  0,    0,    0, 1, 2, 0, 0,   0, 0, 2, 0x08, 0x00, /* Ethernet */
	0x45, 0,  0,    40,   0, 0, 0, 0, 255, 6, 0, 0, 192,  0,    2, 80, 192, 0, 0, 2, /* IPv4 */
	0,    22, 0xd5, 0x0c, 1, 2, 3, 4, 5,   6, 7, 8, 0x50, 0x04, 0, 0,  0,   0, 0, 0, /* TCP */
};

/* The Internet checksum of the TCP segment with its IPv4 pseudo header (RFC 1071): 0 when it is right. */
static uint16_t tcp_sum(const uint8_t *frame)
{
	const uint8_t *ip = frame + 14, *tcp = ip + 20;
	uint32_t sum = 6 + 20;

	for (int i = 12; i < 20; i += 2)
		sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(tcp[i] << 8 | tcp[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void set_sum(uint8_t *frame)
{
	uint16_t sum = tcp_sum(frame);

	frame[50] = (uint8_t)(sum >> 8);
	frame[51] = (uint8_t)sum;
}

static void test_rst_gets_its_ack(void **state)
{
	(void)state;
	/* Every checksum that there can be, by way of the sequence number. */
	for (unsigned int i = 0; i < 65536; i++) {
		uint8_t frame[sizeof(rst4)];

		memcpy(frame, rst4, sizeof(frame));
		frame[38] = (uint8_t)(i >> 8);
		frame[39] = (uint8_t)i;
		set_sum(frame);
		uplink_mend(frame, sizeof(frame));
		assert_int_equal(frame[47], 0x14);
		assert_int_equal(tcp_sum(frame), 0);
	}
}

static void test_others_are_left_alone(void **state)
{
	uint8_t frame[sizeof(rst4)], before[sizeof(rst4)];
	static const uint8_t flags[] = { 0x02, 0x10, 0x12, 0x14, 0x11, 0x00 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		memcpy(frame, rst4, sizeof(frame));
		frame[47] = flags[i];
		memcpy(before, frame, sizeof(frame));
		uplink_mend(frame, sizeof(frame));
		assert_memory_equal(frame, before, sizeof(frame));
	}
	memcpy(frame, rst4, sizeof(frame));
	frame[23] = 17; /* UDP */
	memcpy(before, frame, sizeof(frame));
	uplink_mend(frame, sizeof(frame));
	assert_memory_equal(frame, before, sizeof(frame));
	/* Cut short anywhere, and with a header that claims more than there is. */
	for (size_t len = 0; len < sizeof(rst4); len++) {
		uint8_t *exact = xmemdup(rst4, len);

		uplink_mend(exact, len);
		free(exact);
	}
	memcpy(frame, rst4, sizeof(frame));
	frame[14] = 0x4f;
	memcpy(before, frame, sizeof(frame));
	uplink_mend(frame, sizeof(frame));
	assert_memory_equal(frame, before, sizeof(frame));
}

static bool allows4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	uint8_t frame[sizeof(rst4)];
	const uint8_t to[] = { a, b, c, d };

	memcpy(frame, rst4, sizeof(frame));
	memcpy(frame + 30, to, sizeof(to));
	return uplink_allows(frame, sizeof(frame));
}

static bool allows6(const uint8_t to[16])
{
	uint8_t frame[14 + 40] = { [12] = 0x86, [13] = 0xdd };

	memcpy(frame + 14 + 24, to, 16);
	return uplink_allows(frame, sizeof(frame));
}

static void test_loopback_is_refused(void **state)
{
	(void)state;
	assert_true(allows4(192, 0, 2, 80));
	assert_true(allows4(128, 0, 0, 1));
	assert_true(allows4(126, 255, 255, 255));
	assert_false(allows4(127, 0, 0, 1));
	assert_false(allows4(127, 255, 255, 255));
	assert_false(allows4(0, 0, 0, 0));
	assert_false(allows4(0, 1, 2, 3));
	assert_true(allows6((const uint8_t[16]){ 0x20, 1, 0xd, 0xb8, [15] = 1 }));
	assert_false(allows6((const uint8_t[16]){ [15] = 1 }));
	assert_false(allows6((const uint8_t[16]){ 0 }));
	assert_false(allows6((const uint8_t[16]){ [10] = 0xff, 0xff, 127, 0, 0, 1 }));
	assert_true(allows6((const uint8_t[16]){ [10] = 0xff, 0xff, 192, 0, 2, 1 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rst_gets_its_ack),
		cmocka_unit_test(test_others_are_left_alone),
		cmocka_unit_test(test_loopback_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
