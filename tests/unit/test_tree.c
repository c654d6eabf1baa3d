/* SPDX-License-Identifier: MIT */
/* The tree of an image: paths as packages write them, order, what may stand below what. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "keep.h"
#include "mem.h"
#include "tree.h"

static void test_paths(void **state)
{
	static const struct {
		const char *from, *to; /* NULL: refused */
	} cases[] = {
		{ "./usr/bin/x", "usr/bin/x" },
		{ "/etc//y/.", "etc/y" },
		{ "./", "" },
		{ "bin/sh", "usr/bin/sh" },
		{ "./lib/a/b", "usr/lib/a/b" },
		{ "/lib64", "usr/lib64" },
		{ "library/a", "library/a" },
		{ "var/run/x", "run/x" },
		{ "var/runner", "var/runner" },
		{ "a/..", NULL },
		{ "../a", NULL },
		{ "a/../../b", NULL },
		{ "", NULL },
		{ "..a/b..", "..a/b.." },
		{ "a\nb/\377", "a\nb/\377" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *path = NULL;
		int r = tree_path(cases[i].from, &path);

		assert_int_equal(r, cases[i].to ? 0 : -EINVAL);
		if (cases[i].to)
			assert_string_equal(path, cases[i].to);
	}
}

static void test_climbing(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "usr/bin/../lib/x", "usr/lib/x" },
		{ "/usr/share/a/../../lib/./y", "usr/lib/y" },
		{ "../../etc", "etc" },
		{ "usr/..", "" },
		{ "var/../lib/z", "usr/lib/z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *path = NULL;

		assert_int_equal(tree_path_beneath(cases[i].from, &path), 0);
		assert_string_equal(path, cases[i].to);
	}
}

static void test_order(void **state)
{
	struct tree t = { 0 };
	struct tree_node **nodes;

	(void)state;
	tree_put_file(&t, "a/b", 0644, NULL, "p", "r");
	tree_put_dir(&t, "a", 0700, "p", "r");
	tree_put_dir(&t, "a-b", 0755, "p", "r");
	tree_put_file(&t, "a/b", 0600, NULL, "q", "r"); /* takes the place of the first */
	assert_int_equal(t.n, 3);
	nodes = tree_list(&t);
	assert_string_equal(nodes[0]->path, "a");
	assert_string_equal(nodes[1]->path, "a-b");
	assert_string_equal(nodes[2]->owner, "q");
	assert_null(nodes[3]);
	free(nodes);
	tree_remove(&t, "a-b");
	tree_remove(&t, "not there");
	assert_null(tree_get(&t, "a-b"));
	assert_int_equal(t.n, 2);
	tree_finish(&t);
}

static void test_complete(void **state)
{
	struct tree t = { 0 };
	cleanup_err struct err *err = NULL;

	(void)state;
	tree_put_file(&t, "x/y/z", 0644, NULL, "p", "r");
	assert_int_equal(tree_complete(&t, NULL), 0);
	assert_int_equal(t.n, 3);
	assert_true(S_ISDIR(tree_get(&t, "x/y")->mode));
	tree_put_link(&t, "x/l", "y", "q", "r");
	tree_put_file(&t, "x/l/f", 0644, NULL, "p", "r");
	assert_int_equal(tree_complete(&t, &err), -ENOTDIR);
	assert_string_equal(err_msg(err), "/x/l/f of p: /x/l is not a folder but a link of q");
	tree_finish(&t);
}

static void test_keep(void **state)
{
	struct tree t = { 0 }, left = { 0 };

	(void)state;
	tree_put_file(&t, "usr/share/doc/p/README", 0644, NULL, "p", "r");
	tree_put_file(&t, "usr/share/doc/p/copyright", 0644, NULL, "p", "r");
	tree_put_file(&t, "usr/share/man/man1/p.1.gz", 0644, NULL, "p", "r");
	tree_put_file(&t, "usr/share/manual", 0644, NULL, "p", "r");
	keep_packages(&(struct recipe){ 0 }, &t, &left);
	assert_int_equal(t.n, 2);
	assert_non_null(tree_get(&t, "usr/share/doc/p/copyright"));
	assert_non_null(tree_get(&t, "usr/share/manual"));
	assert_int_equal(left.n, 2);
	assert_string_equal(tree_get(&left, "usr/share/doc/p/README")->owner, "p");
	tree_finish(&t);
	tree_finish(&left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths), cmocka_unit_test(test_climbing),
		cmocka_unit_test(test_order), cmocka_unit_test(test_complete),
		cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
