/* SPDX-License-Identifier: MIT */
#include "only.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>

#include "mem.h"
#include "str.h"

#define TEXT_MAX 300 /* a DNS name's 253, and the rest */

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "icmp", IPPROTO_ICMP },
};

/* Cuts "/PROTOCOL" off; a number behind the last slash is a prefix length and stays. */
static const char *take_protocol(char *text, uint8_t *ret)
{
	char *slash = strrchr(text, '/');

	*ret = 0;
	if (!slash || isdigit((unsigned char)slash[1]))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!str_eq(slash + 1, protocols[i].name))
			continue;
		*ret = protocols[i].number;
		*slash = '\0';
		return NULL;
	}
	return "expected tcp, udp or icmp behind the slash";
}

/* Cuts ":PORTS" off and [brackets] away; *ret_ports is NULL when there are none. */
static const char *split_ports(char **host, char **ret_ports)
{
	char *colon = strchr(*host, ':'), *end;

	*ret_ports = NULL;
	if (**host == '[') {
		end = strchr(*host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return "expected [IPV6-ADDRESS], with :PORT behind it or nothing";
		*ret_ports = end[1] ? end + 2 : NULL;
		*end = '\0';
		++*host;
		return strchr(*host, ':') ? NULL : "brackets are for IPv6 addresses";
	}
	if (!colon || strchr(colon + 1, ':'))
		return NULL; /* none, or an IPv6 address without ports */
	*colon = '\0';
	*ret_ports = colon + 1;
	return NULL;
}

static const char *parse_ports(char *text, struct fed_only *only)
{
	static const char fault[] = "expected a port or PORT-PORT from 1 to 65535 behind the colon";
	char *dash = strchr(text, '-');
	uint64_t low, high;

	if (dash)
		*dash = '\0';
	if (str_to_u64(text, 65535, &low) < 0 || low < 1)
		return fault;
	high = low;
	if (dash && str_to_u64(dash + 1, 65535, &high) < 0)
		return fault;
	if (high < low)
		return "the first port of a range is above the last";
	only->port_low = (uint16_t)low;
	only->port_high = (uint16_t)high;
	return NULL;
}

/* Whether all bits behind the prefix are zero. */
static bool is_network(const uint8_t *address, size_t size, uint64_t prefix)
{
	for (uint64_t bit = prefix; bit < 8 * size; bit++)
		if (address[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

static const char *check_prefix(const uint8_t *address, size_t size, const char *prefix)
{
	uint64_t length;

	if (!prefix)
		return NULL;
	if (str_to_u64(prefix, 8 * size, &length) < 0)
		return size == 4 ? "expected a prefix length from 0 to 32 behind the slash"
				 : "expected a prefix length from 0 to 128 behind the slash";
	if (!is_network(address, size, length))
		return "the address has bits behind its prefix; expected a network, such as "
		       "10.0.0.0/8";
	return NULL;
}

/* RFC 1123 2.1, lower case. A last part of digits is a mistyped address. */
static bool is_dns_name(const char *s)
{
	const char *last = strrchr(s, '.');

	if (strlen(s) > 253 || isdigit((unsigned char)(last ? last + 1 : s)[0]))
		return false;
	for (;;) {
		size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

		if (n < 1 || n > 63 || s[0] == '-' || s[n - 1] == '-')
			return false;
		if (!s[n])
			return true;
		if (s[n] != '.')
			return false;
		s += n + 1;
	}
}

/* "ADDRESS[/PREFIX]" or a name. */
static const char *check_host(const char *host)
{
	char address[TEXT_MAX + 1];
	uint8_t bytes[16];
	char *prefix;

	strcpy(address, host);
	prefix = strchr(address, '/');
	if (prefix)
		*prefix++ = '\0';
	if (inet_pton(AF_INET, address, bytes) == 1)
		return check_prefix(bytes, 4, prefix);
	if (inet_pton(AF_INET6, address, bytes) == 1)
		return check_prefix(bytes, 16, prefix);
	if (is_dns_name(host))
		return NULL;
	return "expected an IPv4 or IPv6 address, a prefix, or a DNS name in lower case in front";
}

bool only_parse(const char *text, struct fed_only *ret, const char **ret_fault)
{
	struct fed_only only = { 0 };
	char copy[TEXT_MAX + 1], *host = copy, *ports = NULL;
	const char *fault = NULL;

	if (strlen(text) > TEXT_MAX) {
		*ret_fault = "expected at most 300 characters";
		return false;
	}
	strcpy(copy, text);
	fault = take_protocol(copy, &only.protocol);
	if (!fault)
		fault = split_ports(&host, &ports);
	if (!fault && ports)
		fault = parse_ports(ports, &only);
	if (!fault)
		fault = check_host(host);
	if (!fault && only.protocol == IPPROTO_ICMP && only.port_low)
		fault = "icmp has no ports";
	if (fault) {
		*ret_fault = fault;
		return false;
	}
	only.host = xstrdup(host);
	*ret = only;
	return true;
}

char *only_text(const struct fed_only *only)
{
	bool brackets = only->port_low && strchr(only->host, ':');
	char ports[16] = "";
	const char *protocol = NULL;

	if (only->port_low && only->port_low == only->port_high)
		snprintf(ports, sizeof(ports), ":%u", only->port_low);
	else if (only->port_low)
		snprintf(ports, sizeof(ports), ":%u-%u", only->port_low, only->port_high);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (only->protocol == protocols[i].number)
			protocol = protocols[i].name;
	return xasprintf("%s%s%s%s%s%s", brackets ? "[" : "", only->host, brackets ? "]" : "",
			 ports, protocol ? "/" : "", protocol ? protocol : "");
}
