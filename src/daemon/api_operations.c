/* SPDX-License-Identifier: MIT */
/* /1.0/operations */
#include "api.h"

#include <errno.h>

#include "daemon.h"
#include "loop.h"
#include "mem.h"
#include "reply.h"

#define WAIT_MAX 86400 /* seconds */

void handle_list_operations(struct call *call)
{
	struct err *err = NULL;
	json_t *list = operation_list(call->daemon->operations, &err);

	if (list)
		call_reply_sync(call, list);
	else
		call_reply_error(call, err, NULL);
}

/* Answers with one operation as it is now. */
void handle_get_operation(struct call *call)
{
	struct err *err = NULL;
	json_t *object = operation_lookup(call->daemon->operations, call->request.params[0], &err);

	if (object)
		call_reply_sync(call, object);
	else
		call_reply_error(call, err, NULL);
}

/* A call that waits for an operation's end. */
struct wait {
	struct call *call;
	struct source *timer; /* NULL: for ever */
};

static void free_wait(struct wait *w)
{
	source_remove(w->timer);
	free(w);
}

static void handle_end(const json_t *object, void *data)
{
	struct wait *w = data;

	call_reply_sync(w->call, json_deep_copy(object));
	free_wait(w);
}

static void stop_waiting(struct call *call)
{
	struct operation *op = operation_find(call->daemon->operations, call->request.params[0]);

	if (op)
		operation_unwait(op, call->data);
	free_wait(call->data);
}

static void handle_timeout(void *data)
{
	struct wait *w = data;
	struct call *call = w->call;

	stop_waiting(call);
	handle_get_operation(call);
}

void handle_wait_operation(struct call *call)
{
	struct operation *op = operation_find(call->daemon->operations, call->request.params[0]);
	struct err *err = NULL;
	struct wait *w;
	uint64_t seconds;

	if (request_query_u64(&call->request, "timeout", WAIT_MAX, WAIT_MAX, &seconds, &err) < 0) {
		call_reply_error(call, err, NULL);
		return;
	}
	if (!op || seconds == 0) {
		handle_get_operation(call);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->call = call;
	if (operation_wait(op, handle_end, w) < 0) {
		free(w);
		err_set(&err, EAGAIN, "too many clients wait for that operation");
		call_reply_error(call, err, NULL);
		return;
	}
	w->timer = loop_add_timer(call->daemon->loop, handle_timeout, w);
	source_arm(w->timer, (int64_t)seconds * 1000);
	call->data = w;
	call->abandon = stop_waiting;
}

void handle_cancel_operation(struct call *call)
{
	struct operation *op = operation_find(call->daemon->operations, call->request.params[0]);
	struct err *err = NULL;
	json_t *object;

	if (op) {
		operation_cancel(op);
		call_reply_sync(call, operation_json(op));
		return;
	}
	object = operation_lookup(call->daemon->operations, call->request.params[0], &err);
	if (object)
		err_set(&err, EBUSY, "operation %s has ended already", call->request.params[0]);
	json_decref(object);
	call_reply_error(call, err, NULL);
}
