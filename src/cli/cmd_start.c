/* SPDX-License-Identifier: MIT */
/*
 * atoll start, stop, restart MACHINE…: all at once, each an operation of the daemon. The name of a
 * federation stands for all its machines, in the order of their links.
 */
#include <errno.h>
#include <string.h>

#include "client.h"
#include "command.h"
#include "mem.h"
#include "progress.h"
#include "str.h"

struct request {
	const char *action; /* "start", "stop", "restart", "kill" */
	unsigned long timeout;
	bool has_timeout;
};

static bool is_federation(const json_t *federations, const char *name)
{
	const json_t *f;
	size_t i;

	json_array_foreach(federations, i, f) if (str_eq(json_str(f, "name"), name)) return true;
	return false;
}

static bool is_machine(const json_t *machines, const char *name)
{
	const json_t *m;
	size_t i;

	json_array_foreach(machines, i, m) if (str_eq(json_str(m, "name"), name)) return true;
	return false;
}

static int ask_machine(const struct request *req, const char *name, json_t **ret, struct err **err)
{
	cleanup_json json_t *body = json_pack("{s:s}", "action", req->action);
	cleanup_free char *path = NULL;
	int r = client_machine_path(name, "/state", &path, err);

	if (r < 0)
		return r;
	if (req->has_timeout)
		json_object_set_new(body, "timeout", json_integer((json_int_t)req->timeout));
	return client_call(CLIENT_START, "PUT", path, body, ret, err);
}

static int ask_federation(const struct request *req, const char *name, json_t **ret,
			  struct err **err)
{
	cleanup_free char *path = xasprintf("/1.0/federations/%s/%s", name, req->action);

	if (!str_eq(req->action, "start") && !str_eq(req->action, "stop"))
		return err_set(err, EINVAL, "\"%s\" is a federation; %s takes machines", name,
			       req->action);
	return client_call(CLIENT_START, "POST", path, NULL, ret, err);
}

/* Asks for each; what cannot begin is reported, the others go on. Returns how many could not. */
static int ask_all(const struct args *args, const struct request *req, struct progress *p,
		   struct err **err)
{
	cleanup_json json_t *federations = NULL, *machines = NULL;
	int failed = 0;
	int r = client_get("/1.0/federations", &federations, err);

	if (r == 0)
		r = client_get("/1.0/machines", &machines, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < args->n_words; i++) {
		const char *name = args->words[i];
		cleanup_json json_t *answer = NULL;
		cleanup_err struct err *why = NULL;

		if (is_federation(federations, name) && !is_machine(machines, name))
			r = ask_federation(req, name, &answer, &why);
		else
			r = ask_machine(req, name, &answer, &why);
		if (r < 0) {
			report_error(why);
			failed++;
		} else if (str_eq(json_str(answer, "type"), "async")) {
			progress_add(p, json_object_get(answer, "metadata"));
		}
	}
	return failed;
}

static int run(const struct args *args, const struct request *req)
{
	struct progress p;
	cleanup_err struct err *err = NULL;
	int failed = 0, r = progress_begin(&p, &err);

	if (r == 0)
		r = failed = ask_all(args, req, &p, &err);
	if (r >= 0)
		r = progress_wait(&p, &err);
	if (r < 0 && err)
		report_error(err);
	else if (r == -ECANCELED)
		say_error("cancelled; 'atoll ps' shows how things stand");
	progress_finish(&p);
	if (r == -ECANCELED || r == -EINTR)
		return 130;
	return r < 0 || failed > 0 ? EXIT_FAILED : 0;
}

static int run_with_timeout(const struct args *args, const char *action)
{
	struct request req = { .action = action, .has_timeout = args_has(args, "timeout") };
	cleanup_err struct err *err = NULL;

	if (args_number(args, "timeout", 3600, &req.timeout, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	return run(args, &req);
}

int cmd_start(const struct args *args)
{
	const struct request req = { .action = "start" };

	return run(args, &req);
}

int cmd_stop(const struct args *args)
{
	return run_with_timeout(args, args_has(args, "kill") ? "kill" : "stop");
}

int cmd_restart(const struct args *args)
{
	return run_with_timeout(args, "restart");
}
