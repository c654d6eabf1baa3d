/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A net link is two NICs and nothing else, so its two addresses need no more than a pair: a /31
 * (RFC 3021) and a /127 (RFC 6164), the even one the router's. A link's slot numbers its pair in the
 * federation's block, which the federation's name chooses: one of the 64 blocks of 65536 addresses in
 * 100.64.0.0/10 (RFC 6598: never on the Internet, and not what a home or office uses), and a ULA
 * prefix (RFC 4193). Blocks of two federations may be the same: nothing joins them. A machine has only
 * its own pairs as routes, so that the rest of 100.64.0.0/10 stays reachable through an uplink.
 *
 * The hash is FNV-1a with a final mix: names are the user's own, nobody gains by a collision, and the
 * same name has to give the same addresses in every version.
 */
#include "address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "str.h"

static uint64_t hash_more(uint64_t h, const char *s)
{
	do { /* with the NUL, so that "a","bc" is not "ab","c" */
		h ^= (unsigned char)*s;
		h *= 0x100000001b3;
	} while (*s++);
	return h;
}

/* FNV's high bits are weak for short texts; this is MurmurHash3's last step. */
static uint64_t hash_end(uint64_t h)
{
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

static uint64_t hash(const char *a, const char *b, const char *c)
{
	uint64_t h = hash_more(0xcbf29ce484222325, a);

	return hash_end(hash_more(hash_more(h, b), c));
}

static char *text4(const char *federation, uint32_t host)
{
	uint32_t block = 64 + (uint32_t)(hash(federation, "ipv4", "") % 64);

	return xasprintf("100.%u.%u.%u", block, host >> 8, host & 0xff);
}

static char *text6(const char *federation, uint32_t host)
{
	uint64_t global = hash(federation, "ipv6", "");
	uint8_t bytes[16] = { 0xfd };
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 1; i < 6; i++)
		bytes[i] = (uint8_t)(global >> 8 * i);
	bytes[14] = (uint8_t)(host >> 8);
	bytes[15] = (uint8_t)host;
	return xstrdup(inet_ntop(AF_INET6, bytes, text, sizeof(text)));
}

/* 02: locally administered, unicast. */
static char *text_mac(const char *federation, const char *link, const char *side)
{
	uint64_t h = hash(federation, link, side);

	return xasprintf("02:%02x:%02x:%02x:%02x:%02x", (unsigned int)(h & 0xff),
			 (unsigned int)(h >> 8 & 0xff), (unsigned int)(h >> 16 & 0xff),
			 (unsigned int)(h >> 24 & 0xff), (unsigned int)(h >> 32 & 0xff));
}

static void fill(struct plan_net *net, const char *federation, uint32_t slot)
{
	net->slot = slot;
	net->to4 = text4(federation, 2 * slot);
	net->from4 = text4(federation, 2 * slot + 1);
	net->to6 = text6(federation, 2 * slot);
	net->from6 = text6(federation, 2 * slot + 1);
	net->to_mac = text_mac(federation, net->link, "to");
	net->from_mac = text_mac(federation, net->link, "from");
}

/* The slot of a link that is there already and may keep it, else 0. */
static uint32_t kept_slot(const struct plan_have *have, const char *link, const bool *taken)
{
	for (size_t i = 0; i < have->n_links; i++) {
		const struct plan_have_link *l = &have->links[i];

		if (l->net && str_eq(l->id, link))
			return l->slot <= SLOT_MAX && !taken[l->slot] ? l->slot : 0;
	}
	return 0;
}

struct plan_net *address_give(const struct federation *want, const struct plan_have *have,
			      size_t *ret_n)
{
	cleanup_free bool *taken = xcalloc(SLOT_MAX + 1, sizeof(*taken));
	struct plan_net *nets = xcalloc(want->n_links + 1, sizeof(*nets));
	uint32_t next = 1;
	size_t n = 0;

	taken[0] = true;
	for (size_t i = 0; i < want->n_links; i++) {
		if (!fed_link_is_net(&want->links[i]))
			continue;
		nets[n].link = xstrdup(want->links[i].id);
		nets[n].slot = kept_slot(have, nets[n].link, taken);
		taken[nets[n].slot] = true;
		n++;
	}
	for (size_t i = 0; i < n; i++) {
		while (!nets[i].slot && taken[next])
			next++;
		if (!nets[i].slot)
			nets[i].slot = next++;
		fill(&nets[i], want->name, nets[i].slot);
	}
	*ret_n = n;
	return nets;
}

void address_free(struct plan_net *nets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(nets[i].link);
		free(nets[i].from4);
		free(nets[i].to4);
		free(nets[i].from6);
		free(nets[i].to6);
		free(nets[i].from_mac);
		free(nets[i].to_mac);
	}
	free(nets);
}
