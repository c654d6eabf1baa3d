/* SPDX-License-Identifier: MIT */
/* Runs other programs, without a shell. None of them outlives us. */
#ifndef ATOLL_BUILD_COMMAND_H
#define ATOLL_BUILD_COMMAND_H

#include <sys/types.h>

#include "buf.h"
#include "err.h"

struct command {
	const char *const *argv; /* argv[0] is found in PATH */
	const char *package;     /* that has it, for the error when it is not there */
	const char *const *env;  /* name, value, …, NULL: added to ours; or NULL */
	const char *dir;         /* its working folder; NULL: ours */
	int in;                  /* its standard input; 0: nothing to read */
	/* Told of what it writes to standard output, which `out` then does not get; or NULL. */
	void (*heard)(const char *chunk, size_t len, void *data);
	void *data;
};

/*
 * Runs it to its end, in the C locale. What it writes to standard output and error is appended to
 * out and errors, up to 1 MiB each; the rest is read and dropped. *ret_status is its exit code,
 * 128 + n after signal n; the error is for a program that could not be run at all.
 */
int command_run(const struct command *c, struct buf *out, struct buf *errors, int *ret_status,
		struct err **err);

/* Starts it; *ret_out is the read end of its standard output. End it with command_stop. */
int command_start(const struct command *c, pid_t *ret_pid, int *ret_out, struct err **err);
/* Ends what command_start started (SIGTERM) and waits for it. */
void command_stop(pid_t pid);

/* The last line of what a program said, for an error message; the caller frees. */
char *command_last_line(const struct buf *errors);

#endif
