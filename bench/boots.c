/* SPDX-License-Identifier: MIT */
/*
 * boots: runs two commands in turn, A B A B …, each to its end, and stamps every line of their standard output when
 * its first byte comes.
 *
 *	boots [-n RUNS] [-r] -- A… -- B…
 *
 * Prints a line for each event, of the medians: EVENT A B RATIO LOW HIGH, the last two the quartiles of the ratios.
 * Events are the lines' first words, in ns since before the fork ("b NAME" begins a measurement and "e NAME …" ends
 * it: then NAME, in ns between both), and "end" (the command has ended and was waited for). With -r also what the
 * kernel counted for the command and its children: cpu (ns), faults, switches.
 *
 * A command that fails, or says "failed", ends it all.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define RUNS_MAX   200
#define EVENTS_MAX 40
#define LINE_SIZE  256

static struct event {
	char name[32];
	double value[2][RUNS_MAX];
} events[EVENTS_MAX];
static size_t n_events;

struct run {
	unsigned int side, number;
	int64_t start, begun; /* of the run; of the measurement under way */
	char line[LINE_SIZE];
	size_t len;
	int64_t line_ns;
};

static void keep(const struct run *run, const char *name, double value)
{
	size_t i = 0;

	while (i < n_events && !str_eq(events[i].name, name))
		i++;
	if (i == EVENTS_MAX)
		die("more than %d events", EVENTS_MAX);
	if (i == n_events)
		snprintf(events[n_events++].name, sizeof(events[i].name), "%s", name);
	if (events[i].value[run->side][run->number] == 0)
		events[i].value[run->side][run->number] = value;
}

static void handle_line(struct run *run)
{
	char name[32];

	run->line[run->len] = 0;
	if (strstr(run->line, "failed") || strstr(run->line, "panic"))
		die("side %c: %s", 'A' + run->side, run->line);
	if (getenv("BOOTS_VERBOSE"))
		fprintf(stderr, "%c %12.3f %s\n", 'A' + run->side,
			(double)(run->line_ns - run->start) / 1e6, run->line);
	if (sscanf(run->line, "b %31s", name) == 1)
		run->begun =
			clock_ns(); /* its whole line is there: what follows is the measurement */
	else if (sscanf(run->line, "e %31s", name) == 1)
		keep(run, name, (double)(run->line_ns - run->begun));
	else if (sscanf(run->line, "%31[A-Za-z]", name) == 1)
		keep(run, name, (double)(run->line_ns - run->start));
}

static void handle_bytes(struct run *run, const char *bytes, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		if (run->len == 0)
			run->line_ns = clock_ns();
		if (bytes[i] == '\n') {
			handle_line(run);
			run->len = 0;
		} else if (bytes[i] != '\r' && run->len < sizeof(run->line) - 1) {
			run->line[run->len++] = bytes[i];
		}
	}
}

static pid_t spawn(char **argv, int out)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork: %m");
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static void run_once(char **argv, unsigned int side, unsigned int number, bool counts)
{
	struct run run = { .side = side, .number = number };
	struct rusage usage;
	char bytes[4096];
	int pipes[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		die("pipe2: %m");
	run.start = clock_ns();
	pid = spawn(argv, pipes[1]);
	close(pipes[1]);
	while ((n = read(pipes[0], bytes, sizeof(bytes))) > 0)
		handle_bytes(&run, bytes, n);
	if (wait4(pid, &status, 0, &usage) < 0)
		die("wait4: %m");
	close(pipes[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("%s ended with status %#x", argv[0], (unsigned int)status);
	keep(&run, "end", (double)(clock_ns() - run.start));
	if (!counts)
		return;
	keep(&run, "cpu",
	     (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3);
	keep(&run, "faults", (double)(usage.ru_minflt + usage.ru_majflt));
	keep(&run, "switches", (double)(usage.ru_nvcsw + usage.ru_nivcsw));
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void print(struct event *e, size_t n)
{
	double ratios[RUNS_MAX];

	for (size_t i = 0; i < n; i++)
		ratios[i] = e->value[1][i] > 0 ? e->value[0][i] / e->value[1][i] : 0;
	qsort(ratios, n, sizeof(*ratios), compare);
	qsort(e->value[0], n, sizeof(double), compare);
	qsort(e->value[1], n, sizeof(double), compare);
	printf("%s %.0f %.0f %.3f %.3f %.3f\n", e->name, e->value[0][n / 2], e->value[1][n / 2],
	       ratios[n / 2], ratios[n / 4], ratios[n - 1 - n / 4]);
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
	die("usage: boots [-n RUNS] [-r] -- A… -- B…");
}

int main(int argc, char **argv)
{
	char **sides[2];
	uint64_t n = 5;
	bool counts = false;
	int option;

	log_init("boots", LOG_LEVEL_INFO);
	sides[0] = cut(argv);
	sides[1] = cut(sides[0]);
	for (argc = 0; argv[argc]; argc++)
		;
	while ((option = getopt(argc, argv, "n:r")) != -1) {
		if (option == 'n' && (str_to_u64(optarg, RUNS_MAX, &n) < 0 || n < 1))
			die("-n takes 1 to %d", RUNS_MAX);
		counts |= option == 'r';
	}
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int side = 0; side < 2; side++)
			run_once(sides[side], side, i, counts);
	for (size_t i = 0; i < n_events; i++)
		print(&events[i], n);
	return 0;
}
