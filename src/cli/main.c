/* SPDX-License-Identifier: MIT */
/*
 * atoll: what people type. Finds the command in the table, parses its line, runs it. Everything that
 * needs machines goes to atolld through its API (client.h); what only needs files does not.
 */
#include <stdio.h>

#include "command.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"
#include "term.h"

static int unknown_command(const char *name)
{
	cleanup_free const char **names = command_names();
	const char *nearest = str_nearest(name, names);

	if (nearest)
		say_error("there is no command \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		say_error("there is no command \"%s\"; 'atoll help' lists them", name);
	return EXIT_USAGE;
}

static void print_commands(void)
{
	const char *group = "";

	printf("Atoll runs a computer as a federation of small machines.\n\n"
	       "Usage: atoll COMMAND …\n");
	for (const struct command *c = commands; c->name; c++) {
		if (!c->group)
			continue;
		if (!str_eq(c->group, group))
			printf("\n%s%s%s\n", term_bold(), c->group, term_off());
		group = c->group;
		printf("  %-8s  %s\n", c->name, c->summary);
	}
	printf("\n'atoll help COMMAND' tells more.\n");
}

static int run(const struct command *c, char **argv);

int cmd_help(const struct args *args)
{
	const char *name = args_word(args, 0);
	const struct command *c;

	if (!name) {
		print_commands();
		return 0;
	}
	c = command_find(name);
	if (!c)
		return unknown_command(name);
	command_print_help(c);
	fflush(stdout);
	return c->raw ? run(c, (char *[]){ (char[]){ "--help" }, NULL }) : 0;
}

/* "--help" or "-h" among what stands before "--" and before words that are not ours to read. */
static bool asks_for_help(const struct command *c, char *const *argv)
{
	size_t words = 0;

	for (; *argv && !str_eq(*argv, "--"); argv++) {
		if (c->raw_from && words >= c->raw_from)
			return false;
		if (str_eq(*argv, "--help") || str_eq(*argv, "-h"))
			return true;
		words += **argv != '-';
	}
	return false;
}

static int run(const struct command *c, char **argv)
{
	cleanup_err struct err *err = NULL;
	struct args args = { .command = c };
	int status;

	if (c->raw) {
		args.words = strv_dup(argv);
		args.n_words = strv_len(argv);
	} else if (asks_for_help(c, argv)) {
		command_print_help(c);
		return 0;
	} else if (args_parse(c, argv, &args, &err) < 0) {
		say_error("%s", err_msg(err));
		args_finish(&args);
		return c->run == cmd_exec || c->run == cmd_shell ? 125 : EXIT_USAGE;
	}
	status = c->run(&args);
	args_finish(&args);
	return status;
}

static int start(char **argv)
{
	const struct command *c;

	if (!argv[1] || str_eq(argv[1], "--help") || str_eq(argv[1], "-h")) {
		print_commands();
		return argv[1] ? 0 : EXIT_USAGE;
	}
	if (str_eq(argv[1], "--version"))
		argv[1] = (char[]){ "version" };
	c = command_find(argv[1]);
	return c ? run(c, argv + 2) : unknown_command(argv[1]);
}

int main(int argc, char **argv)
{
	cleanup_err struct err *err = NULL;
	int status;

	(void)argc;
	fd_secure_std();
	log_init("atoll", LOG_LEVEL_WARN);
	status = start(argv);
	return fd_flush_stdout(&err) < 0 ? report_error(err) : status;
}
