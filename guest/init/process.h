/* SPDX-License-Identifier: MIT */
/*
 * Processes: starting them, and reaping all that end, as PID 1 must. The children that it was told
 * to watch report their end.
 */
#ifndef ATOLL_PROCESS_H
#define ATOLL_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "err.h"
#include "loop.h"
#include "passwd.h"

#define PROCESS_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct process_spec {
	char *const *argv; /* at least one; found through PATH of env */
	char *const *env;  /* all of it */
	const struct user *user;
	const char *workdir; /* NULL: / */
	int stdio[3];        /* of the caller, who keeps them */
	bool tty;            /* stdio[0] is a terminal: it becomes the controlling one */
};

/* code: the exit code, or 128+N for signal N. */
typedef void (*process_end_fn)(int code, void *data);

/* Reaps from now on; `idle` is called whenever no process but this one is left. */
void process_init(struct loop *loop, void (*idle)(void *data), void *data);

/*
 * No process that is started from now on has or gets this capability. (The bounding set, of which
 * root has all when a program is executed; a machine's programs never inherit any.)
 */
void process_withhold(int capability);

/*
 * Starts a process in a session and group of its own, once its program was executed. fn is called
 * at its end. Errors that the new process met on its way are returned here: -ENOENT only for a
 * program that is not found, -EACCES for one that may not be run.
 */
int process_spawn(const struct process_spec *spec, process_end_fn fn, void *data, pid_t *ret_pid,
		  struct err **err);

/* Whether any process but this one is left. */
bool process_any(void);

/*
 * An environment: PATH and HOME by default, then the variables of `base`, then those of `more`; the
 * later of two with the same name stays. The caller frees (strv_free).
 */
char **process_env(const struct user *user, char *const *base, char *const *more);

#endif
