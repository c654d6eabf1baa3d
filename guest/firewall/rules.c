/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "mem.h"
#include "str.h"

/* Protocols by number: an appliance need not hold /etc/protocols. */
#define TCP_OR_UDP "{ 6, 17 }"
#define ICMP       "{ 1, 58 }"

/* The two families of a destination; a rule is written for each that applies. */
struct family {
	int af;
	const char *ip; /* nftables' word */
	int icmp;
	unsigned int bits;
	char suffix; /* of the named sets */
};
static const struct family families[] = {
	{ AF_INET, "ip", IPPROTO_ICMP, 32, '4' },
	{ AF_INET6, "ip6", IPPROTO_ICMPV6, 128, '6' },
};

/* "ADDRESS" or "ADDRESS/BITS" of the family. */
static bool is_prefix(const struct family *f, const char *text)
{
	cleanup_free char *copy = xstrdup(text);
	char *slash = strchr(copy, '/');
	uint8_t address[16];
	uint64_t bits;

	if (slash) {
		*slash = '\0';
		if (str_to_u64(slash + 1, f->bits, &bits) < 0)
			return false;
	}
	return inet_pton(f->af, copy, address) == 1;
}

static bool is_address(const struct family *f, const char *text)
{
	return !strchr(text, '/') && is_prefix(f, text);
}

static const struct family *family_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++)
		if (is_prefix(&families[i], text))
			return &families[i];
	return NULL;
}

bool rules_is_dns_name(const char *host)
{
	size_t n = strlen(host);

	if (n < 1 || n > 253 || family_of(host) || host[0] == '-' || host[0] == '.')
		return false;
	return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789-._") == n;
}

char **rules_dns_names(const struct firewall_rules *rules)
{
	char **names = NULL;

	MSG_EACH (struct firewall_client, client, &rules->clients) {
		MSG_EACH (struct firewall_allow, allow, &client->allow) {
			if (allow->host && rules_is_dns_name(allow->host) &&
			    !strv_has(names, allow->host))
				strv_append(&names, allow->host);
		}
	}
	return names;
}

static size_t name_index(char *const *names, const char *host)
{
	size_t i = 0;

	while (!str_eq(names[i], host))
		i++;
	return i;
}

/*
 * The conditions on protocol and port of one allowed place, twice: as a packet towards it has them, and
 * as the flow that an answer belongs to.
 */
static void write_port_match(const struct firewall_allow *a, const struct family *f,
			     bool of_original, struct buf *out)
{
	if (a->protocol)
		buf_printf(out, " meta l4proto %" PRIu64,
			   a->protocol == IPPROTO_ICMP ? (uint64_t)f->icmp : a->protocol);
	if (a->port_low)
		buf_printf(out, " %s %" PRIu64 "-%" PRIu64,
			   of_original ? "ct original proto-dst" : "th dport", a->port_low,
			   a->port_high ? a->port_high : a->port_low);
}

static void write_pass(const char *client, const char *uplink, const struct family *f,
		       const char *to, const struct firewall_allow *a, struct buf *out)
{
	struct firewall_allow of_protocol = *a;

	/* A port means something in a protocol only: without one it is meant in both that have ports. */
	if (a->port_low && !a->protocol) {
		of_protocol.protocol = IPPROTO_TCP;
		write_pass(client, uplink, f, to, &of_protocol, out);
		of_protocol.protocol = IPPROTO_UDP;
		write_pass(client, uplink, f, to, &of_protocol, out);
		return;
	}
	buf_printf(out, "\t\tiifname \"%s\" oifname \"%s\" %s daddr %s", client, uplink, f->ip, to);
	write_port_match(a, f, false, out);
	buf_append_str(out, " accept\n");
	buf_printf(out,
		   "\t\tiifname \"%s\" oifname \"%s\" ct direction reply ct state established "
		   "ct original %s daddr %s",
		   uplink, client, f->ip, to);
	write_port_match(a, f, true, out);
	buf_append_str(out, " accept\n");
}

static void write_allow(const struct firewall_client *c, const struct firewall_rules *rules,
			const struct firewall_allow *a, char *const *names, struct buf *out)
{
	const struct family *only = family_of(a->host);

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct family *f = &families[i];
		cleanup_free char *to = NULL;

		if (only && only != f)
			continue;
		to = only ? xstrdup(a->host)
			  : xasprintf("@name%zu_%c", name_index(names, a->host), f->suffix);
		write_pass(c->nic, rules->uplink, f, to, a, out);
	}
}

