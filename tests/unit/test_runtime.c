/* SPDX-License-Identifier: MIT */
/* Folders that packages declare for their programs: what is read of their files, and which of them are kept. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "closure.h"
#include "fd.h"
#include "mem.h"
#include "runtime.h"
#include "str.h"
#include "unit.h"

/* --- what is read --- */

static void expect_items(const struct tmpfiles *t, const char *expected)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *found = NULL;

	for (size_t i = 0; i < t->n; i++)
		buf_printf(&out, "%u %s %o %s%s%s\n", t->items[i].line, t->items[i].path,
			   t->items[i].mode, t->items[i].owner, t->items[i].target ? " " : "",
			   t->items[i].target ? t->items[i].target : "");
	found = buf_steal_str(&out);
	assert_string_equal(found, expected);
}

static void expect_lines(const char *text, const char *expected, unsigned int first_bad)
{
	struct tmpfiles t;
	unsigned int bad;

	tmpfiles_read(text, &t, &bad);
	expect_items(&t, expected);
	assert_int_equal(bad, first_bad);
	tmpfiles_finish(&t);
}

static void test_lines(void **state)
{
	(void)state;
	expect_lines("# dbus\n\nd /var/lib/dbus 0755 - - -\n"
		     "L /var/lib/dbus/machine-id - - - - /etc/machine-id\n"
		     "d /run/dbus/containers 0755 messagebus - - -\n",
		     "3 /var/lib/dbus 755 root:root\n"
		     "4 /var/lib/dbus/machine-id 755 root:root /etc/machine-id\n"
		     "5 /run/dbus/containers 755 messagebus:root\n",
		     0);
	expect_lines("d\t/run/haproxy\t2775\thaproxy haproxy -\n"
		     "D! /tmp/.X11-unix 1777 root root 10d\n"
		     "d- /root :0700 root :root -\n"
		     "d /run/a\n"
		     "d \"%t/with space\" ~0750 - \"\"\n",
		     "1 /run/haproxy 2775 haproxy:haproxy\n2 /tmp/.X11-unix 1777 root:root\n"
		     "3 /root 700 root:root\n4 /run/a 755 root:root\n"
		     "5 /run/with space 750 root:\n",
		     0);
	/* What changes or takes away, and links to where a system is reset from. */
	expect_lines(
		"z /run/log/journal 2755 root systemd-journal - -\nr! /etc/passwd.lock\n"
		"h /var/log/journal/%m - - - - +C\nx /tmp/systemd-private-%b-*\n"
		"f+! /run/utmp 0664 root utmp -\nL /etc/os-release\ne /var/cache/x 0755 - - 5d\n",
		"", 0);
	expect_lines("d /run/%b\n", "", 1);
	expect_lines("d /run/a 0755\nd run/b\n", "1 /run/a 755 root:root\n", 2);
	expect_lines("d /run/a 0799\n", "", 1);
	expect_lines("d /run/a 7777777\n", "", 1);
	expect_lines("d /run/\\x41\n", "", 1);
	expect_lines("d \"/run/a\n", "", 1);
	expect_lines("\"\" /run/a\nd", "", 2);
}

