/* SPDX-License-Identifier: MIT */
/* /1.0/links */
#include "api.h"

#include <errno.h>

#include "daemon.h"
#include "deploy.h"
#include "reply.h"
#include "str.h"

static void answer_list(struct call *call)
{
	json_t *list;
	const char *only;

	if (!api_only(call, &only))
		return;
	list = json_array();
	for (const struct fed *f = call->daemon->feds; f; f = f->next)
		for (const struct link *k = f->links; k; k = k->next)
			if (!only || str_eq(only, f->name))
				json_array_append_new(list, reply_link(k));
	call_reply_sync(call, list);
}

void handle_list_links(struct call *call)
{
	api_with_counts(call, answer_list);
}

void handle_put_link(struct call *call)
{
	struct fed *f = api_fed(call);
	struct link *k = f ? fed_find_link(f, call->request.params[1]) : NULL;
	const char *state = request_string(&call->request, "state");
	struct operation *op = NULL;
	struct err *err = NULL;
	int result;

	if (!f)
		return;
	if (!k)
		result = err_set(&err, ENOENT, "federation \"%s\" has no link \"%s\"", f->name,
				 call->request.params[1]);
	else if (!str_eq(state, "cut") && !str_eq(state, "ok"))
		result = err_set(&err, EINVAL, "state: expected \"cut\" or \"ok\"");
	else
		result = deploy_cut(k, str_eq(state, "cut"), &op, &err);
	api_reply_operation(call, result, op, err);
}
