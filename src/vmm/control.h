/* SPDX-License-Identifier: MIT */
/* The control socket (abi_vmm.h): its clients ask, the machine does. */
#ifndef VMM_CONTROL_H
#define VMM_CONTROL_H

#include <stdbool.h>

#include "err.h"

struct control;
struct machine;

/*
 * fd: a listening SOCK_SEQPACKET socket, or one client's when `connected`; taken over, on failure too.
 * Whoever can connect may do everything: who that is, the socket's mode and folder say.
 */
int control_create(struct machine *m, int fd, bool connected, struct control **ret,
		   struct err **err);
void control_destroy(struct control *c); /* accepts NULL */
/* Tells all clients how the machine ended (m->end). Accepts NULL. */
void control_announce_end(struct control *c);

#endif
