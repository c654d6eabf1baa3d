/* SPDX-License-Identifier: MIT */
/* atoll build RECIPE…: atoll-build's, with all that was said. */
#include <unistd.h>

#include "command.h"
#include "mem.h"
#include "paths.h"

int cmd_build(const struct args *args)
{
	cleanup_free char *program = paths_program("atoll-build");
	cleanup_free char **argv = xcalloc(args->n_words + 2, sizeof(*argv));

	argv[0] = program;
	for (size_t i = 0; i < args->n_words; i++)
		argv[i + 1] = args->words[i];
	execv(program, argv);
	say_error("the builder %s: %m", program);
	return EXIT_FAILED;
}
