/* SPDX-License-Identifier: MIT */
/*
 * The plan: from what is wanted (a federation file and its appliances) and what is there, the steps
 * between. Pure: no clock, no file, no process; `atoll plan` prints it and `atoll up` carries it
 * out.
 */
#ifndef ATOLL_PLAN_H
#define ATOLL_PLAN_H

#include "federation.h"

/* A net link's addresses: both ends, IPv4 /31 and IPv6 /127, without prefix. */
struct plan_net {
	char *link; /* id */
	uint32_t
		slot; /* which pair of the federation's addresses, from 1; kept while the link lives */
	char *from4, *to4, *from6, *to6;
	char *from_mac, *to_mac;
};

/* What is there, from the ledger. Sorted like the federation's lists. */
struct plan_have_machine {
	const char *name;
	const char *digest; /* see plan_machine_digest */
	bool running;
};
struct plan_have_link {
	const char *id;
	const char *digest; /* of its options: see plan_link_digest */
	uint32_t slot;      /* net links; 0: none */
	bool net;
};
struct plan_have {
	const struct plan_have_machine *machines;
	size_t n_machines;
	const struct plan_have_link *links;
	size_t n_links;
	const struct federation *file; /* as it was brought up last; NULL: not known */
};

enum plan_verb {
	PLAN_CREATE,  /* machine: not there yet; start it */
	PLAN_START,   /* machine: there, the same, not running */
	PLAN_REPLACE, /* machine: what it is changed; stop, start anew (volumes stay) */
	PLAN_UPDATE,  /* machine: what it does not know of changed (its label): nothing restarts */
	PLAN_REMOVE,  /* machine: no longer in the file; stop and forget it (volumes stay) */
	PLAN_LINK,    /* link: new */
	PLAN_RELINK,  /* link: its options changed */
	PLAN_UNLINK,  /* link: no longer in the file */
};

struct plan_step {
	enum plan_verb verb;
	char *object; /* machine name or link id */
	char *why;    /* "memory 64M -> 96M", "not running", … */
};

struct plan {
	struct plan_step *steps; /* removals first, then by start order, links after all machines */
	size_t n_steps;
	struct plan_net *nets; /* of every net link of the wanted federation, sorted by id */
	size_t n_nets;
};

/*
 * What a machine is, as a string that changes when it has to be started anew: its own keys, its
 * appliance's digest, and what of its links it learns only at start (names, ports, net interfaces).
 * Not in it: what no running machine knows of (plan_machine_notes), and what a link allows. Secrets are in it
 * by fed_secret.digest alone.
 *
 * The string is a sorted list of KEY=VALUE lines and not a hash of one, so that a plan can say what
 * changed. The ledger keeps it as it is.
 */
char *plan_machine_digest(const struct federation *f, const struct fed_machine *m,
			  const char *appliance_digest);
/* In the same form, what of a machine may change while it runs: `label`, `after`, `start-timeout`. */
char *plan_machine_notes(const struct fed_machine *m);
/* What a link is, in the same form: its options (the firewall's rules change without a restart). */
char *plan_link_digest(const struct fed_link *l);

typedef const char *(*appliance_digest_fn)(const char *image, void *data);

/*
 * `digest` gives an appliance's digest by a machine's image (NULL counts as ""). The plan owns all it holds. The
 * wanted federation is to be kept even when there are no steps: see plan_machine_digest.
 */
struct plan *plan_make(const struct federation *want, appliance_digest_fn digest, void *data,
		       const struct plan_have *have);
void plan_free(struct plan *p);
const char *plan_verb_name(enum plan_verb verb);

#endif