static void test_specifiers(void **state)
{
	static const struct {
		const char *word, *unit, *expected;
	} cases[] = {
		{ "%t/%p-%N-%n-100%%", "a.service", "/run/a-a-a.service-100%" },
		{ "%p", "redis-server@.service", "redis-server" },
		{ "%N", "redis-server@.service", NULL },
		{ "x-%i", "redis-server@.service", NULL },
		{ "%S%C%L", NULL, "/var/lib/var/cache/var/log" },
		{ "%p", NULL, NULL },
		{ "%", "a.service", NULL },
		{ "", NULL, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = specifiers_expand(cases[i].word, cases[i].unit);

		if (!cases[i].expected)
			assert_null(text);
		else
			assert_string_equal(text, cases[i].expected);
	}
}

static void expect_unit(const char *text, const char *name, const char *commands,
			const char *folders)
{
	struct unit u;
	cleanup_free char *words = NULL;

	unit_read(text, name, &u);
	words = strv_join(u.commands, "|");
	assert_string_equal(words, commands);
	expect_items(&u.folders, folders);
	unit_finish(&u);
}

static void test_units(void **state)
{
	(void)state;
	expect_unit("[Unit]\nRuntimeDirectory=no\n\n[Service]\n# ExecStart=/no\n"
		    "ExecStartPre=/usr/sbin/sshd -t\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n"
		    "RuntimeDirectory=sshd\nRuntimeDirectoryMode=0755\n\n[Install]\nUser=no\n",
		    "ssh.service", "/usr/sbin/sshd|-D|$SSHD_OPTS", "8 /run/sshd 755 root\n");
	expect_unit("[Service]\nExecStart=-@/usr/bin/redis-server 'a b' \\\n  --no\n"
		    "RuntimeDirectoryMode=2755\nRuntimeDirectory=redis redis/%i \\\n  x:y\n"
		    "StateDirectory = %p\nLogsDirectory=/no\nUser=redis\nGroup=adm\n",
		    "redis@.service", "/usr/bin/redis-server|a b|--no",
		    "5 /run/redis 2755 redis:adm\n5 /run/x 2755 redis:adm\n"
		    "7 /var/lib/redis 755 redis:adm\n");
	/* What was said before is taken back. */
	expect_unit("[Service]\nExecStart=/a\nExecStart=\nExecStart=/b\nCacheDirectory=a\n"
		    "CacheDirectory=\nUser=x\nUser=\nCacheDirectory=b\n",
		    "a.service", "/b", "9 /var/cache/b 755 root\n");
	expect_unit("RuntimeDirectory=a\n[Service", "a.service", "", "");
}

static void test_bounds(void **state)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct tmpfiles t;
	struct unit u;
	unsigned int bad;

	(void)state;
	for (unsigned int i = 0; i < 2 * TMPFILES_MAX; i++)
		buf_printf(&text, "d /run/%u\n", i);
	buf_append(&text, "", 1);
	tmpfiles_read((char *)buf_bytes(&text), &t, &bad);
	assert_int_equal(t.n, TMPFILES_MAX);
	tmpfiles_finish(&t);
	buf_clear(&text);
	buf_append_str(&text, "[Service]\n");
	for (unsigned int i = 0; i < 2 * TMPFILES_MAX; i++)
		buf_printf(&text, "RuntimeDirectory=a b c\nExecStart=a b c\n");
	buf_append(&text, "", 1);
	unit_read((char *)buf_bytes(&text), "a.service", &u);
	assert_int_equal(u.folders.n, TMPFILES_MAX);
	assert_int_equal(strv_len(u.commands), TMPFILES_MAX);
	unit_finish(&u);
}

/* --- which are kept --- */

struct world {
	char dir[32];
	struct tree tree, left;
	struct package_list packages;
	struct recipe recipe;
	struct account users[2];
	struct account_group groups[3];
	struct accounts accounts;
	struct runtime runtime;
	char **notes;
	unsigned int n;
};

static void put(struct world *w, const char *owner, const char *path, mode_t mode, const char *text)
{
	cleanup_free char *content = xasprintf("%s/%u", w->dir, w->n++);

	assert_int_equal(file_write_atomic(content, text, strlen(text), 0600, NULL), 0);
	tree_put_file(&w->tree, path, mode, content, owner, "");
	if (!str_eq(owner, "recipe"))
		tree_because(tree_get(&w->tree, path), REASON_PACKAGE, NULL, NULL);
}

static void put_folder(struct world *w, const char *owner, const char *path)
{
	tree_because(tree_put_dir(&w->tree, path, 0755, owner, ""),
		     str_eq(owner, "atoll") ? REASON_DECLARED : REASON_PACKAGE, NULL, NULL);
}

static void add_package(struct world *w, const char *name, const char *source)
{
	struct package p = { .name = xstrdup(name),
			     .version = xstrdup("1"),
			     .source = xstrdup(source) };

	package_list_take(&w->packages, &p);
}

