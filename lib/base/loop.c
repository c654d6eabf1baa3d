/* SPDX-License-Identifier: MIT */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * A descriptor is in the epoll set as long as its source waits for something. Timers are a plain
 * list, searched for the next one to expire: a process has tens, not thousands. A source that is
 * removed is only marked, taken out of epoll at once, and freed at the end of the round, since the
 * round's event array may still point at it.
 */

enum source_kind {
	SOURCE_FD,
	SOURCE_TIMER,
	SOURCE_SIGNAL,
	SOURCE_DEFER,
};

struct source {
	struct loop *loop;
	struct source *prev, *next; /* in loop->sources; owned by the loop until removed */
	enum source_kind kind;
	bool dead;
	int fd; /* SOURCE_FD: the caller's; SOURCE_SIGNAL: ours */
	uint32_t events;
	int64_t deadline; /* SOURCE_TIMER: clock_ms; -1: stopped */
	int signo;
	loop_fd_fn fd_fn;
	loop_fn fn;
	loop_signal_fn signal_fn;
	void *data;
};

struct loop {
	int epoll;
	bool quit;
	int code;
	bool has_dead;
	unsigned int n_deferred;
	struct source sources; /* list head */
	/* With threads (loop_set_lock); all above is guarded by it */
	void (*lock)(void *data);
	void (*unlock)(void *data);
	void *lock_data;
	bool waiting; /* the loop's thread is in epoll_wait, or on its way there */
	int wake;     /* eventfd in the epoll set that ends a wait */
};

#define ROUND_EVENTS 32

int64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_ms(void)
{
	return clock_ns() / 1000000;
}

struct loop *loop_create(void)
{
	struct loop *loop = xcalloc(1, sizeof(*loop));

	loop->wake = -1;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		die("epoll_create1: %m");
	signal(SIGPIPE, SIG_IGN);
	loop->sources.next = loop->sources.prev = &loop->sources;
	return loop;
}

static void free_source(struct source *s)
{
	s->prev->next = s->next;
	s->next->prev = s->prev;
	if (s->kind == SOURCE_SIGNAL && s->fd >= 0)
		close(s->fd);
	free(s);
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->sources.next != &loop->sources)
		free_source(loop->sources.next);
	close(loop->epoll);
	fd_close(&loop->wake);
	free(loop);
}

void loop_set_lock(struct loop *loop, void (*lock)(void *data), void (*unlock)(void *data),
		   void *data)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };

	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &ev) < 0)
		die("eventfd: %m");
	loop->lock = lock;
	loop->unlock = unlock;
	loop->lock_data = data;
}

/* Another thread changed how long the loop has to wait. */
static void wake(struct loop *loop)
{
	const uint64_t one = 1;

	if (!loop->waiting)
		return;
	loop->waiting = false; /* once is enough */
	if (write(loop->wake, &one, sizeof(one)) < 0)
		log_debug("loop: wake: %m");
}

static struct source *add(struct loop *loop, enum source_kind kind, void *data)
{
	struct source *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->kind = kind;
	s->fd = -1;
	s->deadline = -1;
	s->data = data;
	s->prev = loop->sources.prev;
	s->next = &loop->sources;
	s->prev->next = s;
	s->next->prev = s;
	return s;
}

void source_set_events(struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };
	int op = !s->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (s->events == events)
		return;
	s->events = events;
	if (epoll_ctl(s->loop->epoll, op, s->fd, &ev) < 0)
		log_debug("epoll_ctl(%d): %m", s->fd);
}

struct source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *data)
{
	struct source *s = add(loop, SOURCE_FD, data);

	s->fd = fd;
	s->fd_fn = fn;
	source_set_events(s, events);
	return s;
}

struct source *loop_add_timer(struct loop *loop, loop_fn fn, void *data)
{
	struct source *s = add(loop, SOURCE_TIMER, data);

	s->fn = fn;
	return s;
}

void source_arm(struct source *s, int64_t ms)
{
	s->deadline = ms < 0 ? -1 : clock_ms() + (ms ? ms : 1);
	wake(s->loop);
}