static const char *client_address(const struct firewall_client *c, const struct family *f)
{
	return f->af == AF_INET ? c->addr4 : c->addr6;
}

static void write_sets(char *const *names, struct buf *out)
{
	for (size_t i = 0; names && names[i]; i++) {
		buf_printf(out,
			   "\tset name%zu_4 { type ipv4_addr; flags timeout; comment \"%s\"; }\n"
			   "\tset name%zu_6 { type ipv6_addr; flags timeout; comment \"%s\"; }\n",
			   i, names[i], i, names[i]);
	}
}

#define NEIGHBOURS "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"

static void write_prerouting(const struct firewall_rules *rules, struct buf *out)
{
	buf_append_str(out, "\tchain prerouting {\n"
			    "\t\ttype filter hook prerouting priority raw; policy drop;\n"
			    "\t\tiifname \"lo\" accept\n");
	MSG_EACH (struct firewall_client, c, &rules->clients) {
		for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
			const char *address = client_address(c, &families[i]);

			if (!address)
				continue;
			buf_printf(out, "\t\tiifname \"%s\" %s saddr %s accept\n", c->nic,
				   families[i].ip, address);
			if (rules->uplink)
				buf_printf(out, "\t\tiifname \"%s\" %s saddr %s counter drop\n",
					   rules->uplink, families[i].ip, address);
		}
		buf_printf(out,
			   "\t\tiifname \"%s\" ip6 saddr fe80::/10 ip6 hoplimit 255 " NEIGHBOURS
			   " accept\n",
			   c->nic);
	}
	if (rules->uplink)
		buf_printf(out, "\t\tiifname \"%s\" accept\n", rules->uplink);
	buf_append_str(out, "\t\tcounter comment \"spoofed or from no client\"\n\t}\n");
}

static void write_local(const struct firewall_rules *rules, struct buf *out)
{
	const struct family *f = rules->dns ? family_of(rules->dns) : NULL;

	buf_append_str(out, "\tchain input {\n"
			    "\t\ttype filter hook input priority filter; policy drop;\n"
			    "\t\tiifname \"lo\" accept\n"
			    "\t\tip6 hoplimit 255 " NEIGHBOURS " accept\n");
	if (f && rules->uplink)
		buf_printf(out,
			   "\t\tiifname \"%s\" %s saddr %s ct direction reply ct state established "
			   "meta l4proto " TCP_OR_UDP " th sport 53 accept\n",
			   rules->uplink, f->ip, rules->dns);
	buf_append_str(out, "\t}\n\tchain output {\n"
			    "\t\ttype filter hook output priority filter; policy drop;\n"
			    "\t\toifname \"lo\" accept\n"
			    "\t\tip6 hoplimit 255 " NEIGHBOURS " accept\n"
			    "\t\tmeta l4proto " ICMP " ct state related accept\n");
	if (f && rules->uplink)
		buf_printf(out,
			   "\t\toifname \"%s\" %s daddr %s meta l4proto " TCP_OR_UDP " th dport 53 "
			   "accept\n",
			   rules->uplink, f->ip, rules->dns);
	buf_append_str(out, "\t}\n");
}

/* What any client with an uplink may do, restricted or not: ask for names, and hear of errors. */
static void write_common(const struct firewall_client *c, const struct firewall_rules *rules,
			 struct buf *out)
{
	const struct firewall_allow port53 = { .port_low = 53 };

	if (rules->dns)
		write_pass(c->nic, rules->uplink, family_of(rules->dns), rules->dns, &port53, out);
	buf_printf(out,
		   "\t\tiifname \"%s\" oifname \"%s\" meta l4proto " ICMP " "
		   "ct state related accept\n",
		   rules->uplink, c->nic);
}

static void write_unrestricted(const struct firewall_client *c, const struct firewall_rules *rules,
			       struct buf *out)
{
	buf_printf(out, "\t\tiifname \"%s\" oifname \"%s\" accept\n", c->nic, rules->uplink);
	buf_printf(out,
		   "\t\tiifname \"%s\" oifname \"%s\" ct direction reply ct state established "
		   "accept\n",
		   rules->uplink, c->nic);
}

