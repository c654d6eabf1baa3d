/* SPDX-License-Identifier: MIT */
/* Versions in order; dpkg --compare-versions agrees with each pair, as the last test sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "debversion.h"
#include "mem.h"

/* From old to new; those in one row are the same. */
static const char *const rows[][3] = {
	{ "~~" },
	{ "~" },
	{ "0~rc1", "0~rc01" },
	{ "0", "0-0", "0:0" },
	{ "0.1~a" },
	{ "0.1", "0:0.1", "0.1-0" },
	{ "0.1-1" },
	{ "0.1a" },
	{ "0.1+b1" },
	{ "1.0~rc1-1" },
	{ "1.0-1~bpo11+1" },
	{ "1.0-1", "1.00-01" },
	{ "1.0-1+b1" },
	{ "1.0-1+deb12u1" },
	{ "1.0-1+deb12u9" },
	{ "1.0-1+deb12u10" },
	{ "1.0-1.1" },
	{ "1.0-2" },
	{ "1.0.1" },
	{ "1.9" },
	{ "1.10" },
	{ "3.0.14-1~deb12u2" },
	{ "3.0.15-1~deb12u1" },
	{ "99999999999999999999999" },
	{ "100000000000000000000000" },
	{ "1:0.1" },
	{ "1:1-1-1" },
	{ "2:0" },
};

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
			for (size_t k = 0; k < 3 && rows[j][k]; k++)
				if (sign(debversion_compare(rows[i][0], rows[j][k])) !=
				    sign((int)i - (int)j))
					fail_msg("%s and %s", rows[i][0], rows[j][k]);
}

static void test_dpkg(void **state)
{
	(void)state;
	/* The first rows are no versions to dpkg, which wants a digit at the begin. */
	for (size_t i = 2; i + 1 < ARRAY_SIZE(rows); i++) {
		cleanup_free char *command = xasprintf("dpkg --compare-versions '%s' lt '%s'",
						       rows[i][0], rows[i + 1][0]);

		assert_int_equal(system(command), 0);
		for (size_t k = 1; k < 3 && rows[i][k]; k++) {
			cleanup_free char *same = xasprintf("dpkg --compare-versions '%s' eq '%s'",
							    rows[i][0], rows[i][k]);

			assert_int_equal(system(same), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_dpkg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
