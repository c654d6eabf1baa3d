/* SPDX-License-Identifier: MIT */
/*
 * A request, from bytes to what a handler gets: the target split and decoded, the route found, the
 * query and the JSON body checked against what the route takes. Knows no socket, so that it can be
 * fuzzed.
 */
#ifndef ATOLL_REQUEST_H
#define ATOLL_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define REQUEST_BODY_MAX   (1 << 20)
#define REQUEST_TARGET_MAX 4096
#define REQUEST_SEGMENTS   8
#define REQUEST_PARAMS     3
#define REQUEST_QUERY      8

struct call;

/* One key of a JSON body. */
struct body_key {
	const char *name;
	const char
		*type; /* "string", "boolean", "integer" (>= 0), "array" or "object" of strings */
	bool required;
	uint64_t max; /* of an integer; 0: any */
};

struct route {
	const char *method;
	const char *path;     /* "/1.0/machines/FED/NAME/state": words in capitals are parameters */
	const char *query[5]; /* keys it takes; NULL-terminated */
	const struct body_key *body; /* ends with a name of NULL; NULL: no body */
	const char *upgrade;         /* the protocol of its 101 answer; NULL: an ordinary answer */
	void (*handle)(struct call *call);
};

struct request {
	const struct route *route;
	char *allow; /* the path's methods, when it has others than the one asked for; or NULL */
	char *params[REQUEST_PARAMS]; /* in the path's order */
	size_t n_params;
	char *keys[REQUEST_QUERY], *values[REQUEST_QUERY];
	size_t n_query;
	json_t *body; /* an object; NULL: the route takes none */
};

/*
 * Fills a zeroed request; request_finish in any case. routes ends with a method of NULL. ENOENT: no
 * such path; EOPNOTSUPP: the path has other methods; EINVAL: query or body are not as the route
 * wants them.
 */
int request_parse(struct request *r, const struct route *routes, const char *method,
		  const char *target, const void *body, size_t body_len, struct err **err);
void request_finish(struct request *r);

/* NULL when absent. */
const char *request_query(const struct request *r, const char *key);
/* Of the query; fallback when absent. EINVAL beyond max. */
int request_query_u64(const struct request *r, const char *key, uint64_t max, uint64_t fallback,
		      uint64_t *ret, struct err **err);
/* Of the body; NULL or the fallback when absent. */
const char *request_string(const struct request *r, const char *key);
bool request_boolean(const struct request *r, const char *key, bool fallback);
uint64_t request_integer(const struct request *r, const char *key, uint64_t fallback);
/* A copy of an array of strings as strv, or of an object of strings as NAME=VALUE; NULL when empty.
 */
char **request_strings(const struct request *r, const char *key);

#endif
