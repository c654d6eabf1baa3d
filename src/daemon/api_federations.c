/* SPDX-License-Identifier: MIT */
/* /1.0/federations */
#include "api.h"

#include <errno.h>

#include "daemon.h"
#include "deploy.h"
#include "reply.h"
#include "str.h"

void handle_list_federations(struct call *call)
{
	json_t *list = json_array();

	for (const struct fed *f = call->daemon->feds; f; f = f->next)
		json_array_append_new(list, reply_federation(f));
	call_reply_sync(call, list);
}

void handle_get_federation(struct call *call)
{
	const struct fed *f = api_fed(call);

	if (f)
		call_reply_sync(call, reply_federation(f));
}

void handle_up(struct call *call)
{
	const struct request *r = &call->request;
	struct diag_list diags = DIAG_LIST_INIT;
	struct deployment *p = NULL;
	struct operation *op = NULL;
	struct err *err = NULL;
	int result = deploy_plan(call->daemon, request_string(r, "file"), request_string(r, "text"),
				 &p, &diags, &err);

	if (result == 0 && request_boolean(r, "dry_run", false)) {
		call_reply_sync(call, deployment_json(p));
	} else if (result == 0) {
		json_t *plan = deployment_json(p);

		result = deploy_up(call->daemon, p, &op, &err);
		if (result == 0 && !op)
			call_reply_sync(call, json_incref(plan));
		else
			api_reply_operation(call, result, op, err);
		json_decref(plan);
	} else {
		call_reply_error(call, err, &diags);
	}
	diag_list_finish(&diags);
	deployment_free(p);
}

void handle_down(struct call *call)
{
	const char *volumes = request_query(&call->request, "volumes");
	struct fed *f = api_fed(call);
	struct operation *op = NULL;
	struct err *err = NULL;
	int result;

	if (!f)
		return;
	if (volumes && !str_eq(volumes, "keep") && !str_eq(volumes, "remove"))
		result = err_set(&err, EINVAL, "volumes: expected \"keep\" or \"remove\"");
	else
		result = deploy_down(f, str_eq(volumes, "remove"), &op, &err);
	api_reply_operation(call, result, op, err);
}

/* What is done to a whole federation. */
static void begin(struct call *call,
		  int (*deploy)(struct fed *, struct operation **, struct err **))
{
	struct fed *f = api_fed(call);
	struct operation *op = NULL;
	struct err *err = NULL;
	int result;

	if (!f)
		return;
	result = deploy(f, &op, &err);
	api_reply_operation(call, result, op, err);
}

void handle_start_federation(struct call *call)
{
	begin(call, deploy_start_all);
}

void handle_stop_federation(struct call *call)
{
	begin(call, deploy_stop_all);
}
