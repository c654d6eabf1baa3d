/* SPDX-License-Identifier: MIT */
/*
 * A child process in new namespaces, with a channel on which it tells its parent exactly why it
 * could not become what it should.
 *
 *	parent                          child
 *	process_spawn ─────────────────▶ fn(channel, data, &err)
 *	process_send / fds  ◀──────────▶ process_recv …        as they agree
 *	process_await       ◀─────────── execve: the channel closes, await returns 0
 *	                    ◀─────────── fn returns an error: it is sent, await returns it
 */
#ifndef ATOLL_PROCESS_H
#define ATOLL_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

#define PROCESS_FD_MIN 16 /* the child's channel is at or above: it may dup2 to what is below */

struct process {
	pid_t pid;
	int pidfd;
	int channel; /* SOCK_SEQPACKET; closed by process_await */
};

#define PROCESS_INIT                                                                               \
	{                                                                                          \
		0, -1, -1                                                                          \
	}

/*
 * What the child does: ends in execve, or returns -errno with err set. Returning 0 ends the child
 * with exit code 0.
 */
typedef int (*process_fn)(int channel, void *data, struct err **err);

/*
 * flags: CLONE_NEW* (as the caller's privileges allow); cgroup: a cgroup v2 folder's descriptor that
 * the child is born into, or -1. The child has its parent's descriptors but the parent's channel
 * end, and default signal handling.
 */
int process_spawn(uint64_t flags, int cgroup, process_fn fn, void *data,
		  struct process *ret_process, struct err **err);

/* Waits until the child runs its program, or failed: then it is reaped and its error returned. */
int process_await(struct process *p, struct err **err);

/* One descriptor over a channel, either way; receiving gives -EPIPE when the other side ended. */
int process_send_fd(int channel, int fd);
/*
 * In the parent. When the child failed instead, its own error is in err, and process_await must
 * not be called; process_destroy reaps.
 */
int process_recv_fd(struct process *p, int *ret_fd, struct err **err);

/* A byte "go on", and its wait: for steps that one side must do before the other. */
int process_notify(int channel);
int process_wait_notify(int channel);

/* Kills the child and does not wait for its end, as process_destroy does. */
void process_kill(const struct process *p);

/* Kills the child if it lives, reaps it, closes what is open. Accepts one that never was. */
void process_destroy(struct process *p);

#endif
