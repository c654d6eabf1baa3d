/* SPDX-License-Identifier: MIT */
/* Text from elsewhere, as it is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "mem.h"
#include "term.h"

static void test_visible(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "/usr/bin/x y%~", "/usr/bin/x y%~" },
		{ "gr\303\274n \342\202\254 \360\237\220\232",
		  "gr\303\274n \342\202\254 \360\237\220\232" },
		{ "a\nb\t\033[31m\177", "a\\x0ab\\x09\\x1b[31m\\x7f" },
		{ "a\\x0ab", "a\\\\x0ab" },
		{ "n\344me", "n\\xe4me" },                                 /* Latin-1 */
		{ "\302\233m", "\\xc2\\x9bm" },                            /* C1: CSI */
		{ "\342\200\256txt", "\\xe2\\x80\\xaetxt" },               /* right to left */
		{ "\300\257 \340\200\257", "\\xc0\\xaf \\xe0\\x80\\xaf" }, /* longer than need be */
		{ "\355\240\200", "\\xed\\xa0\\x80" },                     /* half of UTF-16 */
		{ "\364\220\200\200", "\\xf4\\x90\\x80\\x80" },
		{ "\342\202", "\\xe2\\x82" }, /* ends early */
		{ "\360", "\\xf0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *shown = text_visible(cases[i].text);
		cleanup_free char *text = text_from_visible(shown);

		assert_string_equal(shown, cases[i].shown);
		assert_string_equal(text, cases[i].text);
	}
}

/* What nobody shows so stays as it is. */
static void test_from_visible(void **state)
{
	static const char *const same[] = { "\\", "a\\", "\\x", "\\x1", "\\xg0", "\\n", "\\xAB" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		cleanup_free char *text = text_from_visible(same[i]);

		assert_string_equal(text, same[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_visible),
		cmocka_unit_test(test_from_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
