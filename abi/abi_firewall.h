/* SPDX-License-Identifier: MIT */
/*
 * The rules that a firewall machine is told: the payload of WIRE_CONFIG for its service "net". Each
 * set of rules is whole: it replaces the one before in one nftables transaction, or fails and
 * changes nothing.
 */
#ifndef ABI_FIREWALL_H
#define ABI_FIREWALL_H

#include "msg.h"

#define FIREWALL_SOCKET "/run/atoll/firewall.sock" /* where atoll-firewall takes configurations */

enum firewall_msg {
	FIREWALL_RULES = 1,
};

/* One place that a client may reach: of `only:` in the federation file. */
struct firewall_allow {
	char *host; /* address, prefix ("10.0.0.0/8"), or a DNS name that the firewall resolves */
	uint64_t protocol;            /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, or 0 for any */
	uint64_t port_low, port_high; /* 0: any */
};

struct firewall_client {
	char *nic; /* interface name in the firewall machine: the client machine's name */
	char *addr4,
		*addr6; /* the client's only addresses, without prefix: anything else is spoofed */
	uint64_t restricted;      /* 1: only `allow`; 0: everything beyond the uplink */
	struct msg_records allow; /* struct firewall_allow */
};

struct firewall_rules {
	uint64_t generation;
	char *uplink; /* interface name; absent: nothing leaves */
	char *dns;    /* address beyond the uplink at which DNS answers; every client may ask it */
	char **deny;  /* addresses and prefixes that no client reaches: the host's own */
	struct msg_records clients; /* struct firewall_client */
};
extern const struct msg_type firewall_rules_type;

#endif
