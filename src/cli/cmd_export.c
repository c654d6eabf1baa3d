/* SPDX-License-Identifier: MIT */
/* atoll export IMAGE, atoll import FILE: atoll-convert's. */
#include <unistd.h>

#include "command.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

/* Hands an option on as often as it came. */
static void pass(char ***argv, const struct args *args, const char *name, bool value)
{
	for (char **v = args_all(args, name); v && *v; v++) {
		strv_take(argv, xasprintf("--%s", name));
		if (value)
			strv_append(argv, *v);
	}
}

static int run(char *const *argv)
{
	cleanup_free char *program = paths_program("atoll-convert");

	execv(program, argv);
	say_error("%s: %m", program);
	return EXIT_FAILED;
}

int cmd_export(const struct args *args)
{
	cleanup_strv char **argv = NULL;

	if (!args_has(args, "as")) {
		say_error("export: --as FORMAT is missing; 'atoll help export' lists the formats");
		return EXIT_USAGE;
	}
	strv_append(&argv, "atoll-convert");
	strv_append(&argv, "export");
	pass(&argv, args, "as", true);
	pass(&argv, args, "output", true);
	pass(&argv, args, "force", false);
	strv_append(&argv, "--");
	strv_append(&argv, args_word(args, 0));
	return run(argv);
}

int cmd_import(const struct args *args)
{
	cleanup_strv char **argv = NULL;

	strv_append(&argv, "atoll-convert");
	strv_append(&argv, "import");
	pass(&argv, args, "name", true);
	pass(&argv, args, "kernel", true);
	pass(&argv, args, "allow-secrets", true);
	pass(&argv, args, "force", false);
	strv_append(&argv, "--");
	strv_append(&argv, args_word(args, 0));
	return run(argv);
}
