/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mem.h"
#include "str.h"

static void test_names(void **state)
{
	static const char *const good[] = { "a", "web", "web-2", "a234567890" };
	static const char *const bad[] = { "",    "2web", "-a",  "web-",
					   "Web", "we b", "wéb", "a2345678901" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(str_is_name(good[i], 10));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(str_is_name(bad[i], 10));
}

static void test_tests(void **state)
{
	(void)state;
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_true(str_eq("a", "a"));
	assert_true(str_starts("abc", "ab"));
	assert_false(str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc"));
	assert_false(str_ends("c", "bc"));
}

static void test_numbers(void **state)
{
	uint64_t v = 7;

	(void)state;
	assert_int_equal(str_to_u64("18446744073709551615", UINT64_MAX, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(str_to_u64("18446744073709551616", UINT64_MAX, &v), -ERANGE);
	assert_int_equal(str_to_u64("65536", 65535, &v), -ERANGE);
	assert_int_equal(str_to_u64("", 1, &v), -EINVAL);
	assert_int_equal(str_to_u64("-1", 1, &v), -EINVAL);
	assert_int_equal(str_to_u64("+1", 1, &v), -EINVAL);
	assert_int_equal(str_to_u64(" 1", 1, &v), -EINVAL);
	assert_true(v == UINT64_MAX);
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t bytes;
	} cases[] = {
		{ "4096", 0, 4096 },
		{ "512K", 0, 512 << 10 },
		{ "64M", 0, 64 << 20 },
		{ "1g", 0, UINT64_C(1) << 30 },
		{ "2T", 0, UINT64_C(2) << 40 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "M", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "1KB", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1111111111111111111111111111", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;

		assert_int_equal(str_to_size(cases[i].text, &bytes), cases[i].r);
		assert_true(bytes == cases[i].bytes);
	}
}

static void test_size_for_people(void **state)
{
	char buf[16];

	(void)state;
	assert_string_equal(str_from_size(0, buf), "0B");
	assert_string_equal(str_from_size(1023, buf), "1023B");
	assert_string_equal(str_from_size(1536, buf), "1.5K");
	assert_string_equal(str_from_size(64 << 20, buf), "64M");
	assert_string_equal(str_from_size(UINT64_MAX, buf), "16777216T");
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "browser", "office", "web", NULL };

	(void)state;
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("", "abc"), 3);
	assert_int_equal(str_distance("same", "same"), 0);
	assert_int_equal(str_distance("memroy", "memory"), 1);
	assert_int_equal(str_distance("ab", "ba"), 1);
	assert_string_equal(str_nearest("brwser", names), "browser");
	assert_null(str_nearest("zzzzzzzz", names));
}

static void test_lists(void **state)
{
	cleanup_strv char **v = NULL, **copy = NULL;
	cleanup_free char *joined = NULL;

	(void)state;
	assert_int_equal(strv_len(NULL), 0);
	strv_append(&v, "one");
	strv_take(&v, xstrdup("two"));
	assert_int_equal(strv_len(v), 2);
	assert_true(strv_has(v, "two"));
	assert_false(strv_has(v, "three"));
	joined = strv_join(v, ", ");
	assert_string_equal(joined, "one, two");
	copy = strv_dup(v);
	assert_true(strv_eq(v, copy));
	strv_append(&copy, "three");
	assert_false(strv_eq(v, copy));
}

static void test_words(void **state)
{
	cleanup_strv char **words = NULL;
	char **none = NULL;

	(void)state;
	assert_int_equal(str_split_words("nginx -g 'daemon off;' \"a \\\"b\" c\\ d ''", &words), 0);
	assert_int_equal(strv_len(words), 6);
	assert_string_equal(words[2], "daemon off;");
	assert_string_equal(words[3], "a \"b");
	assert_string_equal(words[4], "c d");
	assert_string_equal(words[5], "");
	assert_int_equal(str_split_words("open 'quote", &none), -EINVAL);
	assert_int_equal(str_split_words("open \"quote", &none), -EINVAL);
	assert_int_equal(str_split_words("trailing \\", &none), -EINVAL);
	assert_null(none);
}

static void test_quote_splits_back(void **state)
{
	static const char *const words[] = { "plain", "", "it's", "a b", "$x `y` \\ \"", "'" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		cleanup_free char *quoted = str_quote(words[i]);
		cleanup_strv char **back = NULL;

		assert_int_equal(str_split_words(quoted, &back), 0);
		assert_int_equal(strv_len(back), 1);
		assert_string_equal(back[0], words[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_tests),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_size_for_people),
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_quote_splits_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
