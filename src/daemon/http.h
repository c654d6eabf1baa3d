/* SPDX-License-Identifier: MIT */
/* HTTP over the API's socket: libmicrohttpd inside our loop. Calls are answered now or later. */
#ifndef ATOLL_HTTP_H
#define ATOLL_HTTP_H

#include <jansson.h>
#include <sys/types.h>

#include "request.h"

#define HTTP_MAX_CONNECTIONS 128

struct daemon;
struct diag_list;
struct http;

/* What a handler answers. It belongs to its connection and ends with it. */
struct call {
	struct daemon *daemon;
	struct request request;
	/*
	 * For a call that is answered later: set by the handler; called when the daemon ends before
	 * the answer came. It is to answer then.
	 */
	void (*abandon)(struct call *call);
	void *data; /* the handler's */
};

/* Takes the listening socket over. */
int http_create(struct daemon *d, int listening, const struct route *routes, struct http **ret,
		struct err **err);
/* Every open call is abandoned, every stream ended. Accepts NULL. */
void http_destroy(struct http *h);

/* Exactly one of these answers a call; it must not be touched afterwards. JSON is taken over. */
void call_reply_sync(struct call *call, json_t *metadata);
void call_reply_async(struct call *call, const char *operation_id, json_t *metadata);
/* Takes err over. diags may be NULL. */
void call_reply_error(struct call *call, struct err *err, const struct diag_list *diags);
/* As above, for an error that a machine's guest gave: metadata has "guest": true. */
void call_reply_guest_error(struct call *call, struct err *err);
/* 101; then one byte with a duplicate of fd, and the connection ends. */
void call_reply_fd(struct call *call, int fd);

/* An answer whose bytes come over time. */
struct stream_ops {
	/* Fills buf with up to max bytes: their number; 0: none now; -1: the end. */
	ssize_t (*read)(void *data, char *buf, size_t max);
	void (*free)(void *data); /* the client went, or the end was reached */
};
struct http_stream;
/* Takes data over. */
struct http_stream *call_reply_stream(struct call *call, const char *content_type,
				      const struct stream_ops *ops, void *data);
/* read has something again. */
void http_stream_wake(struct http_stream *s);

#endif
