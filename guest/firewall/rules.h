/* SPDX-License-Identifier: MIT */
/*
 * From what the daemon says (struct firewall_rules) to nftables' language. Pure: text in, text out.
 *
 * Theory of operation
 *
 * One table, `inet atoll`, replaced whole: nftables applies all of a text or nothing of it. Every chain's
 * policy is drop, so what no rule names does not pass.
 *
 *	prerouting  a frame's source must be the one address of the NIC that it came in by, in each
 *	            family; from the uplink, it must not be a client's
 *	input       what is for the firewall itself: neighbour discovery, answers to its own DNS questions
 *	forward     client -> uplink by what its link allows, packet by packet; uplink -> client only what
 *	            answers a flow that is still allowed (by the flow's original destination, so that a
 *	            rule taken away ends flows too); client -> client never
 *	output      the firewall's own DNS questions, errors, neighbour discovery
 *	postrouting source translation to the uplink's address
 *
 * DNS names of `only:` are named sets that the resolver fills (resolve.h); an empty set allows nothing.
 */
#ifndef ATOLL_FIREWALL_RULES_H
#define ATOLL_FIREWALL_RULES_H

#include <stdbool.h>

#include "abi_firewall.h"
#include "buf.h"
#include "err.h"

/* What is in force before the daemon said anything: nothing passes. */
void rules_write_closed(struct buf *out);

/*
 * The whole table. -EINVAL, with the field named, when a name, address or port is not one: the text is
 * made of checked parts only.
 */
int rules_write(const struct firewall_rules *rules, struct buf *out, struct err **err);

/* Whether host is a DNS name, as opposed to an address or prefix. */
bool rules_is_dns_name(const char *host);

/*
 * The DNS names of all clients, each once, in order of appearance: the i-th has the sets "name<i>_4" and
 * "name<i>_6". A strv that the caller owns.
 */
char **rules_dns_names(const struct firewall_rules *rules);

#endif
