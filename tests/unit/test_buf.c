/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "mem.h"

static void test_empty(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;

	(void)state;
	assert_null(buf_bytes(&b));
	buf_append(&b, NULL, 0);
	assert_int_equal(b.len, 0);
	buf_clear(&b);
	buf_free(&b);
	buf_free(&b);
}

static void test_append_and_consume(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	uint8_t next_in = 0, next_out = 0;

	(void)state;
	/* In and out in odd pieces, so that it moves and grows at every kind of place. */
	for (int round = 0; round < 500; round++) {
		for (int i = 0; i < round % 37; i++, next_in++)
			buf_append(&b, &next_in, 1);
		for (int i = round % 31; i > 0 && b.len; i--, next_out++) {
			assert_int_equal(*buf_bytes(&b), next_out);
			buf_consume(&b, 1);
		}
	}
	assert_true(b.room < 16384);
	for (; b.len; next_out++) {
		assert_int_equal(*buf_bytes(&b), next_out);
		buf_consume(&b, 1);
	}
	assert_int_equal(b.start, 0);
	assert_int_equal(next_in, next_out);
}

static void test_reserve_and_commit(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;

	(void)state;
	memcpy(buf_reserve(&b, 100), "abc", 3);
	assert_int_equal(b.len, 0);
	buf_commit(&b, 3);
	memcpy(buf_reserve(&b, 1000), "def", 3);
	buf_commit(&b, 3);
	assert_int_equal(b.len, 6);
	assert_memory_equal(buf_bytes(&b), "abcdef", 6);
}

static void test_text(void **state)
{
	struct buf b = BUF_INIT;
	cleanup_free char *s = NULL;

	(void)state;
	buf_append_str(&b, "xxname: ");
	buf_printf(&b, "%s-%d", "web", 42);
	buf_consume(&b, 2);
	s = buf_steal_str(&b);
	assert_string_equal(s, "name: web-42");
	assert_null(b.data);
	assert_int_equal(b.len + b.start + b.room, 0);
}

static void test_clear_keeps_memory(void **state)
{
	cleanup_buf struct buf b = BUF_INIT;
	uint8_t *data;

	(void)state;
	buf_append_str(&b, "something");
	data = b.data;
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	buf_append_str(&b, "else");
	assert_ptr_equal(b.data, data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_append_and_consume),
		cmocka_unit_test(test_reserve_and_commit),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_clear_keeps_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
