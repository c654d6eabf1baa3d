/* SPDX-License-Identifier: MIT */
/* Owns the table of routes. Their handlers are in one file per collection. */
#include "api.h"

#include <errno.h>
#include <unistd.h>

#include "counts.h"
#include "daemon.h"
#include "host.h"
#include "loop.h"
#include "mem.h"
#include "paths.h"
#include "reply.h"
#include "str.h"

static void handle_server(struct call *call)
{
	const struct host *host = call->daemon->host;

	call_reply_sync(call, json_pack("{s:s, s:s, s:i, s:s, s:{s:s, s:s}}", "api_version",
					API_VERSION, "server_version", ATOLL_VERSION, "pid",
					(int)getpid(), "state_dir", paths_state(), "kvm", "kvm",
					host_kvm(host), "detail", host_kvm_detail(host)));
}

static void handle_shutdown(struct call *call)
{
	loop_quit(call->daemon->loop, 0);
	call_reply_sync(call, json_object());
}

static const struct body_key up_body[] = {
	{ "file", "string", true },
	{ "text", "string", true },
	{ "dry_run", "boolean", false },
	{ NULL, NULL, false },
};

static const struct body_key state_body[] = {
	{ "action", "string", true },
	{ "timeout", "integer", false, API_TIMEOUT_MAX },
	{ NULL, NULL, false },
};

static const struct body_key states_body[] = {
	{ "action", "string", true },
	{ "machines", "array", true },
	{ "timeout", "integer", false, API_TIMEOUT_MAX },
	{ NULL, NULL, false },
};

static const struct body_key exec_body[] = {
	{ "command", "array", true },
	{ "environment", "object", false },
	{ "user", "string", false },
	{ "cwd", "string", false },
	{ "tty", "boolean", false },
	{ "term", "string", false },
	{ "rows", "integer", false, UINT16_MAX },
	{ "columns", "integer", false, UINT16_MAX },
	{ NULL, NULL, false },
};

static const struct body_key link_body[] = {
	{ "state", "string", true },
	{ NULL, NULL, false },
};

/* clang-format off */
const struct route api_routes[] = {
	{ "GET", "/1.0", { NULL }, NULL, NULL, handle_server },
	{ "POST", "/1.0/shutdown", { NULL }, NULL, NULL, handle_shutdown },

	{ "GET", "/1.0/federations", { NULL }, NULL, NULL, handle_list_federations },
	{ "POST", "/1.0/federations", { NULL }, up_body, NULL, handle_up },
	{ "GET", "/1.0/federations/FED", { NULL }, NULL, NULL, handle_get_federation },
	{ "DELETE", "/1.0/federations/FED", { "volumes" }, NULL, NULL, handle_down },
	{ "POST", "/1.0/federations/FED/start", { NULL }, NULL, NULL, handle_start_federation },
	{ "POST", "/1.0/federations/FED/stop", { NULL }, NULL, NULL, handle_stop_federation },
	{ "PUT", "/1.0/federations/FED/machines", { NULL }, states_body, NULL, handle_put_machine_states },

	{ "GET", "/1.0/machines", { "federation" }, NULL, NULL, handle_list_machines },
	{ "GET", "/1.0/machines/FED/NAME", { NULL }, NULL, NULL, handle_get_machine },
	{ "PUT", "/1.0/machines/FED/NAME/state", { NULL }, state_body, NULL, handle_put_machine_state },
	{ "GET", "/1.0/machines/FED/NAME/console", { "follow", "bytes", "lines" }, NULL, NULL, handle_console },
	{ "POST", "/1.0/machines/FED/NAME/exec", { NULL }, exec_body, "atoll-exec", handle_exec },

	{ "GET", "/1.0/links", { "federation" }, NULL, NULL, handle_list_links },
	{ "PUT", "/1.0/links/FED/ID", { NULL }, link_body, NULL, handle_put_link },

	{ "GET", "/1.0/operations", { NULL }, NULL, NULL, handle_list_operations },
	{ "GET", "/1.0/operations/ID", { NULL }, NULL, NULL, handle_get_operation },
	{ "GET", "/1.0/operations/ID/wait", { "timeout" }, NULL, NULL, handle_wait_operation },
	{ "DELETE", "/1.0/operations/ID", { NULL }, NULL, NULL, handle_cancel_operation },

	{ "GET", "/1.0/events", { "types" }, NULL, NULL, handle_events },
	{ NULL, NULL, { NULL }, NULL, NULL, NULL },
};
/* clang-format on */

