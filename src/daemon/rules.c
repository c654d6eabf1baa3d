/* SPDX-License-Identifier: MIT */
/*
 * Makes rules, and sends none: that is nets.c's. A client without an address in its configuration,
 * or whose NIC the router does not have, is left out: what is not named in the rules passes nothing.
 */
#include "rules.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

#include "compose.h"
#include "mem.h"
#include "str.h"

static const struct guest_config *guest_of(const struct machine *m)
{
	return m->config && m->config->guest.n ? m->config->guest.items : NULL;
}

bool rules_wanted(const struct machine *router)
{
	const struct guest_config *g = guest_of(router);

	if (!g)
		return false;
	MSG_EACH (const struct guest_service, s, &g->services)
		if (str_eq(s->name, "net") && str_eq(s->target, "unix" FIREWALL_SOCKET))
			return true;
	return false;
}

const struct guest_nic *rules_find_nic(const struct machine *m, const char *link)
{
	const struct guest_config *g = guest_of(m);
	const char *name = NULL;

	if (!g)
		return NULL;
	MSG_EACH (const struct machine_nic, nic, &m->config->nics)
		if (str_eq(nic->link, link))
			name = nic->name;
	if (!name)
		return NULL;
	MSG_EACH (const struct guest_nic, nic, &g->nics)
		if (str_eq(nic->name, name))
			return nic;
	return NULL;
}

/* "ADDRESS/PREFIX" without the prefix. */
static char *bare(const char *address)
{
	return address ? xstrndup(address, strcspn(address, "/")) : NULL;
}

static void add_client(struct firewall_rules *rules, const struct link *k,
		       const struct guest_nic *ours, const struct guest_nic *theirs)
{
	struct firewall_client *c = msg_records_add(&rules->clients, sizeof(*c));
	const struct fed_link *spec = link_spec(k);

	c->nic = xstrdup(ours->name);
	c->addr4 = bare(theirs->addr4);
	c->addr6 = bare(theirs->addr6);
	/* Without its options a link is not trusted with more than nothing. */
	c->restricted = !spec || spec->restricted;
	for (size_t i = 0; spec && i < spec->n_only; i++) {
		struct firewall_allow *a = msg_records_add(&c->allow, sizeof(*a));

		a->host = xstrdup(spec->only[i].host);
		a->protocol = spec->only[i].protocol;
		a->port_low = spec->only[i].port_low;
		a->port_high = spec->only[i].port_high;
	}
}

/* Where what leaves goes: the uplink, or else the next router. */
static char *find_uplink(const struct machine *router)
{
	MSG_EACH (const struct machine_nic, nic, &router->config->nics)
		if (nic->uplink)
			return xstrdup(nic->name);
	for (const struct link *k = router->fed->links; k; k = k->next)
		if (k->net && !k->cut && str_eq(k->from, router->name) &&
		    rules_find_nic(router, k->id))
			return xstrdup(k->to);
	return NULL;
}

struct firewall_rules *rules_make(const struct machine *router, char *const *deny)
{
	struct firewall_rules *rules = xcalloc(1, sizeof(*rules));

	rules->uplink = find_uplink(router);
	rules->dns = rules->uplink ? xstrdup(UPLINK_DNS) : NULL;
	rules->deny = strv_dup(deny);
	for (const struct link *k = router->fed->links; k; k = k->next) {
		const struct machine *client;
		const struct guest_nic *ours, *theirs;

		if (!k->net || k->cut || !str_eq(k->to, router->name))
			continue;
		client = fed_find_machine(router->fed, k->from);
		ours = rules_find_nic(router, k->id);
		theirs = client ? rules_find_nic(client, k->id) : NULL;
		if (ours && theirs)
			add_client(rules, k, ours, theirs);
	}
	return rules;
}

static bool is_host_address(const struct ifaddrs *a)
{
	return a->ifa_addr && !(a->ifa_flags & IFF_LOOPBACK) &&
	       (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
}

char **rules_host_addresses(void)
{
	struct ifaddrs *list = NULL;
	char **addresses = NULL;

	if (getifaddrs(&list) < 0)
		return NULL;
	for (const struct ifaddrs *a = list; a; a = a->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes;

		if (!is_host_address(a) || strv_len(addresses) >= 250)
			continue;
		bytes = a->ifa_addr->sa_family == AF_INET
				? (const void *)&(
					  (const struct sockaddr_in *)(const void *)a->ifa_addr)
					  ->sin_addr
				: &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)
					   ->sin6_addr;
		if (inet_ntop(a->ifa_addr->sa_family, bytes, text, sizeof(text)) &&
		    !strv_has(addresses, text))
			strv_append(&addresses, text);
	}
	freeifaddrs(list);
	return addresses;
}
