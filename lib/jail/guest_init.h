/* SPDX-License-Identifier: MIT */
/*
 * The last steps of a light machine's first process, whoever made its namespaces and its root: it gets
 * the descriptors that atoll-init expects, loses what it shall not have, and becomes atoll-init.
 */
#ifndef ATOLL_GUEST_INIT_H
#define ATOLL_GUEST_INIT_H

#include "err.h"

struct guest_init {
	int init;            /* atoll-init's file, opened; all descriptors are above wire_fd */
	int wire;            /* its end of the wire, which gets the number … */
	int wire_fd;         /* … WIRE_LIGHT_FD */
	int console;         /* its standard output and error */
	char **capabilities; /* what its programs keep beyond CAPS_GUEST_DEFAULT, by name */
};

/* Returns only when it fails. */
int guest_init_run(const struct guest_init *g, struct err **err);

#endif
