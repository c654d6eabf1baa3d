/* SPDX-License-Identifier: MIT */
/* apt's sources in both formats, and the control format below them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "deb822.h"
#include "fd.h"
#include "mem.h"
#include "sources.h"
#include "str.h"

static void test_list(void **state)
{
	struct source_list list = { 0 };

	(void)state;
	assert_int_equal(
		sources_parse_list("f",
				   "# c\n\ndeb http://a/debian/ bookworm main contrib # c\n"
				   "  deb [arch=amd64,arm64 signed-by=/k.gpg trusted=yes] file:/r "
				   "bookworm-updates main\n"
				   "deb-src http://a/debian bookworm main\n",
				   &list, NULL),
		0);
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].uri, "http://a/debian");
	assert_string_equal(list.items[0].suite, "bookworm");
	assert_int_equal(strv_len(list.items[0].components), 2);
	assert_string_equal(list.items[0].where, "f:3");
	assert_string_equal(list.items[1].uri, "file:///r");
	assert_true(strv_has(list.items[1].archs, "arm64"));
	assert_string_equal(list.items[1].signed_by[0], "/k.gpg");
	sources_finish(&list);
}

static void test_list_faults(void **state)
{
	static const char *const texts[] = { "debian http://a b c\n", "deb http://a\n",
					     "deb [arch=x\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct source_list list = { 0 };
		cleanup_err struct err *err = NULL;

		assert_true(sources_parse_list("f", texts[i], &list, &err) < 0);
		assert_non_null(strstr(err_msg(err), "f:1: expected"));
		sources_finish(&list);
	}
}

static void test_deb822(void **state)
{
	struct source_list list = { 0 };
	const char *text =
		"# c\nTypes: deb deb-src\nURIs: http://a/\n http://b\nSuites: bookworm x\n"
		"# c\nComponents: main\nArchitectures: amd64\nSigned-By:\n"
		" -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n"
		"\nEnabled: no\nTypes: deb\n\nTypes: deb-src\nURIs: c\nSuites: d\n";

	(void)state;
	assert_int_equal(sources_parse_deb822("f", text, &list, NULL), 0);
	assert_int_equal(list.n, 4);
	assert_string_equal(list.items[3].uri, "http://b");
	assert_string_equal(list.items[3].suite, "x");
	assert_string_equal(list.items[0].where, "f:2");
	assert_string_equal(list.items[0].key, "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n");
	sources_finish(&list);
}

static void test_deb822_faults(void **state)
{
	struct source_list list = { 0 };
	cleanup_err struct err *err = NULL;

	(void)state;
	assert_true(sources_parse_deb822("f", "Types: deb\nURIs: http://a\n", &list, &err) < 0);
	assert_string_equal(err_msg(err), "f:1: the source has no \"Suites:\"");
	assert_true(sources_parse_deb822("f", "\n\nTypes\n", &list, &err) < 0);
	assert_string_equal(err_msg(err), "f:3: expected \"Field: value\"");
	assert_true(sources_parse_deb822("f", " x\n", &list, &err) < 0);
	sources_finish(&list);
}

static void test_stanzas(void **state)
{
	struct deb822 d;

	(void)state;
	assert_int_equal(deb822_parse("A: 1\r\nB:\n x\r\n\ty \n# c\n z\n \t\nA: 2", &d), 0);
	assert_int_equal(d.n, 2);
	assert_string_equal(deb822_get(&d.stanzas[0], "a"), "1");
	assert_string_equal(deb822_get(&d.stanzas[0], "B"), "\nx\ny \nz");
	assert_null(deb822_get(&d.stanzas[1], "B"));
	assert_int_equal(d.stanzas[1].line, 8);
	deb822_finish(&d);
	assert_int_equal(deb822_parse("A: 1\nB\n", &d), -2);
	assert_int_equal(deb822_parse("", &d), 0);
	assert_int_equal(d.n, 0);
}

static int make_folder(void **state)
{
	static char dir[32];

	strcpy(dir, "/tmp/test_sources.XXXXXX");
	*state = mkdtemp(dir);
	return *state ? 0 : -1;
}

static int remove_folder(void **state)
{
	return dir_remove(*state, NULL);
}

/* What serves a base, out of a folder as apt has it. */
static void test_select(void **state)
{
	const char *dir = *state;
	struct source_list list = { 0 };
	cleanup_err struct err *err = NULL;
	const char *text =
		"deb http://a bookworm main\ndeb http://a bookworm-updates main\n"
		"deb http://s bookworm-security main\ndeb http://a trixie main\n"
		"deb http://a bookworm-backports main\ndeb [arch=arm64] http://b bookworm main\n"
		"deb ftp://a bookworm main\ndeb http://flat bookworm/\n";

	assert_true(sources_read(dir, "debian/bookworm", "amd64", &list, &err) < 0);
	assert_non_null(strstr(err_msg(err), "no source there serves debian/bookworm for amd64"));
	{
		cleanup_free char *path = xasprintf("%s/sources.list", dir);

		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, NULL), 0);
	}
	assert_int_equal(sources_read(dir, "debian/bookworm", "amd64", &list, NULL), 0);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[2].uri, "http://s");
	sources_finish(&list);
	assert_int_equal(sources_read(dir, "debian/bookworm", "arm64", &list, NULL), 0);
	assert_int_equal(list.n, 4);
	sources_finish(&list);
	assert_true(sources_read(dir, "ubuntu/noble", "amd64", &list, NULL) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_faults),
		cmocka_unit_test(test_deb822),
		cmocka_unit_test(test_deb822_faults),
		cmocka_unit_test(test_stanzas),
		cmocka_unit_test_setup_teardown(test_select, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
