/* SPDX-License-Identifier: MIT */
/* How a virtual machine's first process is told its root hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "mem.h"
#include "verity.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_found(void **state)
{
	struct verity_root root;

	(void)state;
	assert_int_equal(
		verity_find("console=ttyS0 atoll.verity=" HASH ":8192 quiet\n", &root, NULL), 0);
	assert_string_equal(root.hash, HASH);
	assert_int_equal(root.offset, 8192);
	assert_int_equal(verity_find("atoll.verity=" HASH ":4096\n", &root, NULL), 0);
	assert_int_equal(root.offset, 4096);
}

static void test_none(void **state)
{
	struct verity_root root;

	(void)state;
	assert_int_equal(verity_find("console=ttyS0 quiet\n", &root, NULL), -ENOENT);
	assert_int_equal(verity_find("", &root, NULL), -ENOENT);
	assert_int_equal(verity_find("xatoll.verity=" HASH ":4096", &root, NULL), -ENOENT);
}

/* Said, but not so: that must not be taken for none. */
static void test_wrong(void **state)
{
	static const char *const texts[] = {
		"",
		":4096",
		HASH,
		HASH ":",
		HASH ":0",
		HASH ":4095",
		HASH ":-4096",
		HASH ":4096x",
		"0" HASH ":4096",
		HASH " 4096",
		"0G:4096",
		HASH HASH HASH ":4096",
		HASH ":99999999999999999999",
	};
	struct verity_root root;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_free char *line = xasprintf("quiet atoll.verity=%s", texts[i]);
		cleanup_err struct err *err = NULL;

		assert_int_equal(verity_parse(texts[i], &root), -EINVAL);
		assert_int_equal(verity_find(line, &root, &err), -EINVAL);
		assert_non_null(strstr(err_msg(err), "expected HASH:OFFSET"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
