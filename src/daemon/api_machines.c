/* SPDX-License-Identifier: MIT */
/* /1.0/machines */
#include "api.h"

#include <errno.h>

#include "daemon.h"
#include "deploy.h"
#include "mem.h"
#include "reply.h"
#include "steps.h"
#include "str.h"

static void answer_list(struct call *call)
{
	json_t *list;
	const char *only;

	if (!api_only(call, &only))
		return;
	list = json_array();
	for (const struct fed *f = call->daemon->feds; f; f = f->next)
		for (const struct machine *m = f->machines; m; m = m->next)
			if (!only || str_eq(only, f->name))
				json_array_append_new(list, reply_machine(m));
	call_reply_sync(call, list);
}

void handle_list_machines(struct call *call)
{
	api_with_counts(call, answer_list);
}

/* The machine is looked up again: it may be gone by now. */
static void answer_one(struct call *call)
{
	const struct machine *m = api_machine(call);

	if (m)
		call_reply_sync(call, reply_machine_full(m));
}

void handle_get_machine(struct call *call)
{
	api_with_counts(call, answer_one);
}

/* What a body with "action" and "timeout" asks for. */
static int read_action(const struct call *call, enum action *ret, int64_t *ret_grace,
		       struct err **err)
{
	static const struct {
		const char *name;
		enum action action;
	} actions[] = {
		{ "start", ACTION_START },
		{ "stop", ACTION_STOP },
		{ "restart", ACTION_RESTART },
		{ "kill", ACTION_KILL },
	};
	const char *asked = request_string(&call->request, "action");
	uint64_t seconds = request_integer(&call->request, "timeout", STEP_GRACE / 1000);
	size_t i = 0;

	while (i < ARRAY_SIZE(actions) && !str_eq(actions[i].name, asked))
		i++;
	if (i == ARRAY_SIZE(actions))
		return err_set(err, EINVAL,
			       "action: expected \"start\", \"stop\", \"restart\" or \"kill\"");
	*ret = actions[i].action;
	*ret_grace = (int64_t)seconds * 1000;
	return 0;
}

static void change_states(struct call *call, struct fed *f, char *const *names)
{
	struct operation *op = NULL;
	struct err *err = NULL;
	enum action action = ACTION_START;
	int64_t grace = 0;
	int result = read_action(call, &action, &grace, &err);

	if (result == 0)
		result = deploy_machines(f, names, action, grace, &op, &err);
	api_reply_operation(call, result, op, err);
}

void handle_put_machine_state(struct call *call)
{
	struct machine *m = api_machine(call);

	if (m)
		change_states(call, m->fed, (char *[]){ m->name, NULL });
}

void handle_put_machine_states(struct call *call)
{
	struct fed *f = api_fed(call);
	cleanup_strv char **names = f ? request_strings(&call->request, "machines") : NULL;
	struct err *err = NULL;

	if (!f)
		return;
	for (char **name = names; name && *name; name++) {
		if (api_machine_of(f, *name, &err))
			continue;
		call_reply_error(call, err, NULL);
		return;
	}
	change_states(call, f, names);
}
