/* SPDX-License-Identifier: MIT */
#include "sse.h"

#include <errno.h>
#include <string.h>

#include "client.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

int sse_open(struct sse *s, const char *types, struct err **err)
{
	cleanup_free char *encoded = types ? client_encode(types) : NULL;
	cleanup_free char *path =
		xasprintf("/1.0/events%s%s", types ? "?types=" : "", encoded ? encoded : "");
	int r;

	*s = (struct sse){ .fd = -1 };
	r = client_open(path, &s->http, err);
	if (r < 0)
		return r;
	s->fd = s->http.fd;
	fd_set_nonblock(s->fd, true);
	return 0;
}

void sse_finish(struct sse *s)
{
	if (s->fd < 0)
		return;
	http_finish(&s->http);
	fd_close(&s->fd);
	buf_free(&s->text);
}

/* The object of the next whole event in the buffer; lines that are not data are passed over. */
static json_t *take_event(struct sse *s)
{
	for (;;) {
		const char *text = (char *)buf_bytes(&s->text);
		const char *end = s->text.len ? memchr(text, '\n', s->text.len) : NULL;
		json_t *event = NULL;

		if (!end)
			return NULL;
		if (end - text > 5 && str_starts(text, "data:"))
			event = json_loadb(text + 5, (size_t)(end - text - 5), 0, NULL);
		buf_consume(&s->text, (size_t)(end - text) + 1);
		if (event)
			return event;
	}
}

int sse_next(struct sse *s, json_t **ret, struct err **err)
{
	while (!(*ret = take_event(s))) {
		size_t n;
		int r = http_read(&s->http, buf_reserve(&s->text, 16384), 16384, &n, err);

		if (r < 0)
			return r;
		if (n == 0 || s->text.len > SSE_EVENT_MAX)
			return err_set(err, ECONNRESET, "the daemon ended");
		buf_commit(&s->text, n);
	}
	return 0;
}
