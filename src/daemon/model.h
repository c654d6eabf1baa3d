/* SPDX-License-Identifier: MIT */
/*
 * The objects: federations with their machines and links, as the ledger has them. A federation's
 * parsed file says what is wanted; its machines and links say what is there.
 */
#ifndef ATOLL_MODEL_H
#define ATOLL_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "abi_control.h"
#include "abi_machine.h"
#include "err.h"
#include "federation.h"
#include "ledger.h"

struct control;
struct daemon;
struct operation;
struct source;

/* Where a machine is in its life. Everything from STARTING to STOPPING has a monitor. */
enum life {
	LIFE_STOPPED,  /* never started, or ended as it should */
	LIFE_STARTING, /* its monitor makes the guest, or the guest boots */
	LIFE_RUNNING,  /* its application was started */
	LIFE_READY,    /* and its services accept */
	LIFE_STOPPING,
	LIFE_FAILED, /* ended unasked, or could not be started: message says why */
};
const char *life_name(enum life life);

/* The rules a firewall machine was told (rules.h). */
struct machine_rules {
	struct msg_bytes payload; /* encoded, with generation 0: what was sent last */
	uint64_t sent, acked;     /* generations; equal: in force */
	char *error;              /* the last ones were refused: why; or NULL */
};

struct machine {
	struct machine *next; /* in fed->machines, sorted by name; owned by fed */
	struct fed *fed;
	char *name;
	char *dir; /* STATE/machines/FED/NAME */

	/* as in the ledger */
	char *digest, *image, *label;
	bool uplink, wanted;
	uint64_t started;
	struct machine_config *config; /* of the last start; NULL: never */

	/* now */
	enum life life;
	enum life told;            /* the last that an event said */
	char *message;             /* why it is as it is, or NULL */
	char *failure;             /* why we end it ourselves: becomes the message of LIFE_FAILED */
	struct machine_exit *exit; /* of the last life, or NULL */
	struct control *control;   /* to its monitor, or NULL */
	pid_t monitor;             /* a child of ours; 0: adopted, or none */
	pid_t pid;                 /* of the guest's first process; 0: none */
	struct control_times times;
	uint64_t memory, cpu;
	bool stop_asked;
	int64_t stop_grace;      /* milliseconds, while stop_asked */
	struct source *attach;   /* timer: connect again */
	struct source *limit;    /* timer: the start takes too long, or the stop */
	int64_t attach_deadline; /* clock_ms */
	unsigned int n_requests; /* of the guest for links that are being decided */
	struct machine_rules rules;
};

struct link {
	struct link *next; /* in fed->links, sorted by id; owned by fed */
	struct fed *fed;
	char *id, *from, *to, *service;
	char *digest;
	uint32_t slot;
	bool net, cut;
	struct ledger_counts past, life;
	bool counted;  /* life changed since the ledger has it */
	uint64_t open; /* streams now */
	bool joined;   /* net: both monitors have their end of the frame socket */
};

struct fed {
	struct fed *next; /* in daemon->feds, sorted by name */
	struct daemon *daemon;
	char *name, *file, *text;
	uint64_t generation;
	struct federation *spec; /* text, parsed; NULL when this version cannot read it */
	struct machine *machines;
	struct link *links;
	struct operation *operation; /* the one that works on it, or NULL; owned by operations */
};

/* Fills daemon->feds from the ledger: all machines stopped, all links not joined. */
int model_load(struct daemon *d, struct err **err);
void model_free(struct daemon *d);

struct fed *model_fed(struct daemon *d, const char *name);
/* Adds an empty one (in memory only). */
struct fed *model_add_fed(struct daemon *d, const char *name);
void model_remove_fed(struct fed *f);

struct machine *fed_find_machine(const struct fed *f, const char *name);
struct machine *fed_add_machine(struct fed *f, const char *name);
void fed_remove_machine(struct machine *m);

struct link *fed_find_link(const struct fed *f, const char *id);
/* NULL when the id is not "FROM>TO.SERVICE". */
struct link *fed_add_link(struct fed *f, const char *id);
void fed_remove_link(struct link *k);
/* The link in the federation's file, with its options; NULL when it is not there. */
const struct fed_link *link_spec(const struct link *k);

/* Writes the row to the ledger. */
int fed_save(struct fed *f, struct err **err);
int machine_save(struct machine *m, struct err **err);
int link_save(struct link *k, struct err **err);

/* past + life. */
struct ledger_counts link_counts(const struct link *k);
/* FROM's life ended: its counts are past. In memory only. */
void link_fold(struct link *k);

static inline bool machine_alive(const struct machine *m)
{
	return m->life >= LIFE_STARTING && m->life <= LIFE_STOPPING;
}

/* Replaces a string that the object owns. */
void set_string(char **place, const char *value);

#endif
