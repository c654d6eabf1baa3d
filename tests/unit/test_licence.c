/* SPDX-License-Identifier: MIT */
/* Copyright files as packages have them, and the SPDX expressions that they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "licence.h"
#include "mem.h"
#include "str.h"

#define FORMAT "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
#define FILES  "\nFiles: *\nCopyright: somebody\nLicense: "

static const struct {
	const char *text, *expression; /* NULL: nobody can tell */
} cases[] = {
	{ FORMAT FILES "Expat\n text\n", "MIT" },
	{ FORMAT FILES "GPL-2+\n", "GPL-2.0-or-later" },
	{ FORMAT FILES "GPL-2\n", "GPL-2.0-only" },
	{ FORMAT FILES "gpl-2+ OR Artistic\n", "GPL-2.0-or-later OR Artistic-1.0-Perl" },
	{ FORMAT FILES "Expat\n" FILES "ISC\n" FILES "Expat\n", "ISC AND MIT" },
	{ FORMAT FILES "Expat\n" FILES "GPL-1+ or Artistic\n",
	  "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND MIT" },
	{ FORMAT FILES "Expat and ISC\n", "MIT AND ISC" },
	{ FORMAT FILES "my own/thing\n", "LicenseRef-my-own-thing" },
	{ FORMAT FILES "GPL-2+ with OpenSSL exception\n",
	  "LicenseRef-GPL-2--with-OpenSSL-exception" },
	{ FORMAT FILES "GPL-2, and ISC or Expat\n", "LicenseRef-GPL-2--and-ISC-or-Expat" },
	{ FORMAT FILES "ISC+\n", "LicenseRef-ISC-" },
	{ FORMAT "License: Zlib\n", "Zlib" },
	/* A licence's text that stands alone is of no file. */
	{ FORMAT FILES "Expat\n\nLicense: GPL-3\n text\n", "MIT" },
	{ FORMAT FILES "or GPL-2\n", NULL },
	{ FORMAT FILES "\n", NULL },
	{ FORMAT, NULL },
	{ "This package was debianized by somebody.\n\nLicense: GPL\n", NULL },
	{ "Files: *\nLicense: Expat\n", NULL },
	{ "", NULL },
};

static void test_expressions(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *e = licence_expression(cases[i].text);

		if (!str_eq(e, cases[i].expression))
			fail_msg("case %zu: \"%s\"", i, e ? e : "none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expressions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
