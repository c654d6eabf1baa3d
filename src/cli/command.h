/* SPDX-License-Identifier: MIT */
/* What a command is. All of them are in one table, commands.c; each runs in its own cmd_NAME.c. */
#ifndef ATOLL_COMMAND_H
#define ATOLL_COMMAND_H

#include <limits.h>

#include "args.h"

/* Exit statuses of every command but exec and shell. */
#define EXIT_FAILED 1
#define EXIT_USAGE  2

#define WORDS_ANY SIZE_MAX

/* What a command's words name: for completion. */
enum word_kind {
	WORDS_NONE,
	WORDS_MACHINES,
	WORDS_IMAGES,
	WORDS_THINGS, /* machines and images */
	WORDS_LINKS,
	WORDS_FEDERATIONS,
	WORDS_FILES,
	WORDS_COMMANDS,
	WORDS_SHELLS,
	WORDS_KEYS,
	WORDS_TERMS,
	WORDS_KEPT, /* an image, and then a path in it */
	WORDS_LEFT, /* an image, and then a path or package that was left out of it */
};

struct command {
	const char *group; /* heading in the help; NULL: hidden */
	const char *name;
	const char *words; /* behind the name and its options, as the usage shows it */
	const char *summary;
	const struct option_spec *options; /* up to one without a name; NULL: none */
	size_t min_words, max_words;
	size_t raw_from; /* once that many words came, the rest is taken as it is; 0: never */
	bool raw;        /* all of the line is taken as words, options too */
	enum word_kind kind;
	int (*run)(const struct args *args); /* returns the exit status */
};

/* Up to one without a name. */
extern const struct command commands[];
const struct command *command_find(const char *name);
/* NULL-terminated names; the caller frees the array alone. */
const char **command_names(void);
void command_print_help(const struct command *c);

/* "atoll: MESSAGE" on standard error; frees nothing; returns EXIT_FAILED. */
int report_error(const struct err *err);
void say_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int cmd_build(const struct args *args);
int cmd_check(const struct args *args);
int cmd_complete(const struct args *args);
int cmd_cut(const struct args *args);
int cmd_diff(const struct args *args);
int cmd_doctor(const struct args *args);
int cmd_down(const struct args *args);
int cmd_events(const struct args *args);
int cmd_exec(const struct args *args);
int cmd_export(const struct args *args);
int cmd_fixes(const struct args *args);
int cmd_gc(const struct args *args);
int cmd_help(const struct args *args);
int cmd_images(const struct args *args);
int cmd_import(const struct args *args);
int cmd_inspect(const struct args *args);
int cmd_key(const struct args *args);
int cmd_links(const struct args *args);
int cmd_logs(const struct args *args);
int cmd_plan(const struct args *args);
int cmd_ps(const struct args *args);
int cmd_query(const struct args *args);
int cmd_restart(const struct args *args);
int cmd_rm(const struct args *args);
int cmd_sbom(const struct args *args);
int cmd_shell(const struct args *args);
int cmd_sign(const struct args *args);
int cmd_size(const struct args *args);
int cmd_start(const struct args *args);
int cmd_stop(const struct args *args);
int cmd_tree(const struct args *args);
int cmd_up(const struct args *args);
int cmd_update(const struct args *args);
int cmd_verify(const struct args *args);
int cmd_version(const struct args *args);
int cmd_why(const struct args *args);
int cmd_why_not(const struct args *args);

#endif
