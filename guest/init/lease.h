/* SPDX-License-Identifier: MIT */
/*
 * The network of a machine that starts by itself: every NIC is brought up, so that the kernel takes IPv6 addresses
 * from routers' advertisements, and busybox' udhcpc gets an IPv4 address for each. udhcpc is a file of the
 * initramfs; it runs atoll-init as its script, with what it got in the environment.
 */
#ifndef ATOLL_LEASE_H
#define ATOLL_LEASE_H

#include <stdbool.h>

#include "agent.h"

/* Before the initramfs goes: keeps hold of the program. */
void lease_keep_program(void);
bool lease_any_nic(void);
/* Interfaces come up. A machine without DHCP, or without NIC, goes on; the console says so. */
int lease_begin(const struct agent *agent, struct err **err);

/* Whether this process is udhcpc's script; its exit status. */
bool lease_is_script(int argc, char **argv);
int lease_script(const char *event);

#endif
