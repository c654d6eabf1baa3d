/* SPDX-License-Identifier: MIT */
/* The API's objects and envelopes as JSON (doc/api.md). Every function returns a new reference. */
#ifndef ATOLL_REPLY_H
#define ATOLL_REPLY_H

#include <jansson.h>
#include <stdint.h>

#include "diag.h"
#include "err.h"
#include "model.h"

/* The caller frees. 0 nanoseconds: NULL. */
char *time_rfc3339(uint64_t realtime_ns);
char *time_rfc3339_now(void);

json_t *reply_sync(json_t *metadata); /* takes metadata over */
json_t *reply_async(const char *operation_id, json_t *metadata);
json_t *reply_error(const struct err *err, const struct diag_list *diags);
/* The HTTP status of an error, by its errno. */
int reply_status(const struct err *err);

json_t *reply_machine(const struct machine *m);
/* reply_machine with "config". */
json_t *reply_machine_full(const struct machine *m);
json_t *reply_link(const struct link *k);
json_t *reply_federation(const struct fed *f);

#endif
