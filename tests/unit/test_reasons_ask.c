/* SPDX-License-Identifier: MIT */
/* Questions to an image's reasons: paths over links, near names, what brought what, two images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "reasons_ask.h"
#include "reasons_text.h"

static struct reasons *parse(const char *text)
{
	cleanup_err struct err *err = NULL;
	struct reasons *r = NULL;

	if (reasons_parse(text, strlen(text), &r, &err) < 0)
		fail_msg("%s", err_msg(err));
	return r;
}

#define PACKAGES "atoll-reasons 2\np app 1\np libc 2.36\np recipe -\np atoll -\n"

/* run -> app -> libx.so.1 -> libx.so.1.2, libc; conf -> data */
static const char first_image[] =
	PACKAGES "f 120777 0 3 declared - bin standard%20link usr/bin\n"
		 "f 100644 10 2 recipe - etc/app.conf r.yaml:4:%20files aa\n"
		 "f 120777 0 3 declared - loop - loop\n"
		 "f 120777 0 3 declared - up - usr/../usr/bin/..//bin\n"
		 "f 40755 0 3 declared - usr - -\n"
		 "f 100755 100 0 recipe - usr/bin/app r.yaml:6:%20run bb\n"
		 "f 40755 0 0 folder 9 usr/lib - -\n"
		 "f 100644 50 1 needed 5 usr/lib/libc.so.6 libc.so.6 cc\n"
		 "f 120777 0 0 needed 5 usr/lib/libx.so.1 libx.so.1 libx.so.1.2\n"
		 "f 100644 70 0 link 8 usr/lib/libx.so.1.2 - dd\n"
		 "f 100644 5 0 named 1 usr/share/data - ee\n"
		 "x 100644 9 0 none - usr/share/manual - -\n"
		 "x 100755 9 1 excluded 5 usr/share/not !/usr/share/not -\n"
		 "x 100755 9 1 needed 11 usr/share/other - -\n";

static void test_paths(void **state)
{
	static const struct {
		const char *path, *real;
	} cases[] = {
		{ "/usr/bin/app", "usr/bin/app" },
		{ "usr//bin/./app", "usr/bin/app" },
		{ "/bin/app", "usr/bin/app" },
		{ "/bin", "bin" },
		{ "/bin/", "bin" },
		{ "/up/app", "usr/bin/app" },
		{ "/../bin/../lib/x", "usr/lib/x" },
		{ "/loop/x", NULL },
		{ "/", "" },
		{ "/not/there", "not/there" },
	};
	cleanup_reasons struct reasons *r = parse(first_image);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *real = reasons_real_path(r, cases[i].path);

		if (!cases[i].real)
			assert_null(real);
		else
			assert_string_equal(real, cases[i].real);
	}
}

static void test_nearest(void **state)
{
	cleanup_reasons struct reasons *r = parse(first_image);

	(void)state;
	assert_string_equal(reasons_nearest(r, "/usr/sbin/app", false), "usr/bin/app");
	assert_string_equal(reasons_nearest(r, "/usr/lib/libc.so.7", false), "usr/lib/libc.so.6");
	assert_null(reasons_nearest(r, "/usr/share/manuel", false));
	assert_string_equal(reasons_nearest(r, "/usr/share/manuel", true), "usr/share/manual");
	assert_null(reasons_nearest(r, "/usr/bin/zzz", true));
	assert_string_equal(reasons_package_find(r, "libc")->version, "2.36");
	assert_null(reasons_package_find(r, "libd"));
}

static void check_sentence(const struct reasons_file *f, const char *sentence)
{
	cleanup_free char *text = reason_sentence(f);

	assert_string_equal(text, sentence);
}

