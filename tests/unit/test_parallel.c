/* SPDX-License-Identifier: MIT */
/* Work on many things at once: all of it, and of failures the first. And what threads share: names in a workspace. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "mem.h"
#include "parallel.h"
#include "str.h"
#include "workspace.h"

#define MANY 1000

struct counts {
	atomic_int done[MANY];
	atomic_int total, at_once, most;
	size_t bad; /* from here on all fail */
};

static int work(size_t i, void *data, struct err **err)
{
	struct counts *c = data;
	int now = ++c->at_once;

	if (now > c->most)
		c->most = now;
	if (c->total < 8)
		usleep(2000);
	c->done[i]++;
	c->total++;
	c->at_once--;
	return i < c->bad ? 0 : err_set(err, EDOM, "number %zu", i);
}

static size_t processors(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return (size_t)CPU_COUNT(&set);
}

static void test_all(void **state)
{
	struct counts c = { .bad = MANY };

	(void)state;
	assert_int_equal(parallel(MANY, work, &c, NULL), 0);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(c.done[i], 1);
	assert_true((size_t)c.most <= processors());
	if (processors() > 1)
		assert_true(c.most > 1);
	assert_int_equal(parallel(0, work, &c, NULL), 0);
}

/* The same one, however fast the threads are; and what is behind it is not worth the time. */
static void test_failure(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct counts c = { .bad = 100 };
		cleanup_err struct err *err = NULL;

		assert_int_equal(parallel(MANY, work, &c, &err), -EDOM);
		assert_string_equal(err_msg(err), "number 100");
		assert_true((size_t)c.total <= 100 + processors());
	}
}

static int take_name(size_t i, void *data, struct err **err)
{
	void **args = data;

	(void)err;
	((char **)args[1])[i] = workspace_temp(args[0], "x");
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_names(void **state)
{
	char folder[] = "/tmp/test-parallel.XXXXXX", *names[MANY];
	struct workspace ws;
	void *args[] = { &ws, names };

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(workspace_open(folder, &ws, NULL), 0);
	assert_int_equal(parallel(MANY, take_name, args, NULL), 0);
	qsort(names, MANY, sizeof(*names), compare);
	for (size_t i = 1; i < MANY; i++)
		assert_string_not_equal(names[i - 1], names[i]);
	for (size_t i = 0; i < MANY; i++)
		free(names[i]);
	workspace_close(&ws);
	assert_int_equal(dir_remove(folder, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_failure),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
