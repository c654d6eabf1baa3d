/* SPDX-License-Identifier: MIT */
/*
 * Looks again and again, more rarely with time. What was seen to listen once is not asked again.
 */
#include "ready.h"

#include "str.h"
#include "target.h"

#define FIRST_MS 2
#define LAST_MS  50

static struct {
	const struct agent *agent;
	struct source *timer;
	int64_t pause; /* until the next look */
	size_t seen;   /* services, in their order, that listen */
	void (*fn)(void *data);
	void *data;
} ready;

void ready_cancel(void)
{
	source_clear(ready.timer);
}

static bool all_listen(void)
{
	const struct msg_records *services = &ready.agent->config->services;
	const struct guest_service *all = services->items;

	while (ready.seen < services->n && target_listens(all[ready.seen].target))
		ready.seen++;
	return ready.seen == services->n;
}

static void look(void *data)
{
	(void)data;
	if (!all_listen()) {
		source_arm(ready.timer, ready.pause);
		ready.pause = ready.pause * 2 > LAST_MS ? LAST_MS : ready.pause * 2;
		return;
	}
	ready_cancel();
	ready.fn(ready.data);
}

void ready_watch(const struct agent *agent, void (*fn)(void *data), void *data)
{
	ready.agent = agent;
	ready.timer = loop_add_timer(agent->loop, look, NULL);
	ready.pause = FIRST_MS;
	ready.seen = 0;
	ready.fn = fn;
	ready.data = data;
	look(NULL);
}
