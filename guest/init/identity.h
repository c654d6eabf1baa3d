/* SPDX-License-Identifier: MIT */
/* Who and when a machine is: host name, the names it knows, its clock. */
#ifndef ATOLL_IDENTITY_H
#define ATOLL_IDENTITY_H

#include "abi_machine.h"
#include "err.h"

/* The host name, /etc/hosts and /etc/resolv.conf. */
int identity_set(const struct guest_config *config, struct err **err);
/* /etc/resolv.conf alone; what is no address is left out. */
int identity_set_resolver(char *const *dns, struct err **err);

/* VM: sets a clock that differs from the host's time (CLOCK_REALTIME, nanoseconds; 0: unknown). */
void identity_set_clock(uint64_t time);

#endif
