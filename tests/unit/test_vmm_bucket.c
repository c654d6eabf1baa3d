/* SPDX-License-Identifier: MIT */
/* Token buckets, with a clock of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bucket.h"
#include "mem.h"

#define MS INT64_C(1000000)

static void no_rate_is_no_limit(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 0, 0);
	for (int i = 0; i < 10; i++)
		assert_true(bucket_take(&b, UINT32_MAX, 0));
}

static void burst_is_a_second(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 10, 0);
	for (int i = 0; i < 10; i++)
		assert_true(bucket_take(&b, 1, 0));
	assert_false(bucket_take(&b, 1, 0));
	assert_int_equal(bucket_wait_ms(&b, 0), 100);
	assert_false(bucket_take(&b, 1, 99 * MS));
	assert_true(bucket_take(&b, 1, 100 * MS));
	/* A long pause is worth no more than the burst. */
	for (int i = 0; i < 10; i++)
		assert_true(bucket_take(&b, 1, 3600 * 1000 * MS));
	assert_false(bucket_take(&b, 1, 3600 * 1000 * MS));
}

static void debt_is_paid_off(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, 1000, 0);
	assert_true(bucket_take(&b, 5000, 0)); /* one request may be larger than the burst */
	assert_int_equal(bucket_wait_ms(&b, 0), 4001);
	assert_int_equal(bucket_wait_ms(&b, 4000 * MS), 1);
	assert_false(bucket_take(&b, 1, 4000 * MS));
	assert_true(bucket_take(&b, 1, 4001 * MS));
}

/* Looking often loses no time: at 3 per second, each look is worth a fraction of a token. */
static void frequent_looks_lose_nothing(void **state)
{
	struct bucket b;
	unsigned int taken = 0;

	(void)state;
	bucket_init(&b, 3, 0);
	for (int64_t ms = 0; ms <= 10000; ms++)
		taken += bucket_take(&b, 1, ms * MS);
	assert_in_range(taken, 32, 33);
}

static void high_rates_do_not_wrap(void **state)
{
	struct bucket b;

	(void)state;
	bucket_init(&b, UINT64_C(8999999999), 0);
	assert_true(bucket_take(&b, UINT32_MAX, 0));
	assert_true(bucket_take(&b, UINT64_C(1) << 40, INT64_MAX));
	assert_false(bucket_take(&b, 1, INT64_MAX));
	bucket_init(&b, UINT64_MAX, 0);
	assert_true(bucket_take(&b, UINT64_MAX / 2, 0));
	assert_true(bucket_take(&b, 1, 0));
	/* A clock that goes back refills nothing. */
	bucket_init(&b, 1, 1000 * MS);
	assert_true(bucket_take(&b, 1, 0));
	assert_false(bucket_take(&b, 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(burst_is_a_second),
		cmocka_unit_test(debt_is_paid_off),
		cmocka_unit_test(frequent_looks_lose_nothing),
		cmocka_unit_test(high_rates_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
