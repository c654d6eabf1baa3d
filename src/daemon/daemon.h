/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's parts share, and the one place where a change in one of them is told to the
 * others. main.c makes and owns all of it.
 */
#ifndef ATOLL_DAEMON_H
#define ATOLL_DAEMON_H

struct children;
struct counts;
struct events;
struct fed;
struct host;
struct http;
struct ledger;
struct loop;
struct machine;
struct operations;
struct verifier;

struct daemon {
	struct loop *loop;
	struct ledger *ledger;
	struct children *children;
	struct counts *counts;
	struct host *host;
	struct events *events;
	struct operations *operations;
	struct http *http;
	struct verifier *verifier;
	struct fed *feds; /* sorted by name; model.h */
	char *store;      /* path of the store */
};

/* A machine's state, connection or firewall rules changed: nets, operations and events follow. */
void daemon_machine_changed(struct machine *m);
/* What every waiting operation waits for may have come. */
void daemon_kick(struct daemon *d);

#endif
