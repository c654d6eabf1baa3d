/* SPDX-License-Identifier: MIT */
/*
 * What the builder is doing, for people: on a terminal one line that is rewritten, in a pipe only
 * the results.
 */
#ifndef ATOLL_BUILD_PROGRESS_H
#define ATOLL_BUILD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	char *name; /* of the appliance; stands before each line */
	bool live;  /* a terminal, and not --quiet */
	bool quiet;
	int64_t started; /* clock_ms */
	int64_t shown;
};

/* Processes that are forked off after this share the line; of so many builds in all. */
void progress_share(size_t total);
/* In such a process: its place in the line, which nobody else has as long as it runs; below PROGRESS_PLACES. */
#define PROGRESS_PLACES 64
void progress_take_place(size_t place);
/* That process has ended. */
void progress_leave_place(size_t place);
/* One of the builds is done, however it went. */
void progress_count(void);

void progress_init(struct progress *p, const char *name, bool quiet);
void progress_finish(struct progress *p);

/* A stage begins: "web: resolving". */
void progress_stage(struct progress *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For fetch_all; data is the struct progress. */
void progress_bytes(uint64_t done, uint64_t total, void *data);
/* The line goes away, and the result takes its place (unless quiet). */
void progress_result(struct progress *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The line goes away, so that something else can be said. */
void progress_clear(struct progress *p);

#endif
