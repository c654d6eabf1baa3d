/* SPDX-License-Identifier: MIT */
/*
 * atoll update RECIPE…, atoll fixes [IMAGE…]: what newer packages there are. The builder knows; these
 * ask it for the newest indexes.
 */
#include <unistd.h>

#include "command.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

static int run_builder(const struct args *args, const char *mode)
{
	cleanup_free char *program = paths_program("atoll-build");
	cleanup_err struct err *err = NULL;
	cleanup_strv char **argv = NULL;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	strv_append(&argv, program);
	strv_append(&argv, mode);
	strv_append(&argv, "--update");
	if (json)
		strv_append(&argv, "--json");
	if (args_get(args, "arch")) {
		strv_append(&argv, "--arch");
		strv_append(&argv, args_get(args, "arch"));
	}
	strv_append(&argv, "--");
	for (size_t i = 0; i < args->n_words; i++)
		strv_append(&argv, args->words[i]);
	execv(program, argv);
	say_error("the builder %s: %m", program);
	return EXIT_FAILED;
}

int cmd_update(const struct args *args)
{
	return run_builder(args, "--lock");
}

int cmd_fixes(const struct args *args)
{
	return run_builder(args, "--fixes");
}
