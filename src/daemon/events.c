/* SPDX-License-Identifier: MIT */
/* Owns the subscribers and their queues. */
#include "events.h"

#include <stdint.h>

#include "mem.h"
#include "reply.h"

struct subscriber {
	struct subscriber *next; /* in events->subscribers; owned by who subscribed */
	struct events *events;
	unsigned int types;
	struct buf queue;
	bool ended;
	void (*wake)(void *data);
	void *data;
};

struct events {
	struct subscriber *subscribers;
	size_t n_subscribers;
	uint64_t last_id;
};

static const char *const names[EVENT_TYPES] = {
	[EVENT_LIFECYCLE] = "lifecycle",
	[EVENT_OPERATION] = "operation",
	[EVENT_LINK] = "link",
};

const char *event_type_name(enum event_type type)
{
	return names[type];
}

struct events *events_create(void)
{
	return xcalloc(1, sizeof(struct events));
}

void events_destroy(struct events *e)
{
	free(e);
}

bool events_wanted(const struct events *e, enum event_type type)
{
	for (const struct subscriber *s = e->subscribers; s; s = s->next)
		if (s->types & (1u << type))
			return true;
	return false;
}

static void put(struct subscriber *s, const char *text)
{
	bool was_empty = s->queue.len == 0;

	if (s->ended)
		return;
	buf_append_str(&s->queue, text);
	if (s->queue.len > EVENTS_MAX_QUEUE) {
		buf_append_str(&s->queue, ": too slow, events were lost\n\n");
		s->ended = true;
	}
	if (was_empty || s->ended)
		s->wake(s->data);
}

void events_publish(struct events *e, enum event_type type, json_t *metadata)
{
	cleanup_free char *now = time_rfc3339_now();
	cleanup_free char *json = NULL;
	cleanup_free char *text = NULL;
	json_t *event;

	if (!metadata)
		return;
	e->last_id++;
	event = json_pack("{s:s, s:s, s:o}", "type", names[type], "timestamp", now, "metadata",
			  metadata);
	json = event ? json_dumps(event, JSON_COMPACT) : NULL;
	json_decref(event);
	if (!json)
		return;
	text = xasprintf("event: %s\nid: %llu\ndata: %s\n\n", names[type],
			 (unsigned long long)e->last_id, json);
	for (struct subscriber *s = e->subscribers, *next; s; s = next) {
		next = s->next;
		if (s->types & (1u << type))
			put(s, text);
	}
}

struct subscriber *events_subscribe(struct events *e, unsigned int types, void (*wake)(void *data),
				    void *data)
{
	struct subscriber *s;

	if (e->n_subscribers >= EVENTS_MAX_SUBSCRIBERS)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->events = e;
	s->types = types;
	s->wake = wake;
	s->data = data;
	s->next = e->subscribers;
	e->subscribers = s;
	e->n_subscribers++;
	return s;
}

void events_unsubscribe(struct subscriber *s)
{
	struct subscriber **place;

	if (!s)
		return;
	place = &s->events->subscribers;
	while (*place != s)
		place = &(*place)->next;
	*place = s->next;
	s->events->n_subscribers--;
	buf_free(&s->queue);
	free(s);
}

struct buf *subscriber_queue(struct subscriber *s)
{
	return &s->queue;
}

bool subscriber_ended(const struct subscriber *s)
{
	return s->ended;
}

void subscriber_ping(struct subscriber *s)
{
	put(s, ":\n\n");
}
