/* SPDX-License-Identifier: MIT */
/*
 * pair: times two commands in turn, A B A B …, and prints the medians and the median of the ratios, so
 * that a machine whose speed drifts slows both alike.
 *
 *	pair [-n RUNS] [-m MARKER] [-a FILE] [-b FILE] [-M NAMESPACE] -- A… -- B…
 *
 * Without -m a run's time is from before fork to the command's end. With -m it is until MARKER
 * appears in the command's standard output (or in FILE, emptied before each run); when a number of
 * nanoseconds follows the marker on its line, that is the CLOCK_MONOTONIC of the event. The command is
 * then ended. B runs in the mount namespace that -M names.
 *
 * Prints: RATIO MEDIAN_A MEDIAN_B (milliseconds)
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define MAX_RUNS   1000
#define MAX_OUTPUT (4 << 20)
#define LIMIT_NS   INT64_C(120000000000)

struct side {
	char **argv;
	const char *file;      /* where the marker appears; NULL: standard output */
	const char *namespace; /* of its mounts; NULL: ours */
	double ms[MAX_RUNS];
};

static const char *marker;

static void enter(const char *namespace)
{
	cleanup_fd int fd = open(namespace, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
		die("%s: %m", namespace);
}

static pid_t spawn(const struct side *side, int out)
{
	pid_t pid = fork();
	int null;

	if (pid < 0)
		die("fork: %m");
	if (pid > 0)
		return pid;
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (!getenv("PAIR_VERBOSE"))
		dup2(null, STDERR_FILENO);
	if (side->namespace)
		enter(side->namespace);
	execvp(side->argv[0], side->argv);
	_exit(127);
}

/* The marker's time: the number behind it, or now. 0 when it, or all of its line, is not there yet. */
static int64_t find_marker(struct buf *text)
{
	const char *hit, *end;
	long long stamp;

	buf_append(text, "", 1);
	text->len--;
	hit = strstr((const char *)buf_bytes(text), marker);
	if (!hit)
		return 0;
	end = strchr(hit, '\n');
	if (sscanf(hit + strlen(marker), " %lld", &stamp) == 1)
		return end ? stamp : 0;
	return clock_ns();
}

static bool ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid;
}

static int64_t await_marker(const struct side *side, pid_t pid, int out)
{
	cleanup_buf struct buf text = BUF_INIT;
	const struct timespec nap = { .tv_nsec = 100000 };
	int64_t limit = clock_ns() + LIMIT_NS, when;

	while (clock_ns() < limit) {
		bool last = ended(pid);
		ssize_t n;

		if (side->file) {
			buf_clear(&text);
			file_read(side->file, MAX_OUTPUT, &text, NULL);
		} else {
			while ((n = read(out, buf_reserve(&text, 65536), 65536)) > 0)
				buf_commit(&text, (size_t)n);
		}
		when = find_marker(&text);
		if (when)
			return when;
		if (last)
			break;
		nanosleep(&nap, NULL);
	}
	die("%s: \"%s\" did not appear", side->argv[0], marker);
}

static double run(const struct side *side)
{
	int64_t start, end = 0;
	int pipes[2], status;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		die("pipe2: %m");
	fd_set_nonblock(pipes[0], true);
	if (side->file && truncate(side->file, 0) < 0 && errno != ENOENT)
		die("%s: %m", side->file);
	start = clock_ns();
	pid = spawn(side, pipes[1]);
	close(pipes[1]);
	if (marker) {
		end = await_marker(side, pid, pipes[0]);
		kill(pid, SIGTERM);
	}
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid: %m");
	if (!marker) {
		end = clock_ns();
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			die("%s ended with status %#x", side->argv[0], (unsigned int)status);
	}
	close(pipes[0]);
	return (double)(end - start) / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Cuts argv at the next "--"; returns what is behind it. */
static char **cut(char **argv)
{
	for (; *argv; argv++) {
		if (str_eq(*argv, "--")) {
			*argv = NULL;
			return argv + 1;
		}
	}
	die("usage: pair [-n RUNS] [-m MARKER] [-a FILE] [-b FILE] [-M NAMESPACE] -- A… -- B…");
}

int main(int argc, char **argv)
{
	static struct side a, b;
	static double ratios[MAX_RUNS];
	uint64_t n = 21;
	int option;

	log_init("pair", LOG_LEVEL_INFO);
	a.argv = cut(argv);
	b.argv = cut(a.argv);
	for (argc = 0; argv[argc]; argc++)
		;
	while ((option = getopt(argc, argv, "n:m:a:b:M:")) != -1) {
		if (option == 'n' && (str_to_u64(optarg, MAX_RUNS, &n) < 0 || n < 1))
			die("-n takes 1 to %d", MAX_RUNS);
		if (option == 'm')
			marker = optarg;
		if (option == 'a')
			a.file = optarg;
		if (option == 'b')
			b.file = optarg;
		if (option == 'M')
			b.namespace = optarg;
	}
	run(&a); /* warm both */
	run(&b);
	for (uint64_t i = 0; i < n; i++) {
		a.ms[i] = run(&a);
		b.ms[i] = run(&b);
		ratios[i] = a.ms[i] / b.ms[i];
	}
	printf("%.2f %.2f %.2f\n", median(ratios, n), median(a.ms, n), median(b.ms, n));
	return 0;
}
