/* SPDX-License-Identifier: MIT */
/*
 * The ledger: what the daemon must not forget, in SQLite. Federations and their files, machines and
 * whether they are wanted, links with their options and counters, operations.
 *
 * It is written before what it says is acted on. What can be asked from a monitor (state, pid,
 * times) is not in it. Every call is a transaction of its own unless it stands between ledger_begin
 * and ledger_commit.
 */
#ifndef ATOLL_LEDGER_H
#define ATOLL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "msg.h"

#define LEDGER_OPERATIONS 200 /* kept; older ones are forgotten */

struct ledger;

struct ledger_federation {
	const char *name;
	const char *file; /* where the text came from */
	const char *text;
	uint64_t generation; /* of the firewalls' rules and of the text: counts every change */
};

struct ledger_machine {
	const char *federation;
	const char *name;
	const char *digest; /* plan_machine_digest of what was started last */
	const char *image;  /* digest of its appliance's image */
	const char *label;
	bool uplink;
	bool wanted;             /* desired state: running */
	uint64_t started;        /* CLOCK_REALTIME in nanoseconds of the last start; 0: never */
	struct msg_bytes config; /* encoded struct machine_config; empty: never started */
};

/* tx is from FROM to TO. */
struct ledger_counts {
	uint64_t streams, tx_bytes, rx_bytes, tx_frames, rx_frames, dropped;
};

struct ledger_link {
	const char *federation;
	const char *id;
	const char *digest; /* plan_link_digest; "" while only its slot is reserved */
	uint32_t slot;
	bool net;
	bool cut;
	struct ledger_counts past; /* lives of FROM that ended */
	struct ledger_counts life; /* FROM's present life, as last seen */
};

struct ledger_operation {
	const char *id;
	const char *federation;
	const char *status; /* as the API says it */
	const char *json;   /* the operation object */
};

/*
 * Opens, and makes it when it is not there; migrates older schemas. A damaged or a newer database is
 * an error that names the file and what to do; it is never changed or deleted then.
 */
int ledger_open(const char *path, struct ledger **ret, struct err **err);
void ledger_close(struct ledger *l); /* accepts NULL */

int ledger_begin(struct ledger *l, struct err **err);
int ledger_commit(struct ledger *l, struct err **err);
void ledger_rollback(struct ledger *l); /* nothing when no transaction is open */

/* A full disk is ENOSPC. */
int ledger_put_federation(struct ledger *l, const struct ledger_federation *f, struct err **err);
int ledger_put_machine(struct ledger *l, const struct ledger_machine *m, struct err **err);
int ledger_put_link(struct ledger *l, const struct ledger_link *link, struct err **err);
int ledger_put_operation(struct ledger *l, const struct ledger_operation *op, struct err **err);
/* With all its machines and links. */
int ledger_drop_federation(struct ledger *l, const char *name, struct err **err);
int ledger_drop_machine(struct ledger *l, const char *fed, const char *name, struct err **err);
int ledger_drop_link(struct ledger *l, const char *fed, const char *id, struct err **err);

/* Calls fn for every row, sorted by name or age (operations: oldest first). What fn gets is valid
 * during the call only. */
typedef void (*ledger_federation_fn)(const struct ledger_federation *f, void *data);
typedef void (*ledger_machine_fn)(const struct ledger_machine *m, void *data);
typedef void (*ledger_link_fn)(const struct ledger_link *link, void *data);
typedef void (*ledger_operation_fn)(const struct ledger_operation *op, void *data);
int ledger_federations(struct ledger *l, ledger_federation_fn fn, void *data, struct err **err);
int ledger_machines(struct ledger *l, ledger_machine_fn fn, void *data, struct err **err);
int ledger_links(struct ledger *l, ledger_link_fn fn, void *data, struct err **err);
int ledger_operations(struct ledger *l, ledger_operation_fn fn, void *data, struct err **err);

#endif