/* Finding what a path names */

static struct err *unknown(const char *what, const char *name, char *const *names)
{
	const char *near = names ? str_nearest(name, (const char *const *)names) : NULL;
	struct err *err = NULL;

	if (near)
		err_set(&err, ENOENT, "there is no %s \"%s\"; did you mean \"%s\"?", what, name,
			near);
	else
		err_set(&err, ENOENT, "there is no %s \"%s\"", what, name);
	return err;
}

static struct fed *find_fed(struct call *call, const char *name)
{
	struct fed *f = model_fed(call->daemon, name);
	cleanup_strv char **names = NULL;

	if (f)
		return f;
	for (f = call->daemon->feds; f; f = f->next)
		strv_append(&names, f->name);
	call_reply_error(call, unknown("federation", name, names), NULL);
	return NULL;
}

struct fed *api_fed(struct call *call)
{
	return find_fed(call, call->request.params[0]);
}

bool api_only(struct call *call, const char **ret)
{
	*ret = request_query(&call->request, "federation");
	return !*ret || find_fed(call, *ret);
}

/* The only machine of that name in all federations; else NULL, with the error. */
static struct machine *find_anywhere(struct daemon *d, const char *name, struct err **err)
{
	cleanup_strv char **names = NULL, **found = NULL;
	cleanup_free char *list = NULL;
	struct machine *match = NULL;

	for (struct fed *f = d->feds; f; f = f->next)
		for (struct machine *m = f->machines; m; m = m->next) {
			strv_append(&names, m->name);
			if (!str_eq(m->name, name))
				continue;
			match = m;
			strv_take(&found, xasprintf("%s/%s", f->name, m->name));
		}
	if (strv_len(found) == 1)
		return match;
	if (!found) {
		*err = unknown("machine", name, names);
		return NULL;
	}
	list = strv_join(found, ", ");
	err_set(err, ENOTUNIQ, "several machines are called \"%s\": %s; say which", name, list);
	return NULL;
}

struct machine *api_machine_of(struct fed *f, const char *name, struct err **err)
{
	cleanup_strv char **names = NULL;
	struct machine *m = fed_find_machine(f, name);

	if (m)
		return m;
	for (m = f->machines; m; m = m->next)
		strv_append(&names, m->name);
	*err = unknown("machine", name, names);
	return NULL;
}

struct machine *api_machine(struct call *call)
{
	const char *name = call->request.params[1];
	struct err *err = NULL;
	struct machine *m;
	struct fed *f;

	if (str_eq(call->request.params[0], "-")) {
		m = find_anywhere(call->daemon, name, &err);
	} else {
		f = api_fed(call);
		if (!f)
			return NULL;
		m = api_machine_of(f, name, &err);
	}
	if (!m)
		call_reply_error(call, err, NULL);
	return m;
}

void api_reply_operation(struct call *call, int result, struct operation *op, struct err *err)
{
	if (result < 0)
		call_reply_error(call, err, NULL);
	else if (op)
		call_reply_async(call, operation_id(op), operation_json(op));
	else
		call_reply_sync(call, json_pack("{s:[]}", "steps"));
}

/* Listings with numbers */

struct fresh {
	struct call *call;
	void (*fn)(struct call *call);
};

static void handle_fresh(void *data)
{
	struct fresh *fresh = data;

	fresh->fn(fresh->call);
	free(fresh);
}

static void abandon_fresh(struct call *call)
{
	counts_forget(call->daemon->counts, call->data);
	free(call->data);
}

void api_with_counts(struct call *call, void (*fn)(struct call *call))
{
	struct fresh *fresh = xcalloc(1, sizeof(*fresh));

	fresh->call = call;
	fresh->fn = fn;
	call->data = fresh;
	call->abandon = abandon_fresh;
	counts_refresh(call->daemon->counts, handle_fresh, fresh);
}
