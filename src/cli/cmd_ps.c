/* SPDX-License-Identifier: MIT */
/* atoll ps: the machines. */
#include "client.h"
#include "command.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

static const char *state_colour(const char *state)
{
	static const char *const waiting[] = { "starting", "running", "stopping", NULL };

	if (str_eq(state, "ready"))
		return term_green();
	if (str_eq(state, "failed"))
		return term_red();
	for (const char *const *w = waiting; *w; w++)
		if (str_eq(*w, state))
			return term_yellow();
	return term_dim();
}

/* How a machine that does not run ended, else how long it has been up. */
static void add_since(struct table *t, const json_t *m)
{
	const json_t *exit = json_object_get(m, "exit");
	const char *started = json_str(m, "started");
	char buf[16];

	if (json_int(m, "pid") > 0 && *started)
		table_add(t, age_text(time_from_text(started), buf));
	else if (json_is_object(exit) && !json_is_true(json_object_get(exit, "requested")))
		table_addf(t, "exit %d", (int)json_int(exit, "status"));
	else
		table_add(t, NULL);
}

static void add_number(struct table *t, int64_t n)
{
	if (n > 0)
		table_addf(t, "%lld", (long long)n);
	else
		table_add(t, NULL);
}

static void add_machine(struct table *t, const json_t *m)
{
	const char *state = json_str(m, "state");
	char size[16];

	table_add_styled(t, term_label(json_str(m, "label")), json_str(m, "name"));
	table_add(t, json_str(m, "federation"));
	table_add(t, json_str(m, "kind"));
	table_add(t, json_str(m, "engine"));
	table_add_styled(t, state_colour(state), state);
	table_add(t, json_str(m, "appliance"));
	table_add(t, json_int(m, "memory") > 0
			     ? str_from_size((uint64_t)json_int(m, "memory"), size)
			     : NULL);
	add_number(t, json_int(m, "pid"));
	add_since(t, m);
}

static void print_machines(const json_t *list)
{
	static const char *const titles[] = { "NAME",      "FEDERATION", "KIND", "ENGINE", "STATE",
					      "APPLIANCE", ">MEMORY",    ">PID", ">UP",    NULL };
	struct table t;
	const json_t *m;
	size_t i;

	table_init(&t, titles);
	json_array_foreach(list, i, m) add_machine(&t, m);
	table_print(&t);
}

int cmd_ps(const struct args *args)
{
	const char *federation = args_word(args, 0);
	cleanup_free char *encoded = federation ? client_encode(federation) : NULL;
	cleanup_free char *path = xasprintf("/1.0/machines%s%s", federation ? "?federation=" : "",
					    federation ? encoded : "");
	cleanup_json json_t *list = NULL;
	cleanup_err struct err *err = NULL;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (client_get(path, &list, &err) < 0)
		return report_error(err);
	if (json)
		print_json(list);
	else if (json_array_size(list) == 0)
		printf("no machines\n");
	else
		print_machines(list);
	return 0;
}