static void test_chain(void **state)
{
	cleanup_reasons struct reasons *r = parse(first_image);
	const struct reasons_file *f = reasons_find(r, "usr/lib/libx.so.1.2");

	(void)state;
	check_sentence(f, "is what the link /usr/lib/libx.so.1 leads to");
	check_sentence(f->by, "is a library that /usr/bin/app needs");
	check_sentence(f->by->by, "is there because the recipe says so: r.yaml:6: run");
	assert_null(f->by->by->by);
	check_sentence(reasons_find(r, "usr/lib"),
		       "is a folder on the way to /usr/lib/libx.so.1.2");
	check_sentence(
		reasons_find_left(r, "usr/share/not"),
		"is left out by the recipe, though /usr/bin/app asks for it (!/usr/share/not)");
	check_sentence(reasons_find_left(r, "usr/share/other"),
		       "is a library that /usr/share/manual needs");
	check_sentence(reasons_find_left(r, "usr/share/manual"), "is asked for by nothing");
}

static void test_tree(void **state)
{
	cleanup_reasons struct reasons *r = parse(first_image);
	cleanup_free size_t *roots = NULL;
	struct reasons_tree t;
	uint64_t total = 0;

	(void)state;
	reasons_tree_make(r, &t);
	assert_int_equal(t.total[5], 220);
	assert_int_equal(t.count[5], 4); /* without the folder */
	assert_int_equal(t.total[1], 15);
	/* The bigger first. */
	assert_int_equal(t.first[5], 8);
	assert_int_equal(t.next[8], 7);
	assert_int_equal(t.next[7], SIZE_MAX);
	assert_int_equal(t.first[9], 6);
	roots = reasons_tree_roots(&t);
	assert_int_equal(roots[0], 5);
	assert_int_equal(roots[1], 1);
	for (size_t *i = roots; *i != SIZE_MAX; i++)
		total += t.total[*i];
	assert_int_equal(total, 235);
	reasons_tree_finish(&t);
}

/* usr/bin/app: same size, other bytes; app.conf: its line moved; data: for another reason; a link elsewhere. */
static const char second_image[] =
	PACKAGES "f 120777 0 3 declared - bin standard%20link sbin\n"
		 "f 100644 10 2 recipe - etc/app.conf r.yaml:5:%20files aa\n"
		 "f 40755 0 3 declared - usr - -\n"
		 "f 100755 100 0 recipe - usr/bin/app r.yaml:7:%20run b0\n"
		 "f 40755 0 0 folder 5 usr/lib - -\n"
		 "f 100644 50 1 needed 3 usr/lib/libc.so.6 libc.so.6 cc\n"
		 "f 100755 5 0 data 3 usr/share/data - ee\n"
		 "f 100644 7 0 data 3 usr/share/more - ff\n";

static void test_diff(void **state)
{
	static const struct {
		const char *path;
		bool before, after, content, mode, reason;
	} expected[] = {
		{ "bin", true, true, true, false, false },
		{ "loop", true, false, false, false, false },
		{ "up", true, false, false, false, false },
		{ "usr/bin/app", true, true, true, false, false },
		{ "usr/lib/libx.so.1", true, false, false, false, false },
		{ "usr/lib/libx.so.1.2", true, false, false, false, false },
		{ "usr/share/data", true, true, false, true, true },
		{ "usr/share/more", false, true, false, false, false },
	};
	cleanup_reasons struct reasons *a = parse(first_image), *b = parse(second_image);
	cleanup_free struct reasons_change *changes = NULL, *none = NULL;
	size_t n;

	(void)state;
	changes = reasons_diff(a, b, &n);
	assert_int_equal(n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < n; i++) {
		const struct reasons_change *c = &changes[i];

		assert_string_equal((c->before ? c->before : c->after)->path, expected[i].path);
		assert_int_equal(c->before != NULL, expected[i].before);
		assert_int_equal(c->after != NULL, expected[i].after);
		assert_int_equal(c->content, expected[i].content);
		assert_int_equal(c->mode, expected[i].mode);
		assert_int_equal(c->reason, expected[i].reason);
	}
	none = reasons_diff(a, a, &n);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_chain), cmocka_unit_test(test_tree),
		cmocka_unit_test(test_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
