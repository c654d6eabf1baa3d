/* SPDX-License-Identifier: MIT */
/*
 * Watching operations to their end: a line per machine, rewritten, on a terminal; elsewhere only
 * what failed. ^C cancels them, a second ^C leaves them to the daemon.
 */
#ifndef ATOLL_PROGRESS_H
#define ATOLL_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "sse.h"

#define PROGRESS_MAX 256

struct progress {
	json_t *operations[PROGRESS_MAX]; /* the newest that is known of each */
	size_t n;
	struct sse events;
	int signals; /* signalfd */
	bool live, cancelled;
	size_t lines; /* on the terminal, to be rewritten */
	int64_t begun;
};

/* Opens the event stream: before the operations begin, so that nothing is missed. */
int progress_begin(struct progress *p, struct err **err);
/* Adds one: the metadata of an async answer (a new reference is taken). */
void progress_add(struct progress *p, json_t *operation);
/*
 * Waits for all of them. 0 when all succeeded; -ECANCELED after ^C; -EINTR when left; -EIO when one
 * failed, which was reported then.
 */
int progress_wait(struct progress *p, struct err **err);
void progress_finish(struct progress *p);

/* Steps of these verbs ("create start") that are in this state. */
size_t progress_count(const struct progress *p, const char *verbs, const char *state);
double progress_seconds(const struct progress *p);

#endif
