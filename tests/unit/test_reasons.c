/* SPDX-License-Identifier: MIT */
/* Why files are there: what was written reads again as the same, and what is broken is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "mem.h"
#include "reasons.h"
#include "reasons_text.h"

static struct reasons_package packages[] = { { "nginx", "1.22-3" },
					     { "libc6", "2.36" },
					     { "recipe", "" } };
static struct reasons_file files[] = {
	{ "etc/a b\n%\377", S_IFREG | 0644, 3, &packages[2], REASON_RECIPE, NULL, "r.yaml:3: files",
	  "0123456789abcdef" },
	{ "usr/lib/libc.so.6", S_IFREG | 0755, 1922136, &packages[1], REASON_NEEDED, &files[2],
	  "libc.so.6", "libc-2.36.so" },
	{ "usr/sbin/nginx", S_IFREG | 0755, 1240136, &packages[0], REASON_RECIPE, NULL, "-", "" },
};
static struct reasons_file left[] = {
	{ "usr/bin/ldd", S_IFREG | 0755, 5000, &packages[1], REASON_NONE, NULL, NULL, NULL },
};
static const struct reasons whole = { .packages = packages,
				      .n_packages = ARRAY_SIZE(packages),
				      .files = files,
				      .n_files = ARRAY_SIZE(files),
				      .left = left,
				      .n_left = ARRAY_SIZE(left) };

static void check(const struct reasons *r)
{
	const struct reasons_file *f = reasons_find(r, "/usr/lib/libc.so.6");

	assert_non_null(f);
	assert_int_equal(f->kind, REASON_NEEDED);
	assert_string_equal(f->detail, "libc.so.6");
	assert_string_equal(f->package->version, "2.36");
	assert_int_equal(f->size, 1922136);
	assert_string_equal(f->by->path, "usr/sbin/nginx");
	assert_string_equal(f->by->detail, "-");
	assert_null(f->by->by);
	assert_non_null(reasons_find(r, "etc/a b\n%\377"));
	assert_null(reasons_find(r, "usr/bin/ldd"));
	f = reasons_find_left(r, "usr/bin/ldd");
	assert_non_null(f);
	assert_int_equal(f->kind, REASON_NONE);
	assert_string_equal(f->detail, "");
	assert_int_equal(f->mode, S_IFREG | 0755);
}

static void test_again(void **state)
{
	cleanup_buf struct buf packed = BUF_INIT, first = BUF_INIT, second = BUF_INIT;
	cleanup_reasons struct reasons *r = NULL;

	(void)state;
	assert_int_equal(reasons_pack(&whole, &packed, NULL), 0);
	assert_int_equal(reasons_unpack(buf_bytes(&packed), packed.len, &r, NULL), 0);
	check(r);
	reasons_write(&whole, &first);
	reasons_write(r, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(buf_bytes(&first), buf_bytes(&second), first.len);
}

#define HEADER "atoll-reasons 2\np a 1\n"

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "reasons:0: expected \"atoll-reasons 2\"" },
		{ "atoll-reasons 1\n", "reasons:1: expected \"atoll-reasons 2\"" },
		{ HEADER "y\n", "reasons:3: expected p, f or x" },
		{ HEADER "p a\n", "reasons:3: expected p NAME VERSION" },
		{ HEADER "f 100644 1 1 none - a - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 1 0 none - a\n", "reasons:3: expected MODE" },
		{ HEADER "f 100648 1 0 none - a - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 -1 0 none - a - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 1 0 some - a - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 1 0 none - a%0 - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 1 0 none - a%00 - -\n", "reasons:3: expected MODE" },
		{ HEADER "f 100644 1 0 none - - - -\n", "reasons:3: expected a path" },
		{ HEADER "f 100644 1 0 none - /a - -\n", "reasons:3: expected a path" },
		{ HEADER "f 0 1 0 none - b - -\nf 0 1 0 none - a - -\n",
		  "reasons:4: expected a path" },
		{ HEADER "f 0 1 0 none 1 b - -\n", "reasons: a file is there because of one that" },
		{ HEADER "f 0 1 0 none 0 b - -\n",
		  "reasons: files are there because of each other" },
		{ HEADER "f 0 1 0 none 1 a - -\nf 0 1 0 none 2 b - -\nf 0 1 0 none 1 c - -\n",
		  "reasons: files are there because of each other" },
		{ HEADER "f 0 1 0 none - a - -\np b 1\n", "reasons:4: expected no more packages" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_reasons struct reasons *r = NULL;
		cleanup_err struct err *err = NULL;

		assert_int_equal(reasons_parse(cases[i].text, strlen(cases[i].text), &r, &err),
				 -EBADMSG);
		if (strncmp(err_msg(err), cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("%s: %s", cases[i].text, err_msg(err));
	}
}

static void test_store(void **state)
{
	cleanup_reasons struct reasons *r = NULL;
	cleanup_err struct err *err = NULL;

	(void)state;
	assert_int_equal(reasons_unpack("nonsense", 8, &r, &err), -EBADMSG);
	assert_int_equal(reasons_load("", &r, NULL), -ENOENT);
	assert_int_equal(reasons_load("/dev/null", &r, NULL), -EBADMSG);
	for (int kind = 0; kind < REASON_COUNT; kind++) {
		assert_non_null(reason_name((enum reason)kind));
		assert_non_null(reason_brief((enum reason)kind));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
