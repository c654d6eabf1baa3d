/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "appliance.h"
#include "mem.h"
#include "str.h"

static struct appliance *full(void)
{
	struct appliance *a = xcalloc(1, sizeof(*a));

	a->name = xstrdup("db");
	a->version = xstrdup("1.0");
	a->arch = xstrdup("amd64");
	a->base = xstrdup("debian/bookworm");
	strv_append(&a->argv, "redis-server");
	strv_append(&a->argv, "/etc/redis.conf");
	strv_append(&a->prepare, "true");
	strv_append(&a->test, "redis-cli");
	a->tested = xasprintf("%064d", 7);
	strv_append(&a->env, "LANG=C.UTF-8");
	strv_append(&a->env, "EMPTY=");
	a->user = xstrdup("redis");
	a->workdir = xstrdup("/var/lib/redis");
	strv_append(&a->modules, "/lib/modules/6.1/kernel/nf_tables.ko");
	strv_append(&a->capabilities, "net_admin");
	strv_append(&a->kinds, "light");
	a->memory = 96 << 20;
	a->kernel_version = xstrdup("6.1.0-1-cloud-amd64");
	a->services = xcalloc(2, sizeof(*a->services));
	a->services[0] = (struct appliance_service){ xstrdup("admin"), xstrdup("unix/run/a.sock") };
	a->services[1] = (struct appliance_service){ xstrdup("redis"), xstrdup("tcp/6379") };
	a->n_services = 2;
	a->volumes = xcalloc(1, sizeof(*a->volumes));
	a->volumes[0] = (struct appliance_volume){ xstrdup("data"), xstrdup("/var/lib/redis"), 105,
						   106, 0750 };
	a->n_volumes = 1;
	a->packages = xcalloc(1, sizeof(*a->packages));
	a->packages[0] = (struct appliance_package){ xstrdup("redis-server"), xstrdup("5:7.0-1"),
						     xstrdup("amd64"), xstrdup("redis") };
	a->n_packages = 1;
	return a;
}

static void test_round_trip(void **state)
{
	struct appliance *a = full(), *b = NULL;
	cleanup_buf struct buf first = BUF_INIT, second = BUF_INIT;

	(void)state;
	appliance_write(a, &first);
	assert_int_equal(appliance_parse(buf_bytes(&first), first.len, &b, NULL), 0);
	assert_string_equal(b->name, "db");
	assert_string_equal(b->argv[1], "/etc/redis.conf");
	assert_string_equal(b->env[1], "EMPTY=");
	assert_string_equal(b->test[0], "redis-cli");
	assert_string_equal(b->tested + 63, "7");
	assert_string_equal(b->services[1].target, "tcp/6379");
	assert_int_equal(b->volumes[0].mode, 0750);
	assert_int_equal(b->volumes[0].group, 106);
	assert_string_equal(b->packages[0].source, "redis");
	assert_int_equal(b->memory, 96 << 20);
	appliance_write(b, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(buf_bytes(&first), buf_bytes(&second), first.len);
	appliance_free(a);
	appliance_free(b);
}

static void test_minimal(void **state)
{
	static const char text[] = "{\"schema\":1,\"name\":\"a\",\"arch\":\"arm64\",\"later\":{}}";
	struct appliance *a = NULL;

	(void)state;
	assert_int_equal(appliance_parse(text, strlen(text), &a, NULL), 0);
	assert_null(a->argv);
	assert_int_equal(a->n_services, 0);
	appliance_free(a);
}

/* Each is refused with a message that has this in it. */
static const struct {
	const char *fields, *expected;
} refused[] = {
	{ "\"arch\":\"amd64\"", "name: is missing" },
	{ "\"name\":7,\"arch\":\"amd64\"", "name: expected a string, found a number" },
	{ "\"name\":\"A b\",\"arch\":\"amd64\"", "name: expected a name, found \"A b\"" },
	{ "\"name\":\"a\",\"arch\":\"../x\"", "arch: expected an architecture's name" },
	{ "\"name\":\"a\",\"name\":\"b\"", "duplicate object key" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"run\":\"x\"", "run: expected a list" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"run\":[1]", "run[0]: expected a string" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"env\":[\"x\"]", "env[0]: expected NAME=VALUE" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"kinds\":[\"heavy\"]", "kinds[0]: expected light" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"modules\":[\"../../x\"]",
	  "modules[0]: expected a path" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"memory\":-1", "memory: expected a whole number" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"memory\":1.5", "memory: expected a whole number" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"provides\":{\"x\":\"tcp/0\"}",
	  "provides.x: expected" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"provides\":{\"X\":\"tcp/1\"}",
	  "provides.X: expected" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"provides\":[]", "provides: expected an object" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"volumes\":{\"d\":{}}",
	  "volumes.d.target: expected a string, found nothing" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"volumes\":{\"d\":{\"target\":\"/../x\"}}",
	  "volumes.d.target: expected an absolute path" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"volumes\":{\"d\":{\"target\":\"/x\",\"owner\":0,"
	  "\"group\":0,\"mode\":65536}}",
	  "volumes.d.mode: expected a whole number from 0 to 4095, found 65536" },
	{ "\"name\":\"a\",\"arch\":\"amd64\",\"packages\":[{\"name\":\"p\"}]",
	  "packages[0].version: expected a string" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		cleanup_free char *text = xasprintf("{\"schema\":1,%s}", refused[i].fields);
		cleanup_err struct err *err = NULL;
		struct appliance *a = NULL;

		assert_int_equal(appliance_parse(text, strlen(text), &a, &err), -EBADMSG);
		assert_null(a);
		if (!strstr(err_msg(err), refused[i].expected))
			fail_msg("expected \"%s\" in \"%s\"", refused[i].expected, err_msg(err));
	}
}

static void test_no_manifest(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "7", "{\"schema\":2}", "\xff\xfe", "{}"
	};
	cleanup_free char *huge = xcalloc(1, APPLIANCE_MANIFEST_MAX + 1);
	struct appliance *a = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_err struct err *err = NULL;

		assert_int_equal(appliance_parse(texts[i], strlen(texts[i]), &a, &err), -EBADMSG);
	}
	memset(huge, ' ', APPLIANCE_MANIFEST_MAX + 1);
	assert_int_equal(appliance_parse(huge, APPLIANCE_MANIFEST_MAX + 1, &a, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
