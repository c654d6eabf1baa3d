/* SPDX-License-Identifier: MIT */
/*
 * A command in a machine, joined to this terminal: exec frames (abi_wire.h) over the descriptor that
 * the daemon passed.
 */
#ifndef ATOLL_SESSION_H
#define ATOLL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

#define SESSION_NOT_FOUND 127
#define SESSION_REFUSED   126
#define SESSION_FAILED    125

/*
 * Carries input, output, window size and signals until the command ends; its exit status, or
 * SESSION_FAILED with the error. With tty, the terminal is in raw mode meanwhile and as before after.
 */
int session_run(int fd, bool tty, struct err **err);
/* Rows and columns of this terminal; zero when there is none. */
void session_window(uint16_t *ret_rows, uint16_t *ret_columns);

#endif
