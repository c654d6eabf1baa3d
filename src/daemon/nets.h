/* SPDX-License-Identifier: MIT */
/* Net links: frame sockets between monitors, and the rules of the firewalls they lead to. */
#ifndef ATOLL_NETS_H
#define ATOLL_NETS_H

#include "model.h"

/* Brings what is there to what the links say: joins what can be joined, sends rules that changed. */
void nets_reconcile(struct fed *f);

/* The machine's monitor is gone: its frame sockets and its rules are, too. */
void nets_machine_left(struct machine *m);

/* Ends what flows over a link (any kind). */
void nets_cut(struct link *k);

/*
 * Whether all that concerns the machine is in force: its net links with machines that run are
 * joined, and the firewalls' rules are acknowledged. 1: yes, or it does not run; 0: not yet;
 * -errno: a firewall refused its rules.
 */
int nets_settled(const struct machine *m, struct err **err);

/* Rules that were refused are sent again. */
void nets_retry(struct fed *f);

#endif
