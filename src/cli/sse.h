/* SPDX-License-Identifier: MIT */
/* The daemon's events (GET /1.0/events): Server-Sent Events, each one JSON object. */
#ifndef ATOLL_SSE_H
#define ATOLL_SSE_H

#include <jansson.h>

#include "http.h"

#define SSE_EVENT_MAX (4 << 20)

struct sse {
	struct http http;
	int fd; /* non-blocking: to poll */
	struct buf text;
};

/* types: "operation" and the like, separated by commas, or NULL for all. */
int sse_open(struct sse *s, const char *types, struct err **err);
void sse_finish(struct sse *s); /* also of a zeroed one whose fd is -1 */
/*
 * The next event: 0 with *ret, the caller's to json_decref; -EAGAIN when there is none now;
 * -ECONNRESET when the daemon ended.
 */
int sse_next(struct sse *s, json_t **ret, struct err **err);

#endif
