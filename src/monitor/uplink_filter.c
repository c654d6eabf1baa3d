/* SPDX-License-Identifier: MIT */
#include "uplink_filter.h"

#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>

#define ETHERNET  14
#define IP4_DEST  16 /* in the header (RFC 791) */
#define IP4_LEN   20
#define IP6_DEST  24 /* RFC 8200 */
#define IP6_LEN   40
#define TYPE_AT   12
#define IP4_PROTO 9
#define IP6_NEXT  6
#define TCP_LEN   20
#define TCP_FLAGS 12 /* data offset and flags, 16 bits (RFC 9293) */
#define TCP_SUM   16
#define TCP_RST   0x04
#define TCP_ACK   0x10
#define V4_MAPPED 12 /* the last four bytes of such an IPv6 address are an IPv4 one */

/* 127.0.0.0/8, and 0.0.0.0/8, which Linux connects to itself. */
static bool is_local4(const uint8_t *addr)
{
	return addr[0] == 127 || addr[0] == 0;
}

/* ::1, ::, and IPv4 addresses of the local kind in their IPv6 forms (::a.b.c.d, ::ffff:a.b.c.d). */
static bool is_local6(const uint8_t *addr)
{
	static const uint8_t zero[10];

	if (memcmp(addr, zero, sizeof(zero)) != 0)
		return false;
	if ((addr[10] == 0 && addr[11] == 0) || (addr[10] == 0xff && addr[11] == 0xff))
		return is_local4(addr + V4_MAPPED);
	return false;
}

bool uplink_allows(const uint8_t *frame, size_t len)
{
	const uint8_t *packet = frame + ETHERNET;
	uint16_t type;

	if (len < ETHERNET)
		return false;
	type = (uint16_t)(frame[TYPE_AT] << 8 | frame[TYPE_AT + 1]);
	len -= ETHERNET;
	switch (type) {
	case ETHERTYPE_ARP:
		return true;
	case ETHERTYPE_IP:
		return len >= IP4_LEN && !is_local4(packet + IP4_DEST);
	case ETHERTYPE_IPV6:
		return len >= IP6_LEN && !is_local6(packet + IP6_DEST);
	default:
		return false; /* passt speaks nothing else */
	}
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The TCP header in a frame without IPv6 extension headers (passt sends none), or NULL. */
static uint8_t *find_tcp(uint8_t *frame, size_t len)
{
	uint8_t *packet = frame + ETHERNET;
	size_t header;

	if (len < ETHERNET + IP4_LEN + TCP_LEN)
		return NULL;
	if (get16(frame + TYPE_AT) == ETHERTYPE_IP && packet[IP4_PROTO] == IPPROTO_TCP)
		header = (size_t)(packet[0] & 15) * 4;
	else if (get16(frame + TYPE_AT) == ETHERTYPE_IPV6 && packet[IP6_NEXT] == IPPROTO_TCP)
		header = IP6_LEN;
	else
		return NULL;
	return header >= IP4_LEN && len >= ETHERNET + header + TCP_LEN ? packet + header : NULL;
}

void uplink_mend(uint8_t *frame, size_t len)
{
	uint8_t *tcp = find_tcp(frame, len);
	uint32_t sum;

	if (!tcp || (tcp[TCP_FLAGS + 1] & (TCP_RST | TCP_ACK)) != TCP_RST)
		return;
	tcp[TCP_FLAGS + 1] |= TCP_ACK;
	/* RFC 1624: HC' = ~(~HC + ~m + m'), where m' - m is just the flag. */
	sum = (uint16_t)~get16(tcp + TCP_SUM) + TCP_ACK;
	put16(tcp + TCP_SUM, (uint16_t) ~((sum & 0xffff) + (sum >> 16)));
}
