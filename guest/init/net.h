/* SPDX-License-Identifier: MIT */
/* Network interfaces, through rtnetlink. */
#ifndef ATOLL_NET_H
#define ATOLL_NET_H

#include "abi_machine.h"
#include "err.h"

int net_loopback_up(struct err **err);

/*
 * Gives the device with the NIC's MAC its name, MTU, addresses and routes, and brings it up. The
 * addresses are usable at once: a point-to-point link has no duplicates to wait for. Gateways are
 * reached on the link itself, whatever the prefix.
 */
int net_configure(const struct guest_nic *nic, struct err **err);
/* An interface by its index. */
int net_up(int index, struct err **err);
/* An IPv4 address ("ADDRESS/PREFIX") for some time, which another call prolongs; router may be NULL. */
int net_lease(int index, const char *address, uint32_t seconds, const char *router,
	      struct err **err);

#endif
