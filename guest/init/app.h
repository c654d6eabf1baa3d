/* SPDX-License-Identifier: MIT */
/* The commands that the configuration names: `prepare`, and the application itself. */
#ifndef ATOLL_APP_H
#define ATOLL_APP_H

#include "agent.h"
#include "err.h"
#include "process.h"

/* As root, before any interface is up; output goes to the console. fn at its end. */
int app_prepare(const struct agent *agent, process_end_fn fn, void *data, struct err **err);

/* As the configured user; output goes to the console. fn at its end. */
int app_start(const struct agent *agent, process_end_fn fn, void *data, struct err **err);

#endif
