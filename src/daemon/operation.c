/* SPDX-License-Identifier: MIT */
/*
 * Owns operations while they run. Their history is the ledger's.
 *
 * Theory of operation
 *
 * Nothing calls back into a step. Whenever something changed (a machine's state, an acknowledged
 * set of rules, a finished probe), operations_kick looks at all running operations: steps that run
 * are asked whether they are done (step_poll), steps whose needs are done begin (step_begin), until
 * a round changes nothing. So it does not matter who brought a change about, or in which order.
 */
#include "operation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "daemon.h"
#include "deploy.h"
#include "events.h"
#include "ledger.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "reply.h"
#include "steps.h"
#include "str.h"

enum status {
	STATUS_RUNNING,
	STATUS_SUCCESS,
	STATUS_FAILURE,
	STATUS_CANCELLED,
};

static const struct {
	const char *name;
	int code;
} statuses[] = {
	[STATUS_RUNNING] = { "Running", 103 },
	[STATUS_SUCCESS] = { "Success", 200 },
	[STATUS_FAILURE] = { "Failure", 400 },
	[STATUS_CANCELLED] = { "Cancelled", 401 },
};

static const char *const step_states[] = {
	[STEP_WAITING] = "waiting", [STEP_RUNNING] = "running", [STEP_DONE] = "done",
	[STEP_FAILED] = "failed",   [STEP_SKIPPED] = "skipped",
};

struct waiter {
	struct waiter *next; /* in operation->waiters; owned by it */
	operation_end_fn fn;
	void *data;
};

struct operation {
	struct operation *next; /* in operations->list */
	struct operations *all;
	char id[37];
	char *description;
	struct fed *fed;
	struct step *steps;
	size_t n_steps;
	bool forget, remove_volumes;
	bool cancelled;
	enum status status;
	char *err;
	char *created, *updated;
	struct waiter *waiters;
	size_t n_waiters;
};

struct operations {
	struct daemon *daemon;
	struct operation *list; /* running; owned */
	struct source *kick;    /* deferred, or NULL */
};

/* Steps as lists */

const char *action_name(enum action action)
{
	static const char *const names[] = {
		[ACTION_CREATE] = "create",   [ACTION_START] = "start",
		[ACTION_REPLACE] = "replace", [ACTION_RESTART] = "restart",
		[ACTION_STOP] = "stop",       [ACTION_KILL] = "kill",
		[ACTION_UPDATE] = "update",   [ACTION_REMOVE] = "remove",
		[ACTION_LINK] = "link",       [ACTION_RELINK] = "relink",
		[ACTION_UNLINK] = "unlink",   [ACTION_CUT] = "cut",
		[ACTION_RESTORE] = "restore",
	};

	return names[action];
}

struct step *step_add(struct operation_spec *spec, enum action action, const char *object,
		      const char *why)
{
	struct step *s;

	spec->steps = xreallocarray(spec->steps, spec->n_steps + 1, sizeof(*spec->steps));
	s = &spec->steps[spec->n_steps++];
	*s = (struct step){ .action = action,
			    .object = xstrdup(object),
			    .why = xstrdup(why ? why : ""),
			    .grace = STEP_GRACE };
	return s;
}

void step_need(struct step *s, size_t other)
{
	s->needs = xreallocarray(s->needs, s->n_needs + 1, sizeof(*s->needs));
	s->needs[s->n_needs++] = other;
}

void steps_free(struct step *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(steps[i].object);
		free(steps[i].why);
		free(steps[i].detail);
		free(steps[i].needs);
	}
	free(steps);
}

/* The object */

const char *operation_id(const struct operation *op)
{
	return op->id;
}

static bool is_machine_action(enum action action)
{
	return action <= ACTION_REMOVE;
}

static json_t *step_json(const struct step *s)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "verb", action_name(s->action), "object",
			 s->object, "why", s->why, "state", step_states[s->state], "detail",
			 s->detail ? s->detail : "");
}

json_t *operation_json(const struct operation *op)
{
	json_t *steps = json_array(), *machines = json_array();

	for (size_t i = 0; i < op->n_steps; i++) {
		json_array_append_new(steps, step_json(&op->steps[i]));
		if (is_machine_action(op->steps[i].action))
			json_array_append_new(machines, json_string(op->steps[i].object));
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:{s:s, s:o}, s:{s:o}}", "id",
			 op->id, "class", "task", "description", op->description, "created_at",
			 op->created, "updated_at", op->updated, "status",
			 statuses[op->status].name, "status_code", statuses[op->status].code, "err",
			 op->err ? op->err : "", "resources", "federation", op->fed->name,
			 "machines", machines, "metadata", "steps", steps);
}

