/* SPDX-License-Identifier: MIT */
/* /1.0/events: Server-Sent Events (HTML Living Standard, 9.2). */
#include "api.h"

#include <errno.h>
#include <string.h>

#include "daemon.h"
#include "events.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define PING_EVERY 15000 /* ms: how long a client that went away keeps its place */

struct listener {
	struct subscriber *subscriber;
	struct http_stream *stream;
	struct source *ping;
};

static ssize_t read_events(void *data, char *buf, size_t max)
{
	struct listener *l = data;
	struct buf *queue = subscriber_queue(l->subscriber);
	size_t n = queue->len < max ? queue->len : max;

	if (n == 0)
		return subscriber_ended(l->subscriber) ? -1 : 0;
	memcpy(buf, buf_bytes(queue), n);
	buf_consume(queue, n);
	return (ssize_t)n;
}

static void free_listener(void *data)
{
	struct listener *l = data;

	events_unsubscribe(l->subscriber);
	source_remove(l->ping);
	free(l);
}

static const struct stream_ops ops = { .read = read_events, .free = free_listener };

static void handle_wake(void *data)
{
	struct listener *l = data;

	if (l->stream)
		http_stream_wake(l->stream);
}

static void handle_ping(void *data)
{
	struct listener *l = data;

	source_arm(l->ping, PING_EVERY);
	subscriber_ping(l->subscriber);
}

/* "lifecycle,link" as bits; all when absent. */
static int parse_types(const char *text, unsigned int *ret, struct err **err)
{
	*ret = text ? 0 : (1u << EVENT_TYPES) - 1;
	while (text && *text) {
		size_t len = strcspn(text, ","), i = 0;

		while (i < EVENT_TYPES && (strlen(event_type_name(i)) != len ||
					   strncmp(event_type_name(i), text, len) != 0))
			i++;
		if (i == EVENT_TYPES)
			return err_set(err, EINVAL,
				       "types: expected a list of lifecycle, operation, link");
		*ret |= 1u << i;
		text += len + (text[len] == ',');
	}
	return 0;
}

void handle_events(struct call *call)
{
	struct daemon *d = call->daemon;
	struct err *err = NULL;
	unsigned int types;
	struct listener *l;

	if (parse_types(request_query(&call->request, "types"), &types, &err) < 0) {
		call_reply_error(call, err, NULL);
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->subscriber = events_subscribe(d->events, types, handle_wake, l);
	if (!l->subscriber) {
		free(l);
		err_set(&err, EAGAIN, "too many clients listen to events");
		call_reply_error(call, err, NULL);
		return;
	}
	l->ping = loop_add_timer(d->loop, handle_ping, l);
	source_arm(l->ping, PING_EVERY);
	/* The first bytes go out at once: a client knows then that it misses nothing from here on. */
	subscriber_ping(l->subscriber);
	l->stream = call_reply_stream(call, "text/event-stream", &ops, l);
}
