/* SPDX-License-Identifier: MIT */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "paths.h"

#define START_MS 10000
#define LOG_MAX  (1 << 20)

/* The log goes on where it was, and starts anew when it got long. */
static int open_log(const char *path, struct err **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	if (fstat(fd, &st) == 0 && st.st_size > LOG_MAX && ftruncate(fd, 0) < 0)
		return err_set_errno(err, errno, "%s", path);
	return fd;
}

static char *last_line(const char *path)
{
	char text[1024], *line;
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n;

	if (end <= 0)
		return xstrdup("");
	n = pread(fd, text, sizeof(text) - 1, end > 1023 ? end - 1023 : 0);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	text[n > 0 ? n : 0] = '\0';
	line = strrchr(text, '\n');
	return xstrdup(line ? line + 1 : text);
}

/* The daemon does not stay in our folder, so what is relative to it is made absolute. */
static void make_root_absolute(void)
{
	cleanup_free char *path = realpath(paths_state(), NULL);

	if (path && getenv("ATOLL_ROOT"))
		setenv("ATOLL_ROOT", path, 1);
}

static void exec_daemon(const char *program, int log)
{
	int null = open("/dev/null", O_RDWR);

	loop_child_reset();
	make_root_absolute();
	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || chdir("/") < 0)
		_exit(125);
	/* Nothing that this terminal's shell had open stays open for the daemon's life. */
	close_range(3, ~0U, 0);
	execl(program, "atolld", "--foreground", (char *)NULL);
	dprintf(2, "%s: %s\n", program, strerror(errno));
	_exit(125);
}

/* Another daemon has the state folder, or is about to listen there: ours ended because of it. */
static bool is_taken(void)
{
	cleanup_free char *path = paths_in_state("atolld.lock");
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static int wait_for_socket(pid_t pid, const char *socket, const char *log, int *ret_fd,
			   struct err **err)
{
	const struct timespec pause = { 0, 2000000 };
	int64_t deadline = clock_ms() + START_MS;
	cleanup_free char *line = NULL;
	bool dead = false;
	int status;

	for (;;) {
		/* A daemon that another command started at the same time is as good. */
		dead = dead || waitpid(pid, &status, WNOHANG) == pid;
		if (unix_connect(socket, SOCK_STREAM, ret_fd, NULL) == 0)
			return 0;
		if ((dead && !is_taken()) || clock_ms() > deadline)
			break;
		nanosleep(&pause, NULL);
	}
	line = last_line(log);
	if (clock_ms() > deadline)
		return err_set(err, ETIMEDOUT,
			       "the daemon did not answer within %d seconds; see %s",
			       START_MS / 1000, log);
	return err_set(err, ECONNREFUSED, "the daemon did not start: %s (see %s)",
		       *line ? line : "it said nothing", log);
}

int spawn_daemon(const char *socket, int *ret_fd, struct err **err)
{
	cleanup_free char *program = paths_program("atolld");
	cleanup_free char *log_path = paths_in_state("atolld.log");
	cleanup_fd int log = -1;
	pid_t pid;
	int r;

	if (access(program, X_OK) < 0)
		return err_set_errno(err, errno, "the daemon %s", program);
	r = dir_make(paths_state(), 0755, err);
	if (r < 0)
		return r;
	log = open_log(log_path, err);
	if (log < 0)
		return log;
	pid = fork();
	if (pid < 0)
		return err_set_errno(err, errno, "starting the daemon");
	if (pid == 0)
		exec_daemon(program, log);
	return wait_for_socket(pid, socket, log_path, ret_fd, err);
}
