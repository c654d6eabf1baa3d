/* SPDX-License-Identifier: MIT */
/* The table of commands: their names, words, options, help and functions. */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>

#include "mem.h"
#include "str.h"
#include "term.h"

#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}
#define FORMAT                                                                                     \
	{                                                                                          \
		'f', "format", "FORMAT", "table (default) or json"                                 \
	}

static const struct option_spec opts_listing[] = { FORMAT, END };
static const struct option_spec opts_up[] = {
	{ 0, "no-wait", NULL, "return once it has begun" },
	END,
};
static const struct option_spec opts_plan[] = {
	FORMAT,
	{ 0, "exit-code", "N", "exit with N when there is something to do" },
	END,
};
static const struct option_spec opts_down[] = {
	{ 0, "volumes", NULL, "remove the machines' volumes as well" },
	END,
};
static const struct option_spec opts_stop[] = {
	{ 't', "timeout", "SECONDS", "how long a machine may take to end in order" },
	{ 0, "kill", NULL, "end it now" },
	END,
};
static const struct option_spec opts_restart[] = {
	{ 't', "timeout", "SECONDS", "how long a machine may take to end in order" },
	END,
};
static const struct option_spec opts_exec[] = {
	{ 't', "tty", NULL,
	  "with a terminal (the default when standard input and output are one)" },
	{ 'T', "no-tty", NULL, "without one" },
	{ 'u', "user", "USER", "as this user of the machine" },
	{ 'e', "env", "NAME=VALUE", "set a variable; may be repeated" },
	{ 'w', "workdir", "DIR", "in this folder of the machine" },
	END,
};
static const struct option_spec opts_shell[] = {
	{ 'u', "user", "USER", "as this user of the machine" },
	{ 'e', "env", "NAME=VALUE", "set a variable; may be repeated" },
	{ 'w', "workdir", "DIR", "in this folder of the machine" },
	END,
};
static const struct option_spec opts_logs[] = {
	{ 'f', "follow", NULL, "go on with what comes" },
	{ 'n', "lines", "N", "only the last N lines" },
	{ 0, "raw", NULL, "also on a terminal exactly what the machine wrote, escapes and all" },
	END,
};
static const struct option_spec opts_cut[] = {
	{ 0, "restore", NULL, "allow again what was cut" },
	END,
};
static const struct option_spec opts_inspect[] = {
	{ 0, "boot", NULL, "where the time of a machine's start went" },
	{ 0, "image", NULL, "the image of that name, even if a machine has it too" },
	FORMAT,
	END,
};
static const struct option_spec opts_images[] = {
	FORMAT,
	{ 0, "verify", NULL, "read every blob and compare it with its digest" },
	END,
};
static const struct option_spec opts_update[] = {
	FORMAT,
	{ 0, "arch", "ARCH", "for this architecture (Debian's name) instead of the recipe's" },
	END,
};
static const struct option_spec opts_fixes[] = {
	FORMAT,
	{ 0, "arch", "ARCH", "of images of this architecture alone" },
	END,
};
static const struct option_spec opts_export[] = {
	{ 0, "as", "FORMAT",
	  "tar, oci, docker, raw, qcow2, vmdk, vhd, ova, iso or netboot: atoll-convert(1)" },
	{ 'o', "output", "FILE", "instead of NAME and the format's suffix, in this folder" },
	{ 0, "force", NULL, "replace a file that is there" },
	END,
};
static const struct option_spec opts_import[] = {
	{ 0, "name", "NAME", "what the appliance is called, instead of as the image is tagged" },
	{ 0, "kernel", "KERNEL", "adds a kernel for virtual machines: cloud or generic" },
	{ 0, "allow-secrets", "PATH",
	  "a file that looks secret and may be seen by everybody; for each" },
	{ 0, "force", NULL, "replace an appliance of that name" },
	END,
};
static const struct option_spec opts_sbom[] = {
	{ 'f', "format", "FORMAT", "spdx (default) or cyclonedx" },
	END,
};
static const struct option_spec opts_tree[] = {
	FORMAT,
	{ 'd', "depth", "N", "no deeper than N steps from where chains begin" },
	{ 'a', "all", NULL, "also folders that brought nothing but folders" },
	END,
};
static const struct option_spec opts_size[] = {
	FORMAT,
	{ 0, "by", "WHAT", "package, reason or folder" },
	END,
};
static const struct option_spec opts_diff[] = {
	FORMAT,
	{ 0, "exit-code", "N", "exit with N when they differ" },
	END,
};
static const struct option_spec opts_key[] = {
	{ 0, "no-password", NULL,
	  "a new key that needs none: for machines that sign by themselves" },
	FORMAT,
	END,
};
static const struct option_spec opts_sign[] = {
	{ 'k', "key", "FILE", "with this secret key" },
	{ 0, "signature", "FILE", "takes a signature made elsewhere, with minisign" },
	END,
};
static const struct option_spec opts_events[] = {
	FORMAT,
	{ 0, "types", "LIST", "of lifecycle, operation and link, separated by commas" },
	END,
};

