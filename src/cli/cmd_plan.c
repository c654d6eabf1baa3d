/* SPDX-License-Identifier: MIT */
/* atoll plan [FILE]: what up would do. */
#include "client.h"
#include "command.h"
#include "federation_file.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

static const char *verb_colour(const char *verb)
{
	if (str_eq(verb, "create") || str_eq(verb, "start") || str_eq(verb, "link"))
		return term_green();
	if (str_eq(verb, "remove") || str_eq(verb, "unlink"))
		return term_red();
	return term_yellow();
}

static void print_steps(const json_t *metadata)
{
	static const char *const titles[] = { "DO", "WHAT", "WHY", NULL };
	const json_t *steps = json_object_get(metadata, "steps"), *step;
	struct table t;
	size_t i;

	if (json_array_size(steps) == 0) {
		printf("%s: nothing to do\n", json_str(metadata, "federation"));
		return;
	}
	table_init(&t, titles);
	json_array_foreach(steps, i, step)
	{
		const char *verb = json_str(step, "verb");

		table_add_styled(&t, verb_colour(verb), verb);
		table_add(&t, json_str(step, "object"));
		table_add(&t, json_str(step, "why"));
	}
	table_print(&t);
}

int cmd_plan(const struct args *args)
{
	cleanup_json json_t *answer = NULL;
	cleanup_err struct err *err = NULL;
	unsigned long changes = 0;
	json_t *metadata;
	bool json;

	if (args_json(args, &json, &err) < 0 ||
	    args_number(args, "exit-code", 255, &changes, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (federation_file_post(args_word(args, 0), true, &answer, &err) < 0)
		return report_error(err);
	metadata = json_object_get(answer, "metadata");
	if (json)
		print_json(metadata);
	else
		print_steps(metadata);
	return json_array_size(json_object_get(metadata, "steps")) ? (int)changes : 0;
}
