/* SPDX-License-Identifier: MIT */
/*
 * The jailed half of a monitor: one machine from its guest's start to its end. It holds the wire,
 * the console, the NICs and the daemon's connection, and no privilege.
 */
#ifndef ATOLL_MACHINE_H
#define ATOLL_MACHINE_H

#include <sys/types.h>

#include "kind.h"

/* All that the jailed half has; it closes every other descriptor. Taken over. */
struct machine_setup {
	const struct machine_config *config;
	int keeper;    /* halves.h */
	int listening; /* the control socket */
	int console;   /* the guest prints here */
	int wire;
	int vmm;          /* as in struct guest */
	int log, old_log; /* console.log and console.log.1 */
	int secrets;      /* where the daemon wrote them (abi_machine.h) */
	struct {
		enum nic_transport transport;
		int fd;            /* the guest's side */
	} nics[GUEST_MAX_NICS];    /* in the order of config->nics */
	pid_t guest;               /* as the keeper numbers it */
	bool has_button;           /* the kind has a power button */
	uid_t uid;                 /* to become */
	int64_t launched, started; /* clock_ns of the monitor's and the guest's start */
};

/*
 * Isolates the calling process, says so by shutting `ready` down, and runs until the machine has
 * ended and the daemon was told. Returns 0, or -errno when it could not begin.
 */
int machine_run(struct machine_setup *setup, int ready, struct err **err);

#endif
