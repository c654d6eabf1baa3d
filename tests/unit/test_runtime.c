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
#include "skeleton.h"
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

/* `fault`: the begin of what is wrong with that line. */
static void expect_lines(const char *text, const char *expected, unsigned int fault_line,
			 const char *fault)
{
	struct tmpfiles t;

	tmpfiles_read(text, &t);
	expect_items(&t, expected);
	assert_int_equal(t.fault_line, fault_line);
	assert_int_equal(strncmp(t.fault ? t.fault : "", fault, strlen(fault)), 0);
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
		     0, "");
	expect_lines("d\t/run/haproxy\t2775\thaproxy haproxy -\n"
		     "D! /tmp/.X11-unix 1777 root root 10d\n"
		     "d- /root :0700 root :root -\n"
		     "d /run/a\n"
		     "d \"%t/with space\" ~0750 - \"\"\n",
		     "1 /run/haproxy 2775 haproxy:haproxy\n2 /tmp/.X11-unix 1777 root:root\n"
		     "3 /root 700 root:root\n4 /run/a 755 root:root\n"
		     "5 /run/with space 750 root:\n",
		     0, "");
}

/* Each makes nothing, and the first says why. */
static void test_faults(void **state)
{
	static const char *const not_made[] = {
		/* What makes files, changes or takes away, and links to where a system is reset from. */
		"z /run/log/journal 2755 root systemd-journal - -",
		"r! /etc/passwd.lock",
		"h /var/log/journal/%m - - - - +C",
		"x /tmp/systemd-private-%b-*",
		"f+! /run/utmp 0664 root utmp -",
		"p /run/pipe",
		"e /var/cache/x 0755 - - 5d",
		"\"\" /run/a",
		"L /etc/os-release",
		"L /run/a - - - - -",
	};
	static const char *const not_format[] = {
		"d /run/%b",
		"d run/b",
		"d /run/a 0799",
		"d /run/a 7777777",
		"d /run/\\x41",
		"d \"/run/a",
		"d",
		"L /run/a - - - - \"\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(not_made); i++)
		expect_lines(not_made[i], "", 1, "only folders (types d, D, v, q, Q) and links");
	for (size_t i = 0; i < ARRAY_SIZE(not_format); i++)
		expect_lines(not_format[i], "", 1, "expected a line of tmpfiles.d(5)");
	expect_lines("d /run/a 0755\nd run/b\nz /run/c\nd /run/d\n",
		     "1 /run/a 755 root:root\n4 /run/d 755 root:root\n", 2, "expected");
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
	/* What goes on does so behind comments; a comment does not go on, nor does a backslash that is one. */
	expect_unit(
		"[Service]\n# note \\\nRuntimeDirectory=a\\\n  # c \\\n;d\n b \\\r\n\nUser=bus\n"
		"; \\\n \\\n ExecStart=/x \\\\\n  StateDirectory = c \\\n#",
		"a.service", "/x|\\",
		"3 /run/a 755 bus\n3 /run/b 755 bus\n12 /var/lib/c 755 bus\n");
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

	(void)state;
	for (unsigned int i = 0; i < 2 * TMPFILES_MAX; i++)
		buf_printf(&text, "d /run/%u\n", i);
	buf_append(&text, "", 1);
	tmpfiles_read((char *)buf_bytes(&text), &t);
	assert_int_equal(t.n, TMPFILES_MAX);
	assert_int_equal(t.fault_line, TMPFILES_MAX + 1);
	assert_string_equal(t.fault, "more than 256 folders and links in one file");
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

/* Nothing that a recipe asks for is dropped in silence. */
static void test_recipes_wishes(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "d /srv/x", "1: /srv/x: only folders and links below /run and /var are made" },
		{ "d /run", "1: /run: only folders and links below /run and /var are made" },
		{ "d /run/../etc/x",
		  "1: /run/../etc/x: only folders and links below /run and /var are made" },
		{ "\nf /run/x 0644 - - - text",
		  "2: only folders (types d, D, v, q, Q) and links (L) that say where they lead "
		  "are made" },
		{ "L /run/secrets - - - - /data",
		  "1: /run/secrets: /run/atoll and /run/secrets are Atoll's own" },
		{ "d /run/atoll/links 0777 bus",
		  "1: /run/atoll/links: /run/atoll and /run/secrets are Atoll's own" },
		{ "L /run/a - - - - b\nd /run/a/c",
		  "2: /run/a/c: something above it is not a folder" },
		{ "d /run/e/below\nL /run/e - - - - x",
		  "2: /run/e: it is there already, and no link takes its place" },
		{ "d /var/log 0777", "1: /var/log: it is there already, and stays as it is" },
		{ "d /run/twice\nd /run/twice 0700",
		  "2: /run/twice: it is there already, and stays as it is" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *path = xasprintf("etc/tmpfiles.d/%zu.conf", i);
		cleanup_free char *expected = xasprintf("/%s:%s", path, cases[i].expected);

		put(w, "recipe", path, 0644, cases[i].text);
		refuse(w, expected);
		runtime_finish(&w->runtime);
		tree_remove(&w->tree, path);
		tree_remove(&w->tree, "run/a");
		tree_remove(&w->tree, "run/e/below");
		tree_remove(&w->tree, "run/twice");
	}
}

/* The same of packages stops no build. */
static void test_packages_wishes(void **state)
{
	struct world *w = *state;
	cleanup_free char *long_text = xmalloc(TMPFILES_BYTES_MAX + 2);

	memset(long_text, '\n', TMPFILES_BYTES_MAX + 1);
	long_text[TMPFILES_BYTES_MAX + 1] = '\0';
	put(w, "server", "usr/lib/tmpfiles.d/long.conf", 0644, long_text);
	put(w, "server", "usr/lib/systemd/system/long.service", 0644, long_text);
	put(w, "server", "usr/lib/tmpfiles.d/server.conf", 0644,
	    "L /run/a - - - - \"\"\nd /run/e/below\nL /run/e - - - - x\n"
	    "L /var/run/secrets - - - - /data\nd /run/b\n");
	declare(w);
	expect(w, "run/b",
	       "755 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:5 declares it");
	expect(w, "run/e/below",
	       "755 0 0 data usr/sbin/server /usr/lib/tmpfiles.d/server.conf:2 declares it");
	expect(w, "run/a", "left");
	expect(w, "run/e", "left");
	expect(w, "run/secrets", "left");
	assert_int_equal(strv_len(w->notes), 3);
	assert_string_equal(w->notes[0], "/usr/lib/tmpfiles.d/long.conf: longer than 256 KiB, the "
					 "most that is read; passed over");
	assert_string_equal(w->notes[1],
			    "/usr/lib/tmpfiles.d/server.conf:4: /var/run/secrets: /run/atoll and "
			    "/run/secrets are Atoll's own; passed over");
	assert_string_equal(w->notes[2], "/usr/lib/systemd/system/long.service: longer than 256 "
					 "KiB, the most that is read; passed over");
	put(w, "recipe", "etc/tmpfiles.d/own.conf", 0644, long_text);
	runtime_finish(&w->runtime);
	refuse(w, "/etc/tmpfiles.d/own.conf: longer than 256 KiB, the most that is read");
}

static void expect_bounds(const struct world *w, const char *expected)
{
	cleanup_err struct err *err = NULL;

	assert_int_equal(runtime_check(&w->tree, &err), expected ? -EINVAL : 0);
	assert_string_equal(err ? err_msg(err) : "", expected ? expected : "");
}

/* What machines would not copy, whoever has it there; what they do not copy does not count. */
static void test_machines_bounds(void **state)
{
	struct world *w = *state;
	cleanup_buf struct buf path = BUF_INIT;
	cleanup_free char *deep = NULL, *expected = NULL;

	buf_append_str(&path, "run");
	for (int i = 1; i < SKELETON_DEPTH; i++)
		buf_append_str(&path, "/d");
	deep = buf_steal_str(&path);
	put_folder(w, "server", deep);
	expect_bounds(w, NULL);
	buf_printf(&path, "%s/link", deep);
	buf_append(&path, "", 1);
	tree_put_link(&w->tree, (char *)buf_bytes(&path), "x", "server", "");
	expect_bounds(w, NULL);
	put_folder(w, "server", (char *)buf_bytes(&path));
	expected = xasprintf("/%s of server: folders of /run are more than 32 deep in one another, "
			     "and machines would have to copy them",
			     (char *)buf_bytes(&path));
	expect_bounds(w, expected);
	tree_remove(&w->tree, (char *)buf_bytes(&path));
	for (int i = 1; i < SKELETON_MAX; i++) {
		cleanup_free char *name = xasprintf("run/%04d", i);
		cleanup_free char *own = xasprintf("run/secrets/%04d", i);

		tree_put_link(&w->tree, name, "x", "bus", "");
		tree_put_link(&w->tree, own, "x", "bus", "");
	}
	put(w, "bus", "run/file", 0644, "");
	expect_bounds(w, NULL);
	put_folder(w, "bus", "run/z");
	expect_bounds(w, "/run/z of bus: below /run are more than 4096 folders and links, which "
			 "machines would have to copy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_specifiers),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test_setup_teardown(test_packages_in_use, begin, end),
		cmocka_unit_test_setup_teardown(test_programs_of_units, begin, end),
		cmocka_unit_test_setup_teardown(test_order, begin, end),
		cmocka_unit_test_setup_teardown(test_service_manager, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown_users, begin, end),
		cmocka_unit_test_setup_teardown(test_recipes_mistakes, begin, end),
		cmocka_unit_test_setup_teardown(test_recipes_wishes, begin, end),
		cmocka_unit_test_setup_teardown(test_packages_wishes, begin, end),
		cmocka_unit_test_setup_teardown(test_machines_bounds, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
