/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "buf.h"
#include "mem.h"
#include "passwd.h"
#include "str.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "short:x:7:7\n"
			     ":x:8:8:no name:/:/bin/sh\n"
			     "minus:x:-1:9::/:/bin/sh\n"
			     "highest:x:4294967295:9::/:/bin/sh\n"
			     "many:x:9:9::/:/bin/sh:more\n"
			     "\n"
			     "redis:x:101:102:a:/var/lib/redis:/bin/false";

static void test_passwd(void **state)
{
	static const char *const absent[] = { "short", "7",  "",        "8",    "minus", "-1",
					      "9",     "0x", "highest", "many", "redi" };
	cleanup_free char *by_name = NULL, *by_id = NULL;
	struct user user;

	(void)state;
	assert_int_equal(user_parse_passwd(passwd, "redis", &user, &by_name), 0);
	assert_int_equal(user.uid, 101);
	assert_int_equal(user.gid, 102);
	assert_int_equal(user.n_groups, 0);
	assert_string_equal(user.home, "/var/lib/redis");
	assert_int_equal(user_parse_passwd(passwd, "101", &user, &by_id), 0);
	assert_string_equal(by_id, "redis");
	for (size_t i = 0; i < ARRAY_SIZE(absent); i++) {
		char *name = NULL;

		assert_int_equal(user_parse_passwd(passwd, absent[i], &user, &name), -ENOENT);
		assert_null(name);
	}
}

static void test_group(void **state)
{
	struct user user = { .uid = 101, .gid = 102 };

	(void)state;
	user_parse_group("redis:x:102:redis\n"
			 "a:x:200:redis\n"
			 "b:x:201:foo,redis,bar\n"
			 "c:x:202:redis2\n"
			 "d:x:many:redis\n"
			 "e:x:203:\n"
			 "f:x:204:redis:more\n"
			 "g:x:205:foo,redis",
			 "redis", &user);
	assert_int_equal(user.n_groups, 3);
	assert_int_equal(user.groups[0], 200);
	assert_int_equal(user.groups[1], 201);
	assert_int_equal(user.groups[2], 205);
}

static void test_group_bound(void **state)
{
	struct user user = { .uid = 101, .gid = 102 };
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *s = NULL;

	(void)state;
	for (int i = 0; i < USER_MAX_GROUPS + 10; i++)
		buf_printf(&text, "g%d:x:%d:redis\n", i, 1000 + i);
	s = buf_steal_str(&text);
	user_parse_group(s, "redis", &user);
	assert_int_equal(user.n_groups, USER_MAX_GROUPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passwd),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_group_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
