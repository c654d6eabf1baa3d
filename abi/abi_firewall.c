/* SPDX-License-Identifier: MIT */
#include "abi_firewall.h"

static const struct msg_field firewall_allow_fields[] = {
	MSG_FIELD(1, MSG_STR, struct firewall_allow, host, 256),
	MSG_FIELD(2, MSG_U64, struct firewall_allow, protocol, 255),
	MSG_FIELD(3, MSG_U64, struct firewall_allow, port_low, 65535),
	MSG_FIELD(4, MSG_U64, struct firewall_allow, port_high, 65535),
};
static const struct msg_type firewall_allow_type =
	MSG_TYPE(0, firewall_allow, firewall_allow_fields);

static const struct msg_field firewall_client_fields[] = {
	MSG_FIELD(1, MSG_STR, struct firewall_client, nic, 15),
	MSG_FIELD(2, MSG_STR, struct firewall_client, addr4, 256),
	MSG_FIELD(3, MSG_STR, struct firewall_client, addr6, 256),
	MSG_FIELD(4, MSG_U64, struct firewall_client, restricted, 0),
	MSG_FIELD_RECORDS(5, struct firewall_client, allow, 256, &firewall_allow_type),
};
static const struct msg_type firewall_client_type =
	MSG_TYPE(0, firewall_client, firewall_client_fields);

static const struct msg_field firewall_rules_fields[] = {
	MSG_FIELD(1, MSG_U64, struct firewall_rules, generation, 0),
	MSG_FIELD(2, MSG_STR, struct firewall_rules, uplink, 256),
	MSG_FIELD(3, MSG_STR, struct firewall_rules, dns, 256),
	MSG_FIELD_RECORDS(4, struct firewall_rules, clients, 256, &firewall_client_type),
	MSG_FIELD(5, MSG_STRS, struct firewall_rules, deny, 256),
};
const struct msg_type firewall_rules_type =
	MSG_TYPE(FIREWALL_RULES, firewall_rules, firewall_rules_fields);