static int begin(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/test_runtime.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	add_package(w, "bus", "bus");
	add_package(w, "common", "server");
	add_package(w, "server", "server");
	package_list_sort(&w->packages);
	w->users[0] = (struct account){ .name = xstrdup("root") };
	w->users[1] = (struct account){ .name = xstrdup("bus"), .uid = 110, .gid = 111 };
	w->groups[0] = (struct account_group){ .name = xstrdup("root"), .gid = 0 };
	w->groups[1] = (struct account_group){ .name = xstrdup("bus"), .gid = 111 };
	w->groups[2] = (struct account_group){ .name = xstrdup("adm"), .gid = 4 };
	w->accounts = (struct accounts){
		.users = w->users, .n_users = 2, .groups = w->groups, .n_groups = 3
	};
	w->recipe.file = xstrdup("r.yaml");
	strv_append(&w->recipe.argv, "/usr/bin/start");
	put(w, "recipe", "usr/bin/start", 0755, "#!/bin/sh\nserver\n");
	put(w, "server", "usr/bin/sh", 0755, "x");
	put_folder(w, "atoll", "run");
	put_folder(w, "atoll", "var/log");
	put(w, "server", "usr/sbin/server", 0755, "#!/bin/sh\n: /run/named/socket\n");
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	tree_finish(&w->tree);
	tree_finish(&w->left);
	package_list_finish(&w->packages);
	runtime_finish(&w->runtime);
	strv_free(w->notes);
	strv_free(w->recipe.argv);
	for (size_t i = 0; i < ARRAY_SIZE(w->users); i++)
		free(w->users[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(w->groups); i++)
		free(w->groups[i].name);
	free(w->recipe.file);
	dir_remove(w->dir, NULL);
	free(w);
	return 0;
}

static void declare(struct world *w)
{
	cleanup_err struct err *err = NULL;
	cleanup_strv char **notes = NULL;

	if (runtime_declare(&w->packages, &w->accounts, &w->tree, &w->runtime, &err) < 0 ||
	    closure_keep(&w->recipe, &w->packages, NULL, "amd64", &w->tree, &w->left, &notes,
			 &err) < 0)
		fail_msg("%s", err_msg(err));
	runtime_notes(&w->runtime, &w->tree, &w->notes);
}

static void refuse(struct world *w, const char *expected)
{
	cleanup_err struct err *err = NULL;

	assert_true(runtime_declare(&w->packages, &w->accounts, &w->tree, &w->runtime, &err) < 0);
	assert_string_equal(err_msg(err), expected);
}

/* "MODE UID GID REASON BY DETAIL" of what is in the image. */
static void expect(const struct world *w, const char *path, const char *expected)
{
	const struct tree_node *node = tree_get(&w->tree, path);
	cleanup_free char *found =
		node ? xasprintf("%o %u %u %s %s %s", node->mode & 07777, node->uid, node->gid,
				 reason_name(node->reason), node->by ? node->by : "-", node->detail)
		     : xstrdup("left");

	assert_string_equal(found, expected);
}

static void test_packages_in_use(void **state)
{
	struct world *w = *state;

	put(w, "server", "usr/lib/tmpfiles.d/server.conf", 0644,
	    "d /run/server 2750 bus adm\nd /var/run/server/in 0700\nL /run/link - - - - else\n"
	    "d /var/log 0777\nd /srv/no\nd /run/../etc/no\nd /run/link/no\n");
	put(w, "bus", "usr/lib/tmpfiles.d/bus.conf", 0644, "d /run/bus\nd /run/named 0711\n");
	declare(w);
	expect(w, "run/server",
	       "2750 110 4 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:1 declares it");
	expect(w, "run/server/in",
	       "700 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:2 declares it");
	expect(w, "run/link",
	       "777 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:3 declares it");
	/* Of a package of which nothing is kept, but a program that is says where it will be. */
	expect(w, "run/named",
	       "711 0 0 named usr/sbin/server /usr/lib/tmpfiles.d/bus.conf:2 declares it");
	expect(w, "run/bus", "left");
	/* What every appliance has; elsewhere; below a link. */
	expect(w, "var/log", "755 0 0 declared - (null)");
	expect(w, "srv/no", "left");
	expect(w, "etc/no", "left");
	expect(w, "run/link/no", "left");
	assert_null(w->notes);
}

static void test_programs_of_units(void **state)
{
	struct world *w = *state;

	put(w, "server", "usr/sbin/other", 0755, "x");
	put(w, "server", "usr/lib/helper", 0755, "x");
	put(w, "common", "usr/lib/systemd/system/server.service", 0644,
	    "[Service]\nUser=bus\nExecStart=/sbin/"
	    "server\nRuntimeDirectory=mine\nLogsDirectory=s\n");
	put(w, "server", "usr/lib/systemd/system/other.service", 0644,
	    "[Service]\nExecStart=/usr/sbin/other\nRuntimeDirectory=others\n");
	/* Of another source, and what that starts of its own. */
	put(w, "bus", "usr/lib/systemd/system/bus.service", 0644,
	    "[Service]\nExecStart=/usr/sbin/server\nRuntimeDirectory=anybody\n");
	put(w, "bus", "usr/bin/env", 0755, "x");
	put(w, "server", "usr/lib/systemd/system/script.service", 0644,
	    "[Service]\nExecStart=/usr/bin/env /usr/sbin/server\nRuntimeDirectory=script\n");
	put(w, "server", "usr/lib/systemd/system/true.service", 0644,
	    "[Service]\nExecStart=/bin/true\nRuntimeDirectory=nobody\n");
	declare(w);
	expect(w, "run/mine",
	       "755 110 111 data usr/sbin/server /usr/lib/systemd/system/server.service:4 "
	       "declares it");
	expect(w, "var/log/s",
	       "755 110 111 data usr/sbin/server /usr/lib/systemd/system/server.service:5 "
	       "declares it");
	expect(w, "run/script",
	       "755 0 0 data usr/sbin/server /usr/lib/systemd/system/script.service:3 declares it");
	expect(w, "run/others", "left");
	expect(w, "run/anybody", "left");
	expect(w, "run/nobody", "left");
	assert_non_null(tree_get(&w->left, "run/others"));
}

/* The first counts: the recipe's files, tmpfiles.d, units. Nobody changes what the recipe has. */
static void test_order(void **state)
{
	struct world *w = *state;

	put_folder(w, "server", "var/lib/server");
	tree_put_dir(&w->tree, "var/lib/data", 0750, "recipe", "volumes");
	put(w, "server", "usr/lib/tmpfiles.d/b.conf", 0644,
	    "d /run/a 0711\nd /var/lib/server 0700 bus bus\nd /var/lib/data 0777 bus\n");
	put(w, "server", "usr/lib/tmpfiles.d/replaced.conf", 0644, "d /run/replaced\n");
	put(w, "recipe", "etc/tmpfiles.d/replaced.conf", 0644, "d /run/own 0710 bus\n");
	put(w, "server", "usr/lib/systemd/system/server.service", 0644,
	    "[Service]\nUser=bus\nExecStart=/usr/sbin/server\nRuntimeDirectory=a own\n"
	    "StateDirectory=server\n");
	declare(w);
	expect(w, "run/a", "711 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/b.conf:1 declares it");
	expect(w, "var/lib/server",
	       "700 110 111 data usr/sbin/server /usr/lib/tmpfiles.d/b.conf:2 declares it");
	expect(w, "var/lib/data", "750 0 0 recipe - volumes");
	expect(w, "run/own", "710 110 0 recipe - /etc/tmpfiles.d/replaced.conf:1");
	expect(w, "run/replaced", "left");
}

static void test_service_manager(void **state)
{
	struct world *w = *state;

	put(w, "server", "usr/lib/systemd/systemd", 0755, "x");
	put(w, "server", "usr/lib/tmpfiles.d/systemd.conf", 0644, "d /run/systemd/seats\n");
	declare(w);
	expect(w, "run/systemd/seats", "left");
}

static void test_unknown_users(void **state)
{
	struct world *w = *state;

	put(w, "server", "usr/lib/tmpfiles.d/server.conf", 0644, "d /run/server 2750 buss adm\n");
	put(w, "bus", "usr/lib/tmpfiles.d/bus.conf", 0644, "d /run/bus 0755 nobody-here\n");
	declare(w);
	expect(w, "run/server",
	       "2750 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:1 declares it");
	assert_int_equal(strv_len(w->notes), 1);
	assert_string_equal(w->notes[0],
			    "/usr/lib/tmpfiles.d/server.conf:1: user \"buss\" does not exist; did "
			    "you mean \"bus\"?; users: declares one; /run/server is root's");
}

static void test_recipes_mistakes(void **state)
{
	struct world *w = *state;

	put(w, "recipe", "etc/tmpfiles.d/own.conf", 0644, "\nd /run/own 0755 bus no-group\n");
	refuse(w, "/etc/tmpfiles.d/own.conf:2: group \"no-group\" does not exist");
	put(w, "recipe", "etc/tmpfiles.d/own.conf", 0644, "d /run/own 0855\n");
	refuse(w, "/etc/tmpfiles.d/own.conf:1: expected a line of tmpfiles.d(5), without escapes "
		  "and without what only a machine knows");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_specifiers),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test_setup_teardown(test_packages_in_use, begin, end),
		cmocka_unit_test_setup_teardown(test_programs_of_units, begin, end),
		cmocka_unit_test_setup_teardown(test_order, begin, end),
		cmocka_unit_test_setup_teardown(test_service_manager, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown_users, begin, end),
		cmocka_unit_test_setup_teardown(test_recipes_mistakes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
