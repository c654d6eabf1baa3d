/* SPDX-License-Identifier: MIT */
/* Owns nothing: tells what changed to those who have to know. */
#include "daemon.h"

#include "events.h"
#include "model.h"
#include "nets.h"
#include "operation.h"
#include "reply.h"

void daemon_kick(struct daemon *d)
{
	operations_kick(d->operations);
}

void daemon_machine_changed(struct machine *m)
{
	struct daemon *d = m->fed->daemon;

	nets_reconcile(m->fed);
	if (m->life != m->told) {
		m->told = m->life;
		if (events_wanted(d->events, EVENT_LIFECYCLE))
			events_publish(d->events, EVENT_LIFECYCLE, reply_machine(m));
	}
	daemon_kick(d);
}
