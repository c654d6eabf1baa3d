/* SPDX-License-Identifier: MIT */
/* A command line, parsed by the command's own table of options (command.h). */
#ifndef ATOLL_ARGS_H
#define ATOLL_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct command;

struct option_spec {
	char letter; /* 0: none */
	const char *name;
	const char *arg; /* what it takes, as the help calls it; NULL: nothing */
	const char *help;
};

#define ARGS_MAX_OPTIONS 16

struct args {
	const struct command *command;
	char **values[ARGS_MAX_OPTIONS]; /* by the option's place in the table; "" for a flag */
	char **words;
	size_t n_words;
};

/*
 * Parses what stands behind the command's name. Options and words may be mixed; "--" ends the
 * options. The error names the nearest option.
 */
int args_parse(const struct command *command, char *const *argv, struct args *ret,
	       struct err **err);
void args_finish(struct args *args);

/* The name has to be in the command's table. */
bool args_has(const struct args *args, const char *name);
/* The last value given, or NULL. */
const char *args_get(const struct args *args, const char *name);
/* All of them, a strv; NULL for none. */
char **args_all(const struct args *args, const char *name);
/* The i-th word, or NULL. */
const char *args_word(const struct args *args, size_t i);

/* A number of 0..max; unset: the default. */
int args_number(const struct args *args, const char *name, unsigned long max, unsigned long *value,
		struct err **err);
/* --format: whether it says json; anything but "table" or "json" is an error. */
int args_json(const struct args *args, bool *ret_json, struct err **err);

#endif