const struct command commands[] = {
	{ "Federations", "up", "[FILE]", "Bring up what a federation file says", opts_up, 0, 1, 0,
	  false, WORDS_FILES, cmd_up },
	{ "Federations", "plan", "[FILE]", "Show what 'up' would do", opts_plan, 0, 1, 0, false,
	  WORDS_FILES, cmd_plan },
	{ "Federations", "down", "[FILE|FEDERATION]", "Stop a federation and forget it", opts_down,
	  0, 1, 0, false, WORDS_FEDERATIONS, cmd_down },
	{ "Federations", "check", "FILE…", "Say all that is wrong with a federation or recipe",
	  opts_listing, 1, WORDS_ANY, 0, false, WORDS_FILES, cmd_check },

	{ "Machines", "ps", "[FEDERATION]", "List machines", opts_listing, 0, 1, 0, false,
	  WORDS_FEDERATIONS, cmd_ps },
	{ "Machines", "start", "MACHINE…", "Start machines that are stopped", NULL, 1, WORDS_ANY, 0,
	  false, WORDS_MACHINES, cmd_start },
	{ "Machines", "stop", "MACHINE…", "Stop machines", opts_stop, 1, WORDS_ANY, 0, false,
	  WORDS_MACHINES, cmd_stop },
	{ "Machines", "restart", "MACHINE…", "Stop machines and start them again", opts_restart, 1,
	  WORDS_ANY, 0, false, WORDS_MACHINES, cmd_restart },
	{ "Machines", "exec", "MACHINE [--] COMMAND…", "Run a command in a machine", opts_exec, 2,
	  WORDS_ANY, 2, false, WORDS_SHELLS, cmd_exec },
	{ "Machines", "shell", "MACHINE", "Open a shell in a machine", opts_shell, 1, 1, 0, false,
	  WORDS_MACHINES, cmd_shell },
	{ "Machines", "logs", "MACHINE", "Show what a machine printed", opts_logs, 1, 1, 0, false,
	  WORDS_MACHINES, cmd_logs },
	{ "Machines", "inspect", "MACHINE|IMAGE", "Show all about a machine or an image",
	  opts_inspect, 1, 1, 0, false, WORDS_THINGS, cmd_inspect },

	{ "Links", "links", "[FEDERATION|MACHINE]", "List links and what flowed over them",
	  opts_listing, 0, 1, 0, false, WORDS_MACHINES, cmd_links },
	{ "Links", "cut", "LINK | FROM TO[.SERVICE]", "Cut a link while it runs", opts_cut, 1, 2, 0,
	  false, WORDS_LINKS, cmd_cut },

	{ "Appliances", "build", "RECIPE…", "Build appliances from recipes", NULL, 0, WORDS_ANY, 0,
	  true, WORDS_FILES, cmd_build },
	{ "Appliances", "update", "RECIPE…",
	  "Pin the packages of recipes, or move what is pinned to the newest", opts_update, 1,
	  WORDS_ANY, 0, false, WORDS_FILES, cmd_update },
	{ "Appliances", "fixes", "[IMAGE…]", "List newer packages of which appliances hold a file",
	  opts_fixes, 0, WORDS_ANY, 0, false, WORDS_IMAGES, cmd_fixes },
	{ "Appliances", "images", "", "List the appliances in the store", opts_images, 0, 0, 0,
	  false, WORDS_NONE, cmd_images },
	{ "Appliances", "query", "TERM…",
	  "Find appliances and machines that hold a package or file", opts_listing, 1, WORDS_ANY, 0,
	  false, WORDS_TERMS, cmd_query },
	{ "Appliances", "why", "IMAGE PATH", "Say why a file is in an appliance", opts_listing, 2,
	  2, 0, false, WORDS_KEPT, cmd_why },
	{ "Appliances", "why-not", "IMAGE PATH|PACKAGE",
	  "Say why a file or package is not in an appliance", opts_listing, 2, 2, 0, false,
	  WORDS_LEFT, cmd_why_not },
	{ "Appliances", "tree", "IMAGE [PATH]", "Show which file brought which", opts_tree, 1, 2, 0,
	  false, WORDS_KEPT, cmd_tree },
	{ "Appliances", "size", "IMAGE", "Show where an appliance's bytes are", opts_size, 1, 1, 0,
	  false, WORDS_IMAGES, cmd_size },
	{ "Appliances", "diff", "IMAGE IMAGE", "Show what two appliances differ in", opts_diff, 2,
	  2, 0, false, WORDS_IMAGES, cmd_diff },
	{ "Appliances", "sbom", "IMAGE", "Print an appliance's bill of materials", opts_sbom, 1, 1,
	  0, false, WORDS_IMAGES, cmd_sbom },
	{ "Appliances", "export", "IMAGE", "Write an appliance as a file for other programs",
	  opts_export, 1, 1, 0, false, WORDS_IMAGES, cmd_export },
	{ "Appliances", "import", "FILE|FOLDER",
	  "Make an appliance of an OCI image layout or docker archive", opts_import, 1, 1, 0, false,
	  WORDS_FILES, cmd_import },
	{ "Appliances", "rm", "IMAGE…", "Take appliances out of the store", NULL, 1, WORDS_ANY, 0,
	  false, WORDS_IMAGES, cmd_rm },
	{ "Appliances", "gc", "", "Delete what no appliance and no machine needs", opts_listing, 0,
	  0, 0, false, WORDS_NONE, cmd_gc },

	{ "Trust", "verify", "[IMAGE…]", "Check that appliances are whole and rightly signed",
	  opts_listing, 0, WORDS_ANY, 0, false, WORDS_IMAGES, cmd_verify },
	{ "Trust", "sign", "IMAGE…", "Sign appliances", opts_sign, 1, WORDS_ANY, 0, false,
	  WORDS_IMAGES, cmd_sign },
	{ "Trust", "key", "[create FILE | trust FILE | forget NAME]",
	  "Make keys, and say which ones this computer trusts", opts_key, 0, 2, 0, false,
	  WORDS_KEYS, cmd_key },

	{ "This computer", "events", "", "Follow what happens", opts_events, 0, 0, 0, false,
	  WORDS_NONE, cmd_events },
	{ "This computer", "doctor", "", "Check that this computer can run machines", opts_listing,
	  0, 0, 0, false, WORDS_NONE, cmd_doctor },
	{ "This computer", "version", "", "Show the versions of this program and of the daemon",
	  opts_listing, 0, 0, 0, false, WORDS_NONE, cmd_version },
	{ "This computer", "help", "[COMMAND]", "Show this, or all about a command", NULL, 0, 1, 0,
	  false, WORDS_COMMANDS, cmd_help },
	{ NULL, "__complete", "WORD…", "What could stand here (for the shells' completions)", NULL,
	  0, WORDS_ANY, 0, true, WORDS_NONE, cmd_complete },
	END,
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (str_eq(c->name, name))
			return c;
	return NULL;
}

const char **command_names(void)
{
	const char **names = xcalloc(ARRAY_SIZE(commands), sizeof(*names));
	size_t n = 0;

	for (const struct command *c = commands; c->name; c++)
		if (c->group)
			names[n++] = c->name;
	return names;
}

void command_print_help(const struct command *c)
{
	const struct option_spec *o = c->options;

	printf("%s.\n\nUsage: atoll %s%s%s%s\n", c->summary, c->name, o ? " [OPTION…]" : "",
	       *c->words ? " " : "", c->words);
	if (o)
		printf("\n");
	for (; o && o->name; o++) {
		cleanup_free char *name =
			xasprintf("--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");

		if (o->letter)
			printf("  -%c, %-20s  %s\n", o->letter, name, o->help);
		else
			printf("      %-20s  %s\n", name, o->help);
	}
}

void say_error(const char *fmt, ...)
{
	cleanup_free char *text = NULL, *safe = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	safe = text_safe(text);
	fflush(stdout);
	fprintf(stderr, "atoll: %s\n", safe);
}

int report_error(const struct err *err)
{
	say_error("%s", err_msg(err));
	return EXIT_FAILED;
}