struct source *loop_add_signal(struct loop *loop, int signo, loop_signal_fn fn, void *data)
{
	struct source *s = add(loop, SOURCE_SIGNAL, data);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	s->signo = signo;
	s->signal_fn = fn;
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0)
		die("signalfd: %m");
	source_set_events(s, EPOLLIN);
	return s;
}

void loop_child_reset(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

struct source *loop_defer(struct loop *loop, loop_fn fn, void *data)
{
	struct source *s = add(loop, SOURCE_DEFER, data);

	s->fn = fn;
	loop->n_deferred++;
	wake(loop);
	return s;
}

void source_remove(struct source *s)
{
	if (!s || s->dead)
		return;
	if (s->fd >= 0)
		source_set_events(s, 0);
	if (s->kind == SOURCE_DEFER)
		s->loop->n_deferred--;
	s->dead = true;
	s->loop->has_dead = true;
}

static int next_timeout(const struct loop *loop, int timeout_ms)
{
	int64_t best = timeout_ms, now = clock_ms();

	if (loop->n_deferred)
		return 0;
	for (const struct source *s = loop->sources.next; s != &loop->sources; s = s->next) {
		int64_t left = s->deadline - now;

		if (s->dead || s->deadline < 0)
			continue;
		left = left < 0 ? 0 : left > 3600000 ? 3600000 : left;
		if (best < 0 || left < best)
			best = left;
	}
	return (int)best;
}

static void dispatch_fd(struct source *s, uint32_t events)
{
	struct signalfd_siginfo info;

	if (s->kind == SOURCE_FD) {
		s->fd_fn(s->fd, events, s->data);
		return;
	}
	while (!s->dead && read(s->fd, &info, sizeof(info)) == sizeof(info))
		s->signal_fn(s->signo, s->data);
}

/* Timers that are due and deferred calls. What these add waits for the next round: last is the end
 * now. */
static void dispatch_others(struct loop *loop)
{
	struct source *last = loop->sources.prev;
	int64_t now = clock_ms();

	for (struct source *s = loop->sources.next; s != &loop->sources; s = s->next) {
		if (!s->dead && s->kind == SOURCE_TIMER && s->deadline >= 0 && s->deadline <= now) {
			s->deadline = -1;
			s->fn(s->data);
		} else if (!s->dead && s->kind == SOURCE_DEFER) {
			source_remove(s);
			s->fn(s->data);
		}
		if (s == last)
			break;
	}
}

static void free_dead(struct loop *loop)
{
	struct source *next;

	if (!loop->has_dead)
		return;
	loop->has_dead = false;
	for (struct source *s = loop->sources.next; s != &loop->sources; s = next) {
		next = s->next;
		if (s->dead)
			free_source(s);
	}
}

/*
 * epoll_wait, without the lock if there is one. As epoll_pwait, for it is the same system call with every
 * C library: jails list it.
 */
static int wait_events(struct loop *loop, struct epoll_event *events, int timeout_ms)
{
	int n, saved;

	if (!loop->lock)
		return epoll_pwait(loop->epoll, events, ROUND_EVENTS, timeout_ms, NULL);
	loop->waiting = true;
	loop->unlock(loop->lock_data);
	n = epoll_pwait(loop->epoll, events, ROUND_EVENTS, timeout_ms, NULL);
	saved = errno;
	loop->lock(loop->lock_data);
	loop->waiting = false;
	errno = saved;
	return n;
}

static void clear_wake(struct loop *loop)
{
	uint64_t n;

	if (read(loop->wake, &n, sizeof(n)) < 0)
		log_debug("loop: wake: %m");
}

int loop_step(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[ROUND_EVENTS];
	int n;

	free_dead(loop);
	n = wait_events(loop, events, next_timeout(loop, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n; i++) {
		struct source *s = events[i].data.ptr;

		if (!s)
			clear_wake(loop);
		else if (!s->dead)
			dispatch_fd(s, events[i].events);
	}
	dispatch_others(loop);
	free_dead(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->quit) {
		int r = loop_step(loop, -1);

		if (r < 0)
			die("event loop: %s", strerror(-r));
	}
	return loop->code;
}

void loop_quit(struct loop *loop, int code)
{
	loop->quit = true;
	loop->code = code;
	wake(loop);
}
