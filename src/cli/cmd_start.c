/* SPDX-License-Identifier: MIT */
/*
 * atoll start, stop, restart MACHINE…: all at once, in the order of their links where they have
 * one. The name of a federation stands for all its machines.
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
	json_t *wanted; /* federation: list of machines, or true for all of them */
};

/* NAME or FEDERATION/NAME. */
static bool is_meant(const json_t *m, const char *word)
{
	const char *federation = json_str(m, "federation");
	size_t n = strlen(federation);

	if (strncmp(word, federation, n) == 0 && word[n] == '/')
		word += n + 1;
	return str_eq(word, json_str(m, "name"));
}

static int not_found(const json_t *machines, const char *word, struct err **err)
{
	cleanup_free const char **names = xcalloc(json_array_size(machines) + 1, sizeof(*names));
	const char *nearest;
	const json_t *m;
	size_t i;

	json_array_foreach(machines, i, m) names[i] = json_str(m, "name");
	nearest = str_nearest(word, names);
	if (nearest)
		return err_set(err, ENOENT, "there is no machine \"%s\"; did you mean \"%s\"?",
			       word, nearest);
	return err_set(err, ENOENT, "there is no machine \"%s\"; 'atoll ps' lists them", word);
}

static void want(struct request *req, const char *federation, const char *machine)
{
	json_t *list = json_object_get(req->wanted, federation);

	if (!machine)
		json_object_set_new(req->wanted, federation, json_true());
	else if (!list)
		json_object_set_new(req->wanted, federation, json_pack("[s]", machine));
	else if (json_is_array(list))
		json_array_append_new(list, json_string(machine));
}

/* A machine, else a federation. */
static int resolve(struct request *req, const json_t *machines, const char *word, struct err **err)
{
	const json_t *m, *found = NULL, *federation = NULL;
	size_t i;

	json_array_foreach(machines, i, m)
	{
		if (str_eq(json_str(m, "federation"), word))
			federation = m;
		if (!is_meant(m, word))
			continue;
		if (found)
			return err_set(err, ENOTUNIQ, "which \"%s\": %s/%s or %s/%s?", word,
				       json_str(found, "federation"), word,
				       json_str(m, "federation"), word);
		found = m;
	}
	if (!found && !federation)
		return not_found(machines, word, err);
	if (!found && !str_eq(req->action, "start") && !str_eq(req->action, "stop"))
		return err_set(err, EINVAL, "\"%s\" is a federation; %s takes machines", word,
			       req->action);
	want(req, found ? json_str(found, "federation") : word,
	     found ? json_str(found, "name") : NULL);
	return 0;
}

/* One operation for each federation that is concerned. */
static int ask(const struct request *req, const char *federation, json_t *names, struct progress *p,
	       struct err **err)
{
	cleanup_json json_t *answer = NULL, *body = NULL;
	cleanup_free char *path = NULL;
	int r;

	if (json_is_true(names)) {
		path = xasprintf("/1.0/federations/%s/%s", federation, req->action);
		r = client_call(CLIENT_START, "POST", path, NULL, &answer, err);
	} else {
		path = xasprintf("/1.0/federations/%s/machines", federation);
		body = json_pack("{s:s, s:O}", "action", req->action, "machines", names);
		if (req->has_timeout)
			json_object_set_new(body, "timeout", json_integer((int)req->timeout));
		r = client_call(CLIENT_START, "PUT", path, body, &answer, err);
	}
	if (r == 0 && str_eq(json_str(answer, "type"), "async"))
		progress_add(p, json_object_get(answer, "metadata"));
	return r;
}

static int ask_all(const struct args *args, struct request *req, struct progress *p,
		   struct err **err)
{
	cleanup_json json_t *machines = NULL;
	const char *federation;
	json_t *names;
	int r = client_get("/1.0/machines", &machines, err);

	for (size_t i = 0; r == 0 && i < args->n_words; i++)
		r = resolve(req, machines, args->words[i], err);
	json_object_foreach(req->wanted, federation, names) if (r == 0) r =
		ask(req, federation, names, p, err);
	return r;
}

static int run(const struct args *args, struct request *req)
{
	cleanup_json json_t *wanted = json_object();
	cleanup_err struct err *err = NULL;
	struct progress p;
	int r = progress_begin(&p, &err);

	req->wanted = wanted;
	if (r == 0)
		r = ask_all(args, req, &p, &err);
	if (r == 0)
		r = progress_wait(&p, &err);
	if (err)
		report_error(err);
	else if (r == -ECANCELED)
		say_error("cancelled; 'atoll ps' shows how things stand");
	progress_finish(&p);
	if (r == -ECANCELED || r == -EINTR)
		return 130;
	return r < 0 ? EXIT_FAILED : 0;
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
	struct request req = { .action = "start" };

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
