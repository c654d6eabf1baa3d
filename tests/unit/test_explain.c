/* SPDX-License-Identifier: MIT */
/* No file is in an image without a reason, nor with one that leads nowhere. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "explain.h"

static int explain_tree(const struct tree *tree, const struct tree *left, struct err **err)
{
	cleanup_buf struct buf blob = BUF_INIT;
	struct package_list packages = { 0 };
	struct bom bom = { 0 };
	int r = explain(tree, left, &packages, &bom, &blob, err);

	assert_int_equal(blob.len > 0, r == 0);
	return r;
}

static void refuse(const struct tree *tree, const struct tree *left, const char *message)
{
	cleanup_err struct err *err = NULL;

	assert_int_equal(explain_tree(tree, left, &err), -ENOTRECOVERABLE);
	assert_string_equal(err_msg(err), message);
}

static void test_reasons(void **state)
{
	struct tree tree = { 0 }, left = { 0 };
	struct tree_node *node;

	(void)state;
	tree_put_dir(&tree, "etc", 0755, "atoll", "");
	node = tree_put_file(&tree, "etc/x", 0644, NULL, "foo", "");
	tree_because(node, REASON_NAMED, "etc", NULL);
	assert_int_equal(explain_tree(&tree, &left, NULL), 0);
	tree_because(node, REASON_NONE, NULL, NULL);
	refuse(&tree, &left, "/etc/x of foo is there without a reason");
	tree_because(node, REASON_NAMED, "etc/gone", NULL);
	refuse(&tree, &left, "/etc/x is there because of /etc/gone, which is not");
	/* What brought a file has to be in the image itself, and a left file needs no reason. */
	tree_put_file(&left, "etc/gone", 0644, NULL, "foo", "");
	refuse(&tree, &left, "/etc/x is there because of /etc/gone, which is not");
	tree_because(node, REASON_NAMED, "etc", NULL);
	assert_int_equal(explain_tree(&tree, &left, NULL), 0);
	tree_because(tree_get(&left, "etc/gone"), REASON_NONE, NULL, NULL);
	assert_int_equal(explain_tree(&tree, &left, NULL), 0);
	tree_finish(&tree);
	tree_finish(&left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
