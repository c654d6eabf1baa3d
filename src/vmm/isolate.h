/* SPDX-License-Identifier: MIT */
/*
 * The jail, in three stages: a process of its own (launch), nothing of the host in reach (isolate), and
 * hardly a system call left (seal). Each stage comes as soon as it can: files are open before the first,
 * the virtual machine is made before the second, its threads before the third.
 */
#ifndef VMM_ISOLATE_H
#define VMM_ISOLATE_H

#include "err.h"
#include "options.h"

/*
 * From here on, SIGTERM and SIGINT wait for the machine's loop, or for the launcher: they end it in order
 * however early they come.
 */
void isolate_hold_signals(void);

/*
 * Runs fn in a child in new namespaces and in options->cgroup, waits for it, passes SIGTERM on, and returns
 * its exit status (137 when it was killed). With options->jailed or no_jail: just fn's result.
 */
int isolate_launch(const struct options *options, int (*fn)(void *data), void *data);

/* An empty root, an own user, no capability, no new privileges, small limits: the whole process. */
int isolate_process(const struct options *options, struct err **err);

/* The system call filters of the two kinds of threads; 0 or -errno. */
int isolate_main_thread(const struct options *options);
int isolate_vcpu_thread(const struct options *options);

#endif
