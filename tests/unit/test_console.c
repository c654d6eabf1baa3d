/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "console.h"
#include "fd.h"
#include "mem.h"

struct rig {
	char folder[32];
	struct loop *loop;
	struct console *console;
	int guest; /* the test prints here */
};

static int open_in(const struct rig *rig, const char *name, int flags)
{
	cleanup_free char *path = xasprintf("%s/%s", rig->folder, name);
	int fd = open(path, flags | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static off_t size_of(const struct rig *rig, const char *name)
{
	cleanup_fd int fd = open_in(rig, name, O_RDONLY);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_size;
}

static char *content_of(const struct rig *rig, const char *name)
{
	cleanup_fd int fd = open_in(rig, name, O_RDONLY);
	struct buf bytes = BUF_INIT;

	assert_int_equal(fd_read_all(fd, 2 * CONSOLE_MAX, &bytes), 0);
	return buf_steal_str(&bytes);
}

static int setup(void **state)
{
	static struct rig rig;
	int fds[2];

	strcpy(rig.folder, "/tmp/test_console.XXXXXX");
	assert_non_null(mkdtemp(rig.folder));
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	rig.guest = fds[1];
	fd_set_nonblock(rig.guest, true);
	rig.loop = loop_create();
	rig.console = console_create(rig.loop, fds[0], open_in(&rig, "log", O_RDWR | O_CREAT),
				     open_in(&rig, "old", O_RDWR | O_CREAT));
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	console_destroy(rig->console);
	loop_destroy(rig->loop);
	fd_close(&rig->guest);
	return dir_remove(rig->folder, NULL);
}

static void settle(struct rig *rig)
{
	for (int i = 0; i < 8; i++)
		assert_int_equal(loop_step(rig->loop, 0), 0);
}

static void test_kept(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *log = NULL;

	dprintf(rig->guest, "first\n");
	settle(rig);
	dprintf(rig->guest, "second\n");
	settle(rig);
	log = content_of(rig, "log");
	assert_string_equal(log, "first\nsecond\n");
	assert_int_equal(size_of(rig, "old"), 0);
}

/* Numbered lines, as fast as they are taken; returns after `ms` milliseconds. The last number. */
static unsigned int flood(struct rig *rig, int64_t ms, uint64_t *ret_rounds)
{
	int64_t end = clock_ms() + ms;
	unsigned int n = 0;
	char line[101];

	for (*ret_rounds = 0; clock_ms() < end; ++*ret_rounds) {
		do {
			snprintf(line, sizeof(line), "%099u\n", n);
		} while (write(rig->guest, line, 100) == 100 && ++n);
		assert_int_equal(loop_step(rig->loop, 1), 0);
	}
	return n;
}

static void test_flood_is_bound_in_size_and_rate(void **state)
{
	struct rig *rig = *state;
	const int64_t ms = 1000;
	uint64_t rounds;
	size_t taken = 100 * (size_t)flood(rig, ms, &rounds);
	/* One slice more than fit, and what the pipe holds. */
	size_t allowed = (size_t)(ms / CONSOLE_SLICE_MS + 2) * (CONSOLE_SLICE + 16384) + 65536;

	assert_true(taken > CONSOLE_MAX);
	assert_true(taken < allowed);
	/* The loop turned all the time: somebody else would have had a turn. */
	assert_true(rounds > 100);
	assert_true(size_of(rig, "log") <= CONSOLE_MAX);
	assert_true(size_of(rig, "old") <= CONSOLE_MAX);
	assert_true(size_of(rig, "old") > CONSOLE_MAX / 2);
}

/* What is in old continues in log: no line is lost or twice. */
static void test_rotation_is_seamless(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *old = NULL, *log = NULL, *all = NULL;
	unsigned int previous = 0;
	uint64_t rounds;

	while (size_of(rig, "old") == 0)
		flood(rig, 100, &rounds);
	console_drain(rig->console);
	old = content_of(rig, "old");
	log = content_of(rig, "log");
	all = xasprintf("%s%s", old, log);
	for (char *line = strtok(all, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned int n = (unsigned int)strtoul(line, NULL, 10);

		assert_int_equal(strlen(line), 99);
		assert_true(n == previous + 1 || n == 0);
		previous = n;
	}
	assert_true(previous > 0);
}

static void test_drain_after_the_end(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *log = NULL;

	dprintf(rig->guest, "last words\n");
	fd_close(&rig->guest);
	console_drain(rig->console);
	log = content_of(rig, "log");
	assert_string_equal(log, "last words\n");
}

static void expect_last_line(struct rig *rig, const char *printed, const char *line)
{
	char got[64];

	dprintf(rig->guest, "%s", printed);
	settle(rig);
	console_last_line(rig->console, got, sizeof(got));
	assert_string_equal(got, line);
}

static void test_last_line(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *longest = NULL;
	char many[201];

	memset(many, 'z', sizeof(many) - 1);
	many[200] = '\0';
	longest = xstrndup(many, 63);
	expect_last_line(rig, "", "");
	expect_last_line(rig, "\n\n", "");
	expect_last_line(rig, "one\ntwo\033[0m\r\n\n", "two?[0m");
	expect_last_line(rig, many, longest);
}

#define CONSOLE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSOLE_TEST(test_kept),
		CONSOLE_TEST(test_flood_is_bound_in_size_and_rate),
		CONSOLE_TEST(test_rotation_is_seamless),
		CONSOLE_TEST(test_drain_after_the_end),
		CONSOLE_TEST(test_last_line),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
