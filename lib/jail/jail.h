/* SPDX-License-Identifier: MIT */
/*
 * A jail for our own processes on the host: the monitor itself, QEMU, passt. It is made of the other
 * files of this library, in the one order in which each step can still be taken.
 *
 *	jail_isolate   namespaces, a root of the listed binds, rlimits, uid and gid
 *	               (open what needs privileges or the host's view before)
 *	jail_seal      capabilities, no_new_privs, Landlock, system call filter
 *
 * For a program that is executed in the jail, both run in the forked child before execve: the
 * program, its interpreter and libraries must be among the binds, and CLONE_NEWPID belongs to
 * process_spawn's flags, because a process cannot change its own.
 */
#ifndef ATOLL_JAIL_H
#define ATOLL_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "caps.h"
#include "err.h"
#include "landlock.h"
#include "seccomp.h"

#define JAIL_BINDS_MAX 64
#define JAIL_KEEP_ID   ((uid_t)-1)

struct jail_bind {
	const char *path; /* on the host, a file or folder; it has the same path in the jail */
	bool writable;
	bool optional; /* skipped when it is not there */
	bool device;   /* device nodes in it work */
};

struct jail_rlimit {
	int resource;
	rlim_t value; /* soft and hard; less when the hard one was less */
};

struct jail_spec {
	uint64_t namespaces; /* CLONE_NEWNS, NEWNET, NEWIPC, NEWUTS, NEWCGROUP to unshare; a root
				needs NEWNS */
	/* The new root: a small read-only tmpfs with these in it; none: the root stays as it is … */
	const struct jail_bind *binds;
	size_t n_binds;
	bool empty_root; /* … or becomes an empty folder that nothing can be written to */
	bool proc;       /* an own /proc, of the current PID namespace */
	bool devices;    /* /dev with null, zero, full, random, urandom */
	const struct jail_rlimit *rlimits;
	size_t n_rlimits;
	uid_t uid; /* also the gid, no supplementary groups; JAIL_KEEP_ID */
	caps_set keep;
	bool no_exec;                      /* the process executes nothing: caps_drop_no_exec */
	const struct landlock_rule *rules; /* none: no Landlock */
	size_t n_rules;
	const struct seccomp_filter *filter; /* NULL: none */
};

int jail_isolate(const struct jail_spec *spec, struct err **err);
int jail_seal(const struct jail_spec *spec, struct err **err);
/* Both. */
int jail_enter(const struct jail_spec *spec, struct err **err);

#endif
