/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "loop.h"
#include "mem.h"

struct rig {
	struct loop *loop;
	int pipe[2];
	struct source *a, *b;
	int calls, other;
	uint32_t events;
	int signo;
};

static int setup(void **state)
{
	struct rig *t = xcalloc(1, sizeof(*t));

	t->loop = loop_create();
	assert_int_equal(pipe2(t->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct rig *t = *state;

	loop_destroy(t->loop);
	close(t->pipe[0]);
	if (t->pipe[1] >= 0)
		close(t->pipe[1]);
	free(t);
	return 0;
}

static void handle_fd(int fd, uint32_t events, void *data)
{
	struct rig *t = data;
	char byte;

	t->calls++;
	t->events = events;
	if (events & EPOLLIN)
		assert_int_equal(read(fd, &byte, 1), 1);
}

static void count(void *data)
{
	struct rig *t = data;

	t->calls++;
}

static void test_descriptor(void **state)
{
	struct rig *t = *state;

	t->a = loop_add_fd(t->loop, t->pipe[0], EPOLLIN, handle_fd, t);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 0);
	assert_int_equal(write(t->pipe[1], "xyz", 3), 3);
	loop_step(t->loop, -1);
	loop_step(t->loop, -1);
	assert_int_equal(t->calls, 2);
	source_set_events(t->a, 0);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 2);
	source_set_events(t->a, EPOLLIN);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 3);
	/* Waiting for nothing means nothing, a hang-up included. */
	source_set_events(t->a, 0);
	close(t->pipe[1]);
	t->pipe[1] = -1;
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 3);
	source_set_events(t->a, EPOLLIN);
	loop_step(t->loop, 0);
	assert_int_equal(t->events, EPOLLHUP);
	source_remove(t->a);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 4);
}

static void test_timer(void **state)
{
	struct rig *t = *state;
	int64_t start = clock_ms();

	t->a = loop_add_timer(t->loop, count, t);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 0);
	source_arm(t->a, 10);
	while (!t->calls)
		loop_step(t->loop, -1);
	assert_in_range(clock_ms() - start, 10, 500);
	loop_step(t->loop, 20);
	assert_int_equal(t->calls, 1); /* once */
	source_arm(t->a, 1);
	source_arm(t->a, -1);
	loop_step(t->loop, 5);
	assert_int_equal(t->calls, 1);
}

static void again(void *data)
{
	struct rig *t = data;

	if (t->calls++ == 0)
		loop_defer(t->loop, again, t);
}

static void test_deferred(void **state)
{
	struct rig *t = *state;
	struct source *cancelled = loop_defer(t->loop, count, t);

	source_remove(cancelled);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 0);
	loop_defer(t->loop, again, t);
	/* Does not wait although it might, and what it adds is for the next round. */
	loop_step(t->loop, -1);
	assert_int_equal(t->calls, 1);
	loop_step(t->loop, -1);
	assert_int_equal(t->calls, 2);
}

static void remove_both(int fd, uint32_t events, void *data)
{
	struct rig *t = data;

	(void)fd;
	(void)events;
	t->calls++;
	source_clear(t->a);
	source_clear(t->b);
}

/* Two sources are ready in one round; the first removes both: the second must not be called. */
static void test_removed_in_the_same_round(void **state)
{
	struct rig *t = *state;
	int copy = dup(t->pipe[0]);

	assert_int_equal(write(t->pipe[1], "x", 1), 1);
	t->a = loop_add_fd(t->loop, t->pipe[0], EPOLLIN, remove_both, t);
	t->b = loop_add_fd(t->loop, copy, EPOLLIN, remove_both, t);
	loop_step(t->loop, 0);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 1);
	close(copy);
}

static void handle_signal(int signo, void *data)
{
	struct rig *t = data;

	t->calls++;
	t->signo = signo;
}

static void test_signal(void **state)
{
	struct rig *t = *state;

	t->a = loop_add_signal(t->loop, SIGUSR1, handle_signal, t);
	raise(SIGUSR1);
	loop_step(t->loop, 0);
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->signo, SIGUSR1);
}

/* A child is not to inherit what the loop did to signals. */
static void test_child_reset(void **state)
{
	struct rig *t = *state;
	int status;
	pid_t pid;

	loop_add_signal(t->loop, SIGUSR2, handle_signal, t);
	pid = fork();
	if (pid == 0) {
		sigset_t mask;

		loop_child_reset();
		sigprocmask(SIG_BLOCK, NULL, &mask);
		_exit(sigismember(&mask, SIGUSR2) || signal(SIGPIPE, SIG_DFL) != SIG_DFL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_broken_pipe_is_an_error(void **state)
{
	struct rig *t = *state;
	int fds[2];

	(void)t;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fds[1]);
}

static void quit(void *data)
{
	struct rig *t = data;

	loop_quit(t->loop, 42);
}

static void test_run_and_quit(void **state)
{
	struct rig *t = *state;

	t->a = loop_add_timer(t->loop, quit, t);
	source_arm(t->a, 1);
	assert_int_equal(loop_run(t->loop), 42);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(descriptor),
		T(timer),
		T(deferred),
		T(removed_in_the_same_round),
		T(signal),
		T(child_reset),
		T(broken_pipe_is_an_error),
		T(run_and_quit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
