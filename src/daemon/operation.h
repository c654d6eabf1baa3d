/* SPDX-License-Identifier: MIT */
/*
 * Operations: what takes time. Steps along a graph, in parallel, one operation per federation at a
 * time. What a step does is steps.c's.
 */
#ifndef ATOLL_OPERATION_H
#define ATOLL_OPERATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "model.h"

#define OPERATION_PARALLEL 8 /* machines that start or stop at once */
#define OPERATION_WAITERS  64

struct daemon;
struct operation;
struct operations;

/* What is done with a machine or a link. */
enum action {
	ACTION_CREATE,
	ACTION_START,
	ACTION_REPLACE,
	ACTION_RESTART,
	ACTION_STOP,
	ACTION_KILL,
	ACTION_UPDATE,
	ACTION_REMOVE,
	ACTION_LINK,
	ACTION_RELINK,
	ACTION_UNLINK,
	ACTION_CUT,
	ACTION_RESTORE,
};

enum step_state {
	STEP_WAITING,
	STEP_RUNNING,
	STEP_DONE,
	STEP_FAILED,
	STEP_SKIPPED, /* a step that it needs failed, or the operation was cancelled */
};

struct step {
	enum action action;
	enum step_state state;
	char *object; /* machine name or link id */
	char *why;
	char *detail;  /* how it failed, why it was skipped; or NULL */
	size_t *needs; /* steps that are to be done before */
	size_t n_needs;
	bool order_only; /* needs that failed do not skip it */
	int64_t grace;   /* milliseconds for an orderly end, where it ends a machine */
	int phase;       /* steps.c's */
	bool cancelled;
	int code; /* STEP_FAILED: errno */
};

struct operation_spec {
	char *description;
	struct fed *fed;
	struct step *steps; /* with strings; taken over */
	size_t n_steps;
	bool forget;         /* behind the last step, if none failed, forget the federation */
	bool remove_volumes; /* with forget */
};

/* Marks what the last daemon left running as failed. */
int operations_create(struct daemon *d, struct operations **ret, struct err **err);
void operations_destroy(struct operations *o); /* accepts NULL */

/*
 * Writes it to the ledger and begins. EBUSY names the operation that works on the federation. The
 * spec's steps and description are taken over in any case.
 */
int operation_begin(struct operations *o, struct operation_spec *spec, struct operation **ret,
		    struct err **err);
/* EBUSY when one works on the federation. */
int operation_check_idle(const struct fed *f, struct err **err);
const char *operation_id(const struct operation *op);
json_t *operation_json(const struct operation *op);

/* One that runs; NULL for an unknown one, or one that ended. */
struct operation *operation_find(struct operations *o, const char *id);
/* The object of one that runs or ended; NULL when unknown. */
json_t *operation_lookup(struct operations *o, const char *id, struct err **err);
/* All, newest first. */
json_t *operation_list(struct operations *o, struct err **err);

/* Running steps are ended, waiting ones skipped. It ends soon, not at once. */
void operation_cancel(struct operation *op);

/* Looks again at what the steps wait for; cheap, and deferred to the end of the loop's round. */
void operations_kick(struct operations *o);

/* Calls fn once, with the object when the operation has ended. -EBUSY beyond OPERATION_WAITERS. */
typedef void (*operation_end_fn)(const json_t *object, void *data);
int operation_wait(struct operation *op, operation_end_fn fn, void *data);
void operation_unwait(struct operation *op, void *data);

/* For operation_spec: appends a step (object and why are copied) and returns it; the pointer holds
 * until the next one. */
struct step *step_add(struct operation_spec *spec, enum action action, const char *object,
		      const char *why);
void step_need(struct step *s, size_t other);
void steps_free(struct step *steps, size_t n);
const char *action_name(enum action action);

#endif
