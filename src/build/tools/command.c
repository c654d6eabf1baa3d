/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"

#define OUTPUT_MAX   (1 << 20)
#define EXIT_NO_EXEC 127

static void run_child(const struct command *c, int out, int errors, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);

	loop_child_reset();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(EXIT_NO_EXEC);
	if (dup2(c->in ? c->in : null, 0) < 0 || dup2(out, 1) < 0 ||
	    dup2(errors >= 0 ? errors : null, 2) < 0)
		_exit(EXIT_NO_EXEC);
	if (c->dir && chdir(c->dir) < 0)
		_exit(EXIT_NO_EXEC);
	setenv("LC_ALL", "C", 1);
	for (const char *const *e = c->env; e && *e; e += 2)
		setenv(e[0], e[1], 1);
	execvp(c->argv[0], (char *const *)(uintptr_t)c->argv);
	_exit(EXIT_NO_EXEC);
}

/* Closes both ends of a pipe that it made room for. */
static void close_pipe(int fds[2])
{
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* Reads what is there; false at the end. */
static bool drain(int fd, struct buf *out)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (n > 0 && out && out->len < OUTPUT_MAX)
		buf_append(out, chunk, (size_t)n);
	return n > 0;
}

static void tell(const struct command *c, struct buf *out)
{
	if (!c->heard || !out->len)
		return;
	c->heard((const char *)buf_bytes(out), out->len, c->data);
	buf_clear(out);
}

static void read_both(const struct command *c, int out_fd, int err_fd, struct buf *out,
		      struct buf *errors)
{
	struct pollfd fds[] = { { .fd = out_fd, .events = POLLIN },
				{ .fd = err_fd, .events = POLLIN } };
	struct buf *bufs[] = { out, errors };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		for (size_t i = 0; i < 2; i++)
			if (fds[i].fd >= 0 && fds[i].revents && !drain(fds[i].fd, bufs[i]))
				fds[i].fd = -1;
		tell(c, out);
	}
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_NO_EXEC;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int not_there(const struct command *c, struct err **err)
{
	return err_set(err, ENOENT, "%s: cannot run it; install the package %s", c->argv[0],
		       c->package);
}

int command_run(const struct command *c, struct buf *out, struct buf *errors, int *ret_status,
		struct err **err)
{
	int out_pipe[2] = { -1, -1 }, err_pipe[2] = { -1, -1 };
	pid_t parent = getpid(), pid = -1;
	int status, code;

	if (pipe2(out_pipe, O_CLOEXEC) == 0 && pipe2(err_pipe, O_CLOEXEC) == 0)
		pid = fork();
	code = errno;
	if (pid == 0)
		run_child(c, out_pipe[1], err_pipe[1], parent);
	fd_close(&out_pipe[1]);
	fd_close(&err_pipe[1]);
	if (pid > 0)
		read_both(c, out_pipe[0], err_pipe[0], out, errors);
	close_pipe(out_pipe);
	close_pipe(err_pipe);
	if (pid < 0)
		return err_set_errno(err, code, "%s: cannot start it", c->argv[0]);
	status = wait_for(pid);
	if (status == EXIT_NO_EXEC)
		return not_there(c, err);
	*ret_status = status;
	return 0;
}

int command_start(const struct command *c, pid_t *ret_pid, int *ret_out, struct err **err)
{
	int out[2] = { -1, -1 };
	pid_t parent = getpid(), pid = -1;
	int code;

	if (pipe2(out, O_CLOEXEC) == 0)
		pid = fork();
	code = errno;
	if (pid == 0)
		run_child(c, out[1], -1, parent);
	fd_close(&out[1]);
	if (pid < 0) {
		fd_close(&out[0]);
		return err_set_errno(err, code, "%s: cannot start it", c->argv[0]);
	}
	*ret_pid = pid;
	*ret_out = out[0];
	return 0;
}

void command_stop(pid_t pid)
{
	kill(pid, SIGTERM);
	wait_for(pid);
}

char *command_last_line(const struct buf *errors)
{
	const char *text = (const char *)buf_bytes(errors);
	size_t end = errors->len, start;

	while (end && (text[end - 1] == '\n' || text[end - 1] == '\r'))
		end--;
	for (start = end; start && text[start - 1] != '\n'; start--)
		;
	return end > start ? xstrndup(text + start, end - start) : xstrdup("no message");
}
