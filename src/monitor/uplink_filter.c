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
