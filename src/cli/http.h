/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 (RFC 9112), as much as a client of our own daemon needs: one request per connection on a
 * unix socket; bodies by length, in chunks, or to the end of the connection. A library for this
 * costs more to load than a whole `atoll exec` takes.
 */
#ifndef ATOLL_HTTP_H
#define ATOLL_HTTP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "err.h"

#define HTTP_HEAD_MAX 65536
#define HTTP_BODY_MAX (32 << 20)

enum http_framing {
	HTTP_LENGTH,
	HTTP_CHUNKED,
	HTTP_TO_END,
};

struct http {
	int fd; /* the caller's */
	struct buf in;
	int status;
	enum http_framing framing;
	uint64_t left; /* of the body, or of the chunk */
	bool behind_chunk, ended;
	int passed_fd; /* a descriptor that came along, or -1; the caller takes it by steal_fd */
};

void http_init(struct http *h, int fd);
void http_finish(struct http *h);

/* One request; `headers` are whole lines each ended by CRLF, or "". body may be NULL. */
int http_send(struct http *h, const char *method, const char *path, const char *headers,
	      const char *body, struct err **err);
/* Reads up to the end of the answer's head. */
int http_read_head(struct http *h, struct err **err);
/*
 * The next bytes of the body, up to max; *ret is 0 at its end. Waits for at least one; on a
 * non-blocking descriptor -EAGAIN instead, without an error, and it can be called again.
 */
int http_read(struct http *h, void *data, size_t max, size_t *ret, struct err **err);
/* The whole body, of at most HTTP_BODY_MAX bytes. */
int http_read_all(struct http *h, struct buf *out, struct err **err);
#endif
