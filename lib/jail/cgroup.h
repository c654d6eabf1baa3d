/* SPDX-License-Identifier: MIT */
/*
 * One control group per machine, for limits and accounting. Version 2 where it has the controllers,
 * else the separate hierarchies of version 1. Where neither can be written the group is empty:
 * `limited` is false, everything succeeds, and the machine runs without limits.
 *
 * Every file that a running monitor needs is opened at creation, so that it may give up its
 * privileges and its view of the file system afterwards. The group's removal needs write permission
 * on the parent folder (uid 0 without capabilities has it); whoever has not leaves an empty group,
 * which cgroup_prune, at the daemon's next start, removes.
 */
#ifndef ATOLL_CGROUP_H
#define ATOLL_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define CGROUP_PARENT "atoll" /* all our groups are below this one */

struct cgroup;

struct cgroup_limits {
	uint64_t memory; /* bytes, without swap; 0: no limit */
	uint64_t pids;   /* 0: no limit */
};

/*
 * name: what it is for ("office.web"); the group's own name has our pid and a number behind it, for
 * daemons of several state folders may have machines of that name. A bad name is an error.
 */
int cgroup_create(const char *name, const struct cgroup_limits *limits, struct cgroup **ret_cgroup,
		  struct err **err);
bool cgroup_limited(const struct cgroup *cg); /* memory and process limits are in force */
/* Version 2: the folder's descriptor for process_spawn; else -1, and the child is to cgroup_enter. */
int cgroup_fd(const struct cgroup *cg);
int cgroup_add(struct cgroup *cg, pid_t pid, struct err **err);
/*
 * Puts the calling process in, which must have one thread. A forked child does this before its
 * execve rather than its parent cgroup_add: in version 1 a process that moves another one waits for
 * an RCU grace period, some ten milliseconds, and one that moves itself does not.
 */
int cgroup_enter(struct cgroup *cg, struct err **err);
/* Bytes and nanoseconds; -ENODATA when nobody counts (see cgroup_limited). */
int cgroup_usage(struct cgroup *cg, uint64_t *ret_memory, uint64_t *ret_cpu);
/* SIGKILL to all its processes. */
void cgroup_kill(struct cgroup *cg);
/* Removes the group (its processes must be gone) and frees it; accepts NULL. */
void cgroup_destroy(struct cgroup *cg);
/* Removes every group of ours that has no processes and was not made within the last minute. */
void cgroup_prune(void);

#endif
