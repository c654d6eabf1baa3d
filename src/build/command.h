/* SPDX-License-Identifier: MIT */
/* Runs another program to its end, without a shell. */
#ifndef ATOLL_BUILD_COMMAND_H
#define ATOLL_BUILD_COMMAND_H

#include "buf.h"
#include "err.h"

/*
 * Runs argv (found in PATH) with no standard input, in the C locale. What it writes to standard
 * output and error is appended to out and errors, up to 1 MiB each; the rest is read and dropped.
 * The child does not outlive us. *ret_status is its exit code, 128 + n after signal n; the error is
 * for a program that could not be run at all, and says which package has it.
 */
int command_run(const char *const *argv, const char *package, struct buf *out, struct buf *errors,
		int *ret_status, struct err **err);

/* The last line of what a program said, for an error message; the caller frees. */
char *command_last_line(const struct buf *errors);

#endif