static void write_forward(const struct firewall_rules *rules, char *const *names, struct buf *out)
{
	buf_append_str(out, "\tchain forward {\n"
			    "\t\ttype filter hook forward priority filter; policy drop;\n");
	for (char *const *d = rules->deny; d && *d; d++)
		buf_printf(out, "\t\t%s daddr %s counter reject with icmpx admin-prohibited\n",
			   family_of(*d)->ip, *d);
	MSG_EACH (struct firewall_client, c, &rules->clients) {
		if (!rules->uplink)
			break;
		write_common(c, rules, out);
		if (!c->restricted)
			write_unrestricted(c, rules, out);
		MSG_EACH (struct firewall_allow, a, &c->allow) {
			if (c->restricted)
				write_allow(c, rules, a, names, out);
		}
	}
	/* Said rather than swallowed: a program that may not pass fails at once, not by a timeout. */
	if (rules->uplink)
		buf_printf(out,
			   "\t\tiifname != \"%s\" limit rate 100/second counter reject with icmpx "
			   "admin-prohibited\n",
			   rules->uplink);
	buf_append_str(out, "\t}\n");
}

static void write_nat(const struct firewall_rules *rules, struct buf *out)
{
	buf_append_str(out, "\tchain postrouting {\n"
			    "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	if (rules->uplink)
		buf_printf(out, "\t\toifname \"%s\" masquerade\n", rules->uplink);
	buf_append_str(out, "\t}\n");
}

/* "table; delete table; table {" is nftables' way to say: in place of whatever was there. */
static void write_head(struct buf *out)
{
	buf_append_str(out, "table inet atoll\ndelete table inet atoll\ntable inet atoll {\n");
}

void rules_write_closed(struct buf *out)
{
	static const char *const hooks[] = { "prerouting", "input", "forward", "output" };

	write_head(out);
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		buf_printf(out,
			   "\tchain %s { type filter hook %s priority filter; policy drop; %s }\n",
			   hooks[i], hooks[i],
			   i == 3   ? "oifname \"lo\" accept;"
			   : i == 2 ? ""
				    : "iifname \"lo\" accept;");
	buf_append_str(out, "}\n");
}

static int check_allow(const struct firewall_client *c, const struct firewall_allow *a,
		       struct err **err)
{
	if (!a->host || (!family_of(a->host) && !rules_is_dns_name(a->host)))
		return err_set(err, EINVAL, "client %s: \"%s\" is no address, prefix or name",
			       c->nic, a->host ? a->host : "");
	if (a->protocol != 0 && a->protocol != IPPROTO_TCP && a->protocol != IPPROTO_UDP &&
	    a->protocol != IPPROTO_ICMP)
		return err_set(err, EINVAL, "client %s: protocol %" PRIu64 " is not known", c->nic,
			       a->protocol);
	if (a->port_low && a->protocol == IPPROTO_ICMP)
		return err_set(err, EINVAL, "client %s: icmp has no ports", c->nic);
	if (a->port_high && a->port_high < a->port_low)
		return err_set(err, EINVAL, "client %s: ports %" PRIu64 "-%" PRIu64, c->nic,
			       a->port_low, a->port_high);
	return 0;
}

static int check_client(const struct firewall_client *c, struct err **err)
{
	int r;

	if (!c->nic || !str_is_name(c->nic, 15))
		return err_set(err, EINVAL, "\"%s\" is no client's interface name",
			       c->nic ? c->nic : "");
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const char *address = client_address(c, &families[i]);

		if (address && !is_address(&families[i], address))
			return err_set(err, EINVAL, "client %s: \"%s\" is no %s address", c->nic,
				       address, families[i].ip);
	}
	MSG_EACH (struct firewall_allow, a, &c->allow) {
		r = check_allow(c, a, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check(const struct firewall_rules *rules, struct err **err)
{
	if (rules->uplink && !str_is_name(rules->uplink, 15))
		return err_set(err, EINVAL, "\"%s\" is no interface name", rules->uplink);
	if (rules->dns && (!family_of(rules->dns) || strchr(rules->dns, '/')))
		return err_set(err, EINVAL, "dns: \"%s\" is no address", rules->dns);
	for (char *const *d = rules->deny; d && *d; d++)
		if (!family_of(*d))
			return err_set(err, EINVAL, "deny: \"%s\" is no address or prefix", *d);
	MSG_EACH (struct firewall_client, c, &rules->clients) {
		int r = check_client(c, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int rules_write(const struct firewall_rules *rules, struct buf *out, struct err **err)
{
	cleanup_strv char **names = NULL;
	int r = check(rules, err);

	if (r < 0)
		return r;
	names = rules_dns_names(rules);
	write_head(out);
	write_sets(names, out);
	write_prerouting(rules, out);
	write_local(rules, out);
	write_forward(rules, names, out);
	write_nat(rules, out);
	buf_append_str(out, "}\n");
	return 0;
}