static int save(const struct operation *op, struct err **err)
{
	json_t *object = operation_json(op);
	cleanup_free char *text = json_dumps(object, JSON_COMPACT);
	const struct ledger_operation row = { .id = op->id,
					      .federation = op->fed->name,
					      .status = statuses[op->status].name,
					      .json = text };

	json_decref(object);
	if (!text)
		return err_set(err, EINVAL, "an operation with a name that is not UTF-8");
	return ledger_put_operation(op->all->daemon->ledger, &row, err);
}

static void publish(struct operation *op)
{
	struct events *events = op->all->daemon->events;

	free(op->updated);
	op->updated = time_rfc3339_now();
	if (events_wanted(events, EVENT_OPERATION))
		events_publish(events, EVENT_OPERATION, operation_json(op));
}

/* The end */

static void free_operation(struct operation *op)
{
	while (op->waiters) {
		struct waiter *w = op->waiters;

		op->waiters = w->next;
		free(w);
	}
	steps_free(op->steps, op->n_steps);
	free(op->description);
	free(op->err);
	free(op->created);
	free(op->updated);
	free(op);
}

/* "start db: not ready within 30 s", the first failure and how many more there were. */
static char *summarize(const struct operation *op)
{
	const struct step *first = NULL;
	size_t more = 0;

	for (size_t i = 0; i < op->n_steps; i++) {
		if (op->steps[i].state != STEP_FAILED || op->steps[i].cancelled)
			continue;
		if (first)
			more++;
		else
			first = &op->steps[i];
	}
	if (!first)
		return NULL;
	if (more)
		return xasprintf("%s %s: %s (and %zu more)", action_name(first->action),
				 first->object, first->detail, more);
	return xasprintf("%s %s: %s", action_name(first->action), first->object, first->detail);
}

static void answer_waiters(struct operation *op)
{
	json_t *object = operation_json(op);

	while (op->waiters) {
		struct waiter *w = op->waiters;

		op->waiters = w->next;
		w->fn(object, w->data);
		free(w);
	}
	json_decref(object);
}

static void finish(struct operation *op)
{
	struct operation **place = &op->all->list;
	cleanup_err struct err *err = NULL;
	struct fed *f = op->fed;

	op->err = summarize(op);
	op->status = op->cancelled ? STATUS_CANCELLED : op->err ? STATUS_FAILURE : STATUS_SUCCESS;
	if (op->cancelled && !op->err)
		op->err = xstrdup("cancelled");
	if (op->status == STATUS_SUCCESS && op->forget &&
	    deploy_forget(f, op->remove_volumes, &err) < 0) {
		op->status = STATUS_FAILURE;
		op->err = xstrdup(err_msg(err));
	}
	publish(op);
	err_free(steal_ptr(err));
	if (save(op, &err) < 0)
		log_warn("operation %s: its end was not written: %s", op->id, err_msg(err));
	if (op->status == STATUS_FAILURE)
		log_warn("%s: %s", op->description, op->err);
	while (*place != op)
		place = &(*place)->next;
	*place = op->next;
	f->operation = NULL;
	answer_waiters(op);
	if (op->status == STATUS_SUCCESS && op->forget)
		model_remove_fed(f);
	free_operation(op);
}

/* Going on */

/* Whether the needs are done (1), not yet (0), or cannot be any more (-1): *ret_why. */
static int check_needs(const struct operation *op, const struct step *s,
		       const struct step **ret_bad)
{
	int all = 1;

	for (size_t i = 0; i < s->n_needs; i++) {
		const struct step *need = &op->steps[s->needs[i]];

		if (need->state == STEP_DONE)
			continue;
		if (need->state < STEP_DONE)
			all = 0;
		else if (!s->order_only) {
			*ret_bad = need;
			return -1;
		}
	}
	return all;
}

static void skip(struct step *s, const struct step *bad)
{
	s->state = STEP_SKIPPED;
	if (bad)
		s->detail = xasprintf("it needs %s, which %s", bad->object,
				      bad->state == STEP_SKIPPED ? "was skipped" : "failed");
	else
		s->detail = xstrdup("cancelled");
}

