/* SPDX-License-Identifier: MIT */
/*
 * The event loop: epoll with descriptors, timers, signals and deferred calls. One per process.
 *
 * One small loop serves the daemon, the monitor and the static guest programs alike; a monitor is
 * resident once per machine, which is why it does not load libsystemd for this.
 *
 * Ownership: a source belongs to whoever added it and ends at source_remove, which is allowed
 * anywhere, its own callback included. The loop frees nothing that it did not make: descriptors
 * stay the caller's.
 */
#ifndef ATOLL_LOOP_H
#define ATOLL_LOOP_H

#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct source;

/* events: what epoll reported (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR). */
typedef void (*loop_fd_fn)(int fd, uint32_t events, void *data);
typedef void (*loop_fn)(void *data);
typedef void (*loop_signal_fn)(int signo, void *data);

/* SIGPIPE is ignored from then on: a peer that went is an error of a write, not our end. */
struct loop *loop_create(void);
void loop_destroy(struct loop *loop); /* accepts NULL; sources that are left are freed */

/*
 * For a process with threads: the loop holds the lock whenever it does not wait, and whoever else holds
 * it may use the loop and its sources. The loop's thread takes the lock before loop_run.
 */
void loop_set_lock(struct loop *loop, void (*lock)(void *data), void (*unlock)(void *data),
		   void *data);

/* Runs until loop_quit; returns its code. */
int loop_run(struct loop *loop);
void loop_quit(struct loop *loop, int code);
/* One round: waits at most timeout_ms (-1: for ever), dispatches; 0 or -errno. For tests and
 * embedding. */
int loop_step(struct loop *loop, int timeout_ms);

struct source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *data);
/* Sets what an fd source waits for; 0 waits for nothing (not even a hang-up). */
void source_set_events(struct source *s, uint32_t events);

/* A timer, not running yet. */
struct source *loop_add_timer(struct loop *loop, loop_fn fn, void *data);
/* Fires once after ms milliseconds (at least one), instead of when it would have; -1 stops it. */
void source_arm(struct source *s, int64_t ms);

/* Blocks the signal for the process and delivers it here. Children must unblock (see
 * loop_child_reset). */
struct source *loop_add_signal(struct loop *loop, int signo, loop_signal_fn fn, void *data);
/* In a forked child: the signal mask and dispositions as a new program expects them. */
void loop_child_reset(void);

/* Calls fn once, after what is being dispatched now. The source frees itself then. */
struct source *loop_defer(struct loop *loop, loop_fn fn, void *data);

void source_remove(struct source *s); /* accepts NULL */

static inline void source_cleanup_ptr(struct source **s)
{
	source_remove(*s);
	*s = 0;
}
#define source_clear(s) source_cleanup_ptr(&(s))

/* CLOCK_MONOTONIC in milliseconds and nanoseconds. */
int64_t clock_ms(void);
int64_t clock_ns(void);

#endif
