/* SPDX-License-Identifier: MIT */
/* A machine's life, seen from the daemon: starting its monitor, following it, ending it. */
#ifndef ATOLL_MACHINE_H
#define ATOLL_MACHINE_H

#include "model.h"

/*
 * Starts a monitor for the machine as `config` says, which it takes over. The ledger and the file
 * DIR/config are written before. Returns 0 when the monitor was started: life is STARTING, what
 * follows is told by daemon_machine_changed. EBUSY when a monitor still owns the folder. secrets: what
 * secrets_open gave; the caller keeps it.
 */
int machine_start(struct machine *m, struct machine_config *config, int secrets, struct err **err);

/* Asks for the end, with so many milliseconds for an orderly one; 0: now. Nothing when it is not
 * alive. */
void machine_stop(struct machine *m, int64_t grace_ms);

/* A machine that an earlier daemon left: connects to its monitor, or finds out how it ended. */
void machine_adopt(struct machine *m);

/* Whether a process holds DIR/lock: its monitor lives. */
bool machine_locked(const struct machine *m);
/* That monitor's process id as it wrote it down, or "unknown"; the caller frees. */
char *machine_lock_owner(const struct machine *m);

/* The last lines of a text file of its folder, joined by " | "; NULL when there are none. */
char *machine_last_lines(const struct machine *m, const char *file, unsigned int lines);

#endif