static void settle(struct step *s, int result, struct err *err)
{
	s->state = result > 0 ? STEP_DONE : STEP_FAILED;
	if (result < 0) {
		s->code = -result;
		set_string(&s->detail, err_msg(err));
	}
}

static size_t count_running(const struct operations *o)
{
	size_t n = 0;

	for (const struct operation *op = o->list; op; op = op->next)
		for (size_t i = 0; i < op->n_steps; i++)
			n += op->steps[i].state == STEP_RUNNING &&
			     is_machine_action(op->steps[i].action);
	return n;
}

/* Begins a step that waits, if it can; true when it changed. */
static bool try_begin(struct operation *op, struct step *s)
{
	cleanup_err struct err *err = NULL;
	const struct step *bad = NULL;
	int needs = check_needs(op, s, &bad), r;

	if (op->cancelled || needs < 0) {
		skip(s, op->cancelled ? NULL : bad);
		return true;
	}
	if (needs == 0 ||
	    (is_machine_action(s->action) && count_running(op->all) >= OPERATION_PARALLEL))
		return false;
	s->state = STEP_RUNNING;
	r = step_begin(op->fed, s, &err);
	if (r < 0)
		settle(s, r, err);
	return true;
}

/* Asks a step that runs; true when it ended. */
static bool try_end(struct operation *op, struct step *s)
{
	cleanup_err struct err *err = NULL;
	int r = step_poll(op->fed, s, &err);

	if (r == 0)
		return false;
	settle(s, r, err);
	return true;
}

/* True when the operation ended. */
static bool advance(struct operation *op)
{
	bool changed = false, again = true, open = true;

	while (again) {
		again = open = false;
		for (size_t i = 0; i < op->n_steps; i++) {
			struct step *s = &op->steps[i];

			if (s->state == STEP_WAITING)
				again |= try_begin(op, s);
			if (s->state == STEP_RUNNING)
				again |= try_end(op, s);
			open |= s->state < STEP_DONE;
		}
		changed |= again;
	}
	if (changed && open)
		publish(op);
	return !open;
}

static void handle_kick(void *data)
{
	struct operations *o = data;
	struct operation *next;

	o->kick = NULL;
	for (struct operation *op = o->list; op; op = next) {
		next = op->next;
		if (advance(op))
			finish(op);
	}
}

void operations_kick(struct operations *o)
{
	if (o && o->list && !o->kick)
		o->kick = loop_defer(o->daemon->loop, handle_kick, o);
}

void operation_cancel(struct operation *op)
{
	op->cancelled = true;
	for (size_t i = 0; i < op->n_steps; i++)
		if (op->steps[i].state == STEP_RUNNING)
			step_cancel(op->fed, &op->steps[i]);
	operations_kick(op->all);
}

/* The beginning */

