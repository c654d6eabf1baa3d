/* SPDX-License-Identifier: MIT */
/* Events: what happened, to whoever listens. Nobody listening costs nothing. */
#ifndef ATOLL_EVENTS_H
#define ATOLL_EVENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "buf.h"

#define EVENTS_MAX_SUBSCRIBERS 64
#define EVENTS_MAX_QUEUE       (256 << 10) /* bytes a subscriber may be behind; beyond, it is ended */

struct events;
struct subscriber;

enum event_type {
	EVENT_LIFECYCLE, /* a machine's or federation's change of state */
	EVENT_OPERATION, /* an operation object at each change */
	EVENT_LINK,      /* cut, restored, refused */
	EVENT_TYPES,
};
const char *event_type_name(enum event_type type);

struct events *events_create(void);
void events_destroy(struct events *e); /* accepts NULL; every subscriber was removed before */

/* Takes metadata over (NULL is allowed: an encoding failed). */
void events_publish(struct events *e, enum event_type type, json_t *metadata);
/* Whether publishing that type reaches anybody: for metadata that is dear to make. */
bool events_wanted(const struct events *e, enum event_type type);

/* types: bits 1 << enum event_type. wake is called when the queue got its first bytes, or it ended.
 * NULL when there are EVENTS_MAX_SUBSCRIBERS. */
struct subscriber *events_subscribe(struct events *e, unsigned int types, void (*wake)(void *data),
				    void *data);
void events_unsubscribe(struct subscriber *s); /* accepts NULL */
/* The bytes to send, as Server-Sent Events; the caller consumes. */
struct buf *subscriber_queue(struct subscriber *s);
/* It was too slow, and ends when its queue is empty. */
bool subscriber_ended(const struct subscriber *s);
/* A comment line, which shows whether the client is still there. */
void subscriber_ping(struct subscriber *s);

#endif
