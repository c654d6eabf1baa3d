/* SPDX-License-Identifier: MIT */
/*
 * From a federation file to operations: read, check against the store, plan, write down, carry out.
 */
#ifndef ATOLL_DEPLOY_H
#define ATOLL_DEPLOY_H

#include <jansson.h>

#include "diag.h"
#include "model.h"
#include "operation.h"

struct daemon;
struct store_image;

/* What bringing a file up would do. */
struct deployment;

/*
 * Reads and checks the text and makes the plan. EINVAL with diagnostics for what is wrong in the
 * file. deployment_free by the caller.
 */
int deploy_plan(struct daemon *d, const char *file, const char *text, struct deployment **ret,
		struct diag_list *diags, struct err **err);
void deployment_free(struct deployment *p); /* accepts NULL */
/* {"federation", "steps": []}: doc/api.md. */
json_t *deployment_json(const struct deployment *p);

/*
 * Carries it out: file and links become the ledger's in one transaction, then an operation begins.
 * *ret is NULL when there is nothing to do.
 */
int deploy_up(struct daemon *d, struct deployment *p, struct operation **ret, struct err **err);

/* Operations over a whole federation, along the graph. *ret is NULL when there is nothing to do. */
int deploy_down(struct fed *f, bool remove_volumes, struct operation **ret, struct err **err);
int deploy_start_all(struct fed *f, struct operation **ret, struct err **err);
int deploy_stop_all(struct fed *f, struct operation **ret, struct err **err);
/* Machines that there are, along the graph: ACTION_START, STOP, RESTART or KILL. */
int deploy_machines(struct fed *f, char *const *names, enum action action, int64_t grace,
		    struct operation **ret, struct err **err);
/* Cuts a link or restores it: in the ledger now, in force when the operation ended. */
int deploy_cut(struct link *k, bool cut, struct operation **ret, struct err **err);

/* Starts one machine as the federation's file says now (a step). */
int deploy_start(struct fed *f, const char *name, struct err **err);
/*
 * Whether a start would find all that it needs: its appliance, whole; a configuration in bounds; memory.
 * As verifier_ask (verify.h). Nothing is touched: what runs goes on.
 */
int deploy_check(struct fed *f, const char *name, struct err **err);
/* Takes a machine that ended out of ledger and folder; its volumes stay (a step). */
int deploy_forget_machine(struct machine *m, struct err **err);
/* Takes a federation whose machines ended out of the ledger. The object itself stays. */
int deploy_forget(struct fed *f, bool remove_volumes, struct err **err);

#endif
