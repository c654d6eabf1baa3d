/* SPDX-License-Identifier: MIT */
/* The API's routes (doc/api.md), and what their handlers share. */
#ifndef ATOLL_API_H
#define ATOLL_API_H

#include "http.h"
#include "model.h"
#include "operation.h"

#define API_VERSION     "1.0"
#define API_TIMEOUT_MAX 3600 /* seconds for a machine's end */

/* All routes; ends with a method of NULL. */
extern const struct route api_routes[];

/* The federation that the path's first parameter names; NULL: the call was answered (404). */
struct fed *api_fed(struct call *call);
/* What a listing's query says: the name of one federation, NULL for all. False: the call was answered. */
bool api_only(struct call *call, const char **ret);
/* The machine of the path's first two parameters; "-" for the federation: the only one so named. */
struct machine *api_machine(struct call *call);
/* A machine by its name; the error names the nearest. */
struct machine *api_machine_of(struct fed *f, const char *name, struct err **err);
/* Answers with the operation, with "nothing to do" ({"steps": []}), or with the error. */
void api_reply_operation(struct call *call, int result, struct operation *op, struct err *err);

/* Calls fn, which answers, when the monitors' numbers are new, or after a short while. */
void api_with_counts(struct call *call, void (*fn)(struct call *call));

/* api_federations.c */
void handle_list_federations(struct call *call);
void handle_get_federation(struct call *call);
void handle_up(struct call *call);
void handle_down(struct call *call);
void handle_start_federation(struct call *call);
void handle_stop_federation(struct call *call);
/* api_machines.c */
void handle_list_machines(struct call *call);
void handle_get_machine(struct call *call);
void handle_put_machine_state(struct call *call);
void handle_put_machine_states(struct call *call);
/* api_console.c */
void handle_console(struct call *call);
/* api_exec.c */
void handle_exec(struct call *call);
/* api_links.c */
void handle_list_links(struct call *call);
void handle_put_link(struct call *call);
/* api_operations.c */
void handle_list_operations(struct call *call);
void handle_get_operation(struct call *call);
void handle_wait_operation(struct call *call);
void handle_cancel_operation(struct call *call);
/* api_events.c */
void handle_events(struct call *call);

#endif
