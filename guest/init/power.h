/* SPDX-License-Identifier: MIT */
/* The machine's end: its processes first, then itself. */
#ifndef ATOLL_POWER_H
#define ATOLL_POWER_H

#include "agent.h"

/*
 * SIGTERM to all processes, after `grace` milliseconds SIGKILL; when none is left the loop quits
 * with `status`.
 */
void power_down(struct agent *agent, int64_t grace, int status);
/* While that runs: at most `grace` milliseconds from now, and another status (-1: the same). */
void power_hurry(int64_t grace, int status);
/* For process_init: no process is left. */
void power_idle(void *data);

/* VM: switches it off, now. Does not come back. */
void power_off(void) __attribute__((noreturn));

#endif
