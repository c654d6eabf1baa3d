/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "args.h"
#include "command.h"
#include "mem.h"
#include "str.h"

static const struct option_spec options[] = {
	{ 'f', "format", "FORMAT", "" },
	{ 'v', "verbose", NULL, "" },
	{ 'e', "env", "NAME=VALUE", "" },
	{ 0, "timeout", "SECONDS", "" },
	{ .name = NULL },
};

static const struct command tool = { .name = "tool",
				     .words = "MACHINE COMMAND…",
				     .options = options,
				     .min_words = 1,
				     .max_words = 3,
				     .raw_from = 2 };

/* Splits the line as a shell would and parses it. */
static int parse(const char *line, struct args *args, struct err **err)
{
	char **words;
	int r;

	assert_int_equal(str_split_words(line, &words), 0);
	r = args_parse(&tool, words, args, err);
	strv_free(words);
	return r;
}

static const struct {
	const char *line, *words, *format, *env;
	bool verbose;
} accepted[] = {
	{ "m", "m", NULL, NULL, false },
	{ "--format json m", "m", "json", NULL, false },
	{ "m --format=json", "m", "json", NULL, false },
	{ "-fjson -v m", "m", "json", NULL, true },
	{ "-vf json m", "m", "json", NULL, true },
	{ "--format= m", "m", "", NULL, false },
	{ "-e A=1 m -e B=2", "m", NULL, "A=1 B=2", false },
	{ "m -v ls -l", "m ls -l", NULL, NULL, true },
	{ "m ls -v", "m ls -v", NULL, NULL, false },
	{ "m -- -v", "m -v", NULL, NULL, false },
	{ "-- -v --x", "-v --x", NULL, NULL, false },
	{ "m ls --", "m ls --", NULL, NULL, false },
	{ "-", "-", NULL, NULL, false },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(accepted); i++) {
		struct args args;
		cleanup_free char *words = NULL, *env = NULL;

		assert_int_equal(parse(accepted[i].line, &args, NULL), 0);
		words = strv_join(args.words, " ");
		assert_string_equal(words, accepted[i].words);
		assert_true(str_eq(args_get(&args, "format"), accepted[i].format));
		assert_true(args_has(&args, "verbose") == accepted[i].verbose);
		env = strv_join(args_all(&args, "env"), " ");
		assert_string_equal(env, accepted[i].env ? accepted[i].env : "");
		args_finish(&args);
	}
}

static const struct {
	const char *line, *expected;
} refused[] = {
	{ "", "is missing; usage: atoll tool MACHINE" },
	{ "a b c d", "too many arguments" },
	{ "--verbos m", "no option --verbos; did you mean --verbose?" },
	{ "--zzzzzz m", "no option --zzzzzz; see 'atoll help tool'" },
	{ "-x m", "no option -x" },
	{ "-vx m", "no option -x" },
	{ "m --format", "--format needs FORMAT" },
	{ "m -f", "-f needs FORMAT" },
	{ "m --verbose=1", "--verbose takes no value" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		cleanup_err struct err *err = NULL;
		struct args args;

		assert_true(parse(refused[i].line, &args, &err) < 0);
		if (!strstr(err_msg(err), refused[i].expected))
			fail_msg("expected \"%s\" in \"%s\"", refused[i].expected, err_msg(err));
		args_finish(&args);
	}
}

static void test_values(void **state)
{
	cleanup_err struct err *err = NULL;
	unsigned long n = 7;
	struct args args;
	bool json = true;

	(void)state;
	assert_int_equal(parse("m", &args, NULL), 0);
	assert_int_equal(args_number(&args, "timeout", 10, &n, NULL), 0);
	assert_int_equal(n, 7);
	assert_int_equal(args_json(&args, &json, NULL), 0);
	assert_false(json);
	args_finish(&args);
	assert_int_equal(parse("m --timeout 10 --format yaml", &args, NULL), 0);
	assert_int_equal(args_number(&args, "timeout", 10, &n, NULL), 0);
	assert_int_equal(n, 10);
	assert_true(args_number(&args, "timeout", 9, &n, &err) < 0);
	assert_true(args_json(&args, &json, &err) < 0);
	assert_non_null(strstr(err_msg(err), "expected table or json, found \"yaml\""));
	args_finish(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