static void make_id(char *id)
{
	uint8_t b[16];

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		memset(b, 0, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	sprintf(id, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		b[14], b[15]);
}

int operation_check_idle(const struct fed *f, struct err **err)
{
	if (!f->operation)
		return 0;
	return err_set(
		err, EBUSY,
		"federation \"%s\": operation %s (%s) works on it; wait for its end, or cancel "
		"it",
		f->name, f->operation->id, f->operation->description);
}

int operation_begin(struct operations *o, struct operation_spec *spec, struct operation **ret,
		    struct err **err)
{
	struct operation *op = xcalloc(1, sizeof(*op));
	int r;

	make_id(op->id);
	op->all = o;
	op->fed = spec->fed;
	op->description = spec->description;
	op->steps = spec->steps;
	op->n_steps = spec->n_steps;
	op->forget = spec->forget;
	op->remove_volumes = spec->remove_volumes;
	op->created = time_rfc3339_now();
	op->updated = xstrdup(op->created);
	r = operation_check_idle(op->fed, err);
	if (r == 0)
		r = save(op, err);
	if (r < 0) {
		free_operation(op);
		return r;
	}
	op->next = o->list;
	o->list = op;
	op->fed->operation = op;
	log_info("%s", op->description);
	publish(op);
	operations_kick(o);
	*ret = op;
	return 0;
}

struct operation *operation_find(struct operations *o, const char *id)
{
	for (struct operation *op = o->list; op; op = op->next)
		if (str_eq(op->id, id))
			return op;
	return NULL;
}

int operation_wait(struct operation *op, operation_end_fn fn, void *data)
{
	struct waiter *w;

	if (op->n_waiters >= OPERATION_WAITERS)
		return -EBUSY;
	w = xcalloc(1, sizeof(*w));
	w->fn = fn;
	w->data = data;
	w->next = op->waiters;
	op->waiters = w;
	op->n_waiters++;
	return 0;
}

void operation_unwait(struct operation *op, void *data)
{
	for (struct waiter **p = &op->waiters; *p; p = &(*p)->next) {
		struct waiter *w = *p;

		if (w->data != data)
			continue;
		*p = w->next;
		op->n_waiters--;
		free(w);
		return;
	}
}

/* History */

struct lookup {
	struct operations *o;
	const char *id;
	json_t *found;
};

static json_t *object_of(struct operations *o, const struct ledger_operation *row)
{
	struct operation *op = operation_find(o, row->id);

	return op ? operation_json(op) : json_loads(row->json, 0, NULL);
}

static void visit_lookup(const struct ledger_operation *row, void *data)
{
	struct lookup *l = data;

	if (!l->found && str_eq(row->id, l->id))
		l->found = object_of(l->o, row);
}

json_t *operation_lookup(struct operations *o, const char *id, struct err **err)
{
	struct lookup l = { .o = o, .id = id };

	if (ledger_operations(o->daemon->ledger, visit_lookup, &l, err) < 0) {
		json_decref(l.found);
		return NULL;
	}
	if (!l.found)
		err_set(err, ENOENT, "there is no operation \"%s\"", id);
	return l.found;
}

static void visit_list(const struct ledger_operation *row, void *data)
{
	struct lookup *l = data;
	json_t *object = object_of(l->o, row);

	if (object)
		json_array_insert_new(l->found, 0, object);
}

json_t *operation_list(struct operations *o, struct err **err)
{
	struct lookup l = { .o = o, .found = json_array() };

	if (ledger_operations(o->daemon->ledger, visit_list, &l, err) < 0) {
		json_decref(l.found);
		return NULL;
	}
	return l.found;
}

/* Rows that the last daemon could not finish. */
struct left_over {
	char *id, *federation, *json;
};

struct left_overs {
	struct left_over *items;
	size_t n;
};

static void visit_left(const struct ledger_operation *row, void *data)
{
	struct left_overs *all = data;
	struct left_over *item;

	if (!str_eq(row->status, statuses[STATUS_RUNNING].name))
		return;
	all->items = xreallocarray(all->items, all->n + 1, sizeof(*all->items));
	item = &all->items[all->n++];
	item->id = xstrdup(row->id);
	item->federation = xstrdup(row->federation);
	item->json = xstrdup(row->json);
}

static int end_left_over(struct daemon *d, const struct left_over *item, struct err **err)
{
	cleanup_free char *now = time_rfc3339_now();
	cleanup_free char *text = NULL;
	json_t *object = json_loads(item->json, 0, NULL);
	struct ledger_operation row = { .id = item->id,
					.federation = item->federation,
					.status = statuses[STATUS_FAILURE].name };

	if (!object)
		object = json_object();
	json_object_set_new(object, "status", json_string(statuses[STATUS_FAILURE].name));
	json_object_set_new(object, "status_code", json_integer(statuses[STATUS_FAILURE].code));
	json_object_set_new(object, "err", json_string("the daemon ended"));
	json_object_set_new(object, "updated_at", json_string(now));
	text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	row.json = text;
	return ledger_put_operation(d->ledger, &row, err);
}

int operations_create(struct daemon *d, struct operations **ret, struct err **err)
{
	struct left_overs left = { 0 };
	int r = ledger_operations(d->ledger, visit_left, &left, err);

	for (size_t i = 0; i < left.n; i++) {
		if (r == 0)
			r = end_left_over(d, &left.items[i], err);
		free(left.items[i].id);
		free(left.items[i].federation);
		free(left.items[i].json);
	}
	free(left.items);
	if (r < 0)
		return r;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->daemon = d;
	return 0;
}

void operations_destroy(struct operations *o)
{
	if (!o)
		return;
	source_remove(o->kick);
	while (o->list) {
		struct operation *op = o->list;

		o->list = op->next;
		op->fed->operation = NULL;
		free_operation(op);
	}
	free(o);
}
