/* SPDX-License-Identifier: MIT */
/*
 * What the jailed half asks atoll-vmm on its control socket. The keeper sends the power button's request on
 * the same socket and reads nothing of it; its answer is passed over here.
 */
#ifndef ATOLL_VMM_CLIENT_H
#define ATOLL_VMM_CLIENT_H

#include "abi_vmm.h"
#include "loop.h"

struct vmm_client;

typedef void (*vmm_times_fn)(const struct vmm_times *times, void *data);

/* Takes fd over. fn hears the answers. */
struct vmm_client *vmm_client_create(struct loop *loop, int fd, vmm_times_fn fn, void *data);
void vmm_client_destroy(struct vmm_client *client);   /* accepts NULL */
void vmm_client_ask_times(struct vmm_client *client); /* accepts NULL */

#endif
