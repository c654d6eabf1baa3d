/* SPDX-License-Identifier: MIT */
/* passt: an uplink NIC's way to the host's network, without privileges. Runs while the machine does. */
#ifndef ATOLL_PASST_H
#define ATOLL_PASST_H

#include <sys/types.h>

#include "abi_machine.h"
#include "loop.h"

struct passt;

/* A passt is there: fd is the frame socket to it, the callee's. */
typedef void (*passt_ready_fn)(int fd, void *data);

/*
 * Starts passt for the NIC, as uid; again, after a pause, whenever it ends. Whether it runs or not,
 * the machine does: a failure is only logged. nic lives longer.
 */
struct passt *passt_create(struct loop *loop, const struct machine_nic *nic, uid_t uid,
			   passt_ready_fn ready, void *data);
void passt_destroy(struct passt *passt); /* ends it; accepts NULL */

/* Its command line, the caller's to free: for fd, the number that the socket has in it. */
char **passt_arguments(const struct machine_nic *nic, int fd);

#endif
