/* SPDX-License-Identifier: MIT */
/*
 * The daemon's API (doc/api.md) as calls. The daemon is started when it is needed and not there.
 */
#ifndef ATOLL_CLIENT_H
#define ATOLL_CLIENT_H

#include <jansson.h>

#include "err.h"
#include "http.h"
#include "json_read.h"

/* How to connect. */
enum client_mode {
	CLIENT_START,   /* start the daemon if it is not there */
	CLIENT_RUNNING, /* -ECONNREFUSED when it is not there */
};

int client_connect(enum client_mode mode, int *ret_fd, struct err **err);

/*
 * One call. body may be NULL and stays the caller's. *ret_json is the whole answer, the caller's to
 * json_decref, also for an error that the daemon reports: then the code is metadata.errno's (or EIO)
 * and the message the daemon's; otherwise it is NULL after an error.
 */
int client_call(enum client_mode mode, const char *method, const char *path, const json_t *body,
		json_t **ret_json, struct err **err);
/* GET whose metadata alone is wanted; a new reference. */
int client_get(const char *path, json_t **ret_metadata, struct err **err);
/* Prints what is wrong with a file, if that is what the answer says. Accepts NULL. */
void client_print_diagnostics(const json_t *answer);

/* GET of a stream: *h has read the head of a 200; the descriptor is h->fd, the caller's. */
int client_open(const char *path, struct http *h, struct err **err);
/* The error of an answer whose status is not a success: reads its body. Returns -code. */
int client_read_error(struct http *h, json_t **ret_json, struct err **err);

/* "/1.0/machines/FED/NAME" + suffix, from NAME or FED/NAME; -EINVAL for what cannot be a name. */
int client_machine_path(const char *machine, const char *suffix, char **ret, struct err **err);
/* A string for a path or query, percent-encoded; the caller frees. */
char *client_encode(const char *s);

/* Members of objects, with what there is when they are absent or of another type. */
const char *json_str(const json_t *o, const char *key); /* "" */
int64_t json_int(const json_t *o, const char *key);     /* 0 */

#endif
