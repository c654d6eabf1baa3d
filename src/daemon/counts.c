/* SPDX-License-Identifier: MIT */
/*
 * Owns the numbers' way from the monitors: asked for when somebody wants to see them, and now and
 * then so that the ledger has them when a machine ends without a word.
 */
#include "counts.h"

#include "control.h"
#include "daemon.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "model.h"

#define SAVE_EVERY 15000 /* ms */
#define WAIT_LIMIT 400   /* ms that a listing waits for monitors */

struct waiter {
	struct waiter *next; /* in counts->waiters; owned */
	void (*fn)(void *data);
	void *data;
	unsigned int missing; /* answers to come */
	int64_t deadline;
};

struct counts {
	struct daemon *daemon;
	struct source *save, *limit;
	struct waiter *waiters;
};

static unsigned int ask_all(struct daemon *d)
{
	unsigned int n = 0;

	for (struct fed *f = d->feds; f; f = f->next)
		for (struct machine *m = f->machines; m; m = m->next) {
			if (!m->control)
				continue;
			control_count(m->control);
			n++;
		}
	return n;
}

/* What was counted since the last time; a failure is tried again with the next. */
static void save_all(struct daemon *d)
{
	cleanup_err struct err *err = NULL;

	for (struct fed *f = d->feds; f; f = f->next)
		for (struct link *k = f->links; k; k = k->next) {
			if (!k->counted)
				continue;
			if (link_save(k, &err) < 0) {
				log_warn("counts were not written: %s", err_msg(err));
				return;
			}
			k->counted = false;
		}
}

static void handle_save(void *data)
{
	struct counts *c = data;

	save_all(c->daemon);
	ask_all(c->daemon);
	source_arm(c->save, SAVE_EVERY);
}

static void answer_ready(struct counts *c)
{
	int64_t now = clock_ms(), first = INT64_MAX;
	struct waiter *ready = NULL;

	for (struct waiter **p = &c->waiters; *p;) {
		struct waiter *w = *p;

		if (w->missing && w->deadline > now) {
			first = w->deadline < first ? w->deadline : first;
			p = &w->next;
			continue;
		}
		*p = w->next;
		w->next = ready;
		ready = w;
	}
	source_arm(c->limit, first == INT64_MAX ? -1 : first - now);
	while (ready) {
		struct waiter *w = ready;

		ready = w->next;
		w->fn(w->data);
		free(w);
	}
}

static void handle_limit(void *data)
{
	answer_ready(data);
}

struct counts *counts_create(struct daemon *d)
{
	struct counts *c = xcalloc(1, sizeof(*c));

	c->daemon = d;
	c->save = loop_add_timer(d->loop, handle_save, c);
	c->limit = loop_add_timer(d->loop, handle_limit, c);
	source_arm(c->save, 1);
	return c;
}

void counts_destroy(struct counts *c)
{
	if (!c)
		return;
	save_all(c->daemon);
	while (c->waiters) {
		struct waiter *w = c->waiters;

		c->waiters = w->next;
		free(w);
	}
	source_remove(c->save);
	source_remove(c->limit);
	free(c);
}

void counts_refresh(struct counts *c, void (*fn)(void *data), void *data)
{
	struct waiter *w = xcalloc(1, sizeof(*w));

	w->fn = fn;
	w->data = data;
	w->missing = ask_all(c->daemon);
	w->deadline = clock_ms() + WAIT_LIMIT;
	w->next = c->waiters;
	c->waiters = w;
	source_arm(c->limit, w->missing ? WAIT_LIMIT : 1);
}

void counts_forget(struct counts *c, void *data)
{
	for (struct waiter **p = &c->waiters; *p; p = &(*p)->next) {
		struct waiter *w = *p;

		if (w->data != data)
			continue;
		*p = w->next;
		free(w);
		return;
	}
}

void counts_came(struct counts *c)
{
	for (struct waiter *w = c->waiters; w; w = w->next)
		if (w->missing)
			w->missing--;
	if (c->waiters)
		answer_ready(c);
}
