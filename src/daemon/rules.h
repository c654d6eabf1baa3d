/* SPDX-License-Identifier: MIT */
/* What a firewall machine is told: its clients, from the net links to it. */
#ifndef ATOLL_RULES_H
#define ATOLL_RULES_H

#include "abi_firewall.h"
#include "model.h"

/* Whether the machine provides net as frames: it runs atoll-firewall. */
bool rules_wanted(const struct machine *router);

/*
 * The rules of a router that runs, with generation 0: one client for each net link to it that is not
 * cut, with the addresses that the client's own configuration has. deny (a strv) is copied.
 * msg_free(&firewall_rules_type, …) by the caller.
 */
struct firewall_rules *rules_make(const struct machine *router, char *const *deny);

/* The host's own addresses, which no client reaches; a strv. */
char **rules_host_addresses(void);

/* The configured NIC of that link, inside the guest; NULL when it has none. */
const struct guest_nic *rules_find_nic(const struct machine *m, const char *link);

#endif
