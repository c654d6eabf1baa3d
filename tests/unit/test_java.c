/* SPDX-License-Identifier: MIT */
/*
 * Java's modules and who names them. The modules are those of this computer's JDK; archives and classes are made
 * by its programs.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "command.h"
#include "fd.h"
#include "java_modules.h"
#include "mem.h"
#include "str.h"

#define JMODS "/usr/lib/jvm/java-17-openjdk-*/jmods/*.jmod"

struct world {
	char *folder;
	struct tree tree;
	struct java_modules modules;
};

/* All of the JDK's, as a tree has them. */
static void put_modules(struct world *w)
{
	cleanup_free struct tree_node **nodes = NULL;
	glob_t found;

	assert_int_equal(glob(JMODS, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++)
		tree_put_file(&w->tree, found.gl_pathv[i] + 1, 0644, found.gl_pathv[i], "jdk", "");
	globfree(&found);
	nodes = tree_list(&w->tree);
	assert_int_equal(java_modules_read(nodes, w->tree.n, &w->modules, NULL), 0);
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->folder = xstrdup("/tmp/test-java.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	put_modules(w);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	java_modules_finish(&w->modules);
	tree_finish(&w->tree);
	dir_remove(w->folder, NULL);
	free(w->folder);
	free(w);
	return 0;
}

static void run(struct world *w, const char *const *argv)
{
	struct command c = { .argv = argv, .dir = w->folder };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	int status;

	assert_int_equal(command_run(&c, &out, &errors, &status, NULL), 0);
	assert_int_equal(status, 0);
}

static void write_file(struct world *w, const char *name, const char *text)
{
	cleanup_free char *path = xasprintf("%s/%s", w->folder, name);

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, NULL), 0);
}

static void read_bytes(struct world *w, const char *name, struct buf *out)
{
	cleanup_free char *path = xasprintf("%s/%s", w->folder, name);

	buf_clear(out);
	assert_int_equal(file_read(path, 1 << 20, out, NULL), 0);
}

static void handle_named(const struct java_module *m, const char *name, void *data)
{
	char ***list = data;

	(void)name;
	if (!strv_has(*list, m->name))
		strv_append(list, m->name);
}

/* Modules that bytes name, one behind the other; the caller frees. */
static char *named(struct world *w, const void *bytes, size_t len)
{
	cleanup_strv char **list = NULL;

	assert_int_equal(java_modules_scan(&w->modules, bytes, len, handle_named, &list, NULL), 0);
	return list ? strv_join(list, " ") : xstrdup("");
}

static void expect(struct world *w, const char *text, const char *modules)
{
	cleanup_free char *found = named(w, text, strlen(text));

	assert_string_equal(found, modules);
}

static void test_modules(void **state)
{
	struct world *w = *state;
	const struct java_module *sql = java_modules_find(&w->modules, "java.sql");
	const struct java_module *base = java_modules_find(&w->modules, "java.base");

	assert_non_null(sql);
	assert_int_equal(strv_len(sql->requires), 4);
	assert_true(strv_has(sql->requires, "java.base"));
	assert_true(strv_has(sql->requires, "java.logging"));
	assert_true(strv_has(sql->requires, "java.transaction.xa"));
	assert_true(strv_has(sql->requires, "java.xml"));
	assert_null(sql->libraries);
	assert_true(strv_has(sql->packages, "javax/sql"));
	assert_non_null(base);
	assert_null(base->requires);
	assert_true(strv_has(base->libraries, "libnet.so"));
	assert_true(strv_has(base->libraries, "server/libjvm.so"));
	assert_null(java_modules_find(&w->modules, "java.sq"));
}

static void test_names(void **state)
{
	struct world *w = *state;

	/* As classes have them, and as texts do. */
	expect(w, "(ILjava/sql/Date;)V", "java.sql");
	expect(w, "[Ljavax/naming/Name;\x01", "java.naming");
	expect(w, "Class.forName(\"java.net.http.HttpClient\")", "java.net.http");
	expect(w, "<%@ page import=\"com.sun.net.httpserver.*\" %>", "jdk.httpserver");
	/* The longest package counts, not one that is like its begin. */
	expect(w, "java.util.logging.Logger", "java.logging");
	expect(w, "java.util.List", "java.base");
	expect(w, "java.utilities.List com.example.java.sql.Date javax.none.X", "");
	/* Modules by their own names. */
	expect(w, "--add-modules jdk.jfr,java.rmi", "jdk.jfr java.rmi");
	expect(w, "java.se", "");
	/* What stands for an implementation. */
	expect(w, "javax.tools.ToolProvider", "jdk.compiler");
	expect(w, "javax.tools.Tool", "java.compiler");
	expect(w, "-Dcom.sun.management.jmxremote.port=1", "jdk.management.agent");
	expect(w, "", "");
	expect(w, "java", "");
	expect(w, "java.", "");
}

/* Classes in an archive in an archive, and a module's descriptor; not the manifest. */
static void test_archives(void **state)
{
	struct world *w = *state;
	const char *compile[] = { "javac", "-d", "classes", "Main.java", "module-info.java", NULL };
	const char *inner[] = { "jar",         "--create", "--file",  "inner.jar", "--manifest",
				"manifest.mf", "-C",       "classes", ".",         NULL };
	const char *outer[] = { "jar", "--create", "--file", "outer.war", "inner.jar", NULL };
	cleanup_buf struct buf bytes = BUF_INIT;
	cleanup_strv char **list = NULL;
	cleanup_err struct err *err = NULL;

	write_file(w, "Main.java",
		   "package p; class Main { java.util.logging.Logger l; "
		   "String s = \"javax.script.ScriptEngine\"; }");
	write_file(w, "module-info.java",
		   "module p { requires java.logging; requires java.rmi; "
		   "requires static java.prefs; }");
	write_file(w, "manifest.mf", "Import-Package: java.net.http.x\n");
	run(w, compile);
	run(w, inner);
	run(w, outer);
	read_bytes(w, "outer.war", &bytes);
	assert_int_equal(java_modules_scan(&w->modules, buf_bytes(&bytes), bytes.len, handle_named,
					   &list, NULL),
			 0);
	assert_true(strv_has(list, "java.logging"));
	assert_true(strv_has(list, "java.scripting"));
	assert_true(strv_has(list, "java.rmi"));
	assert_false(strv_has(list, "java.net.http"));
	assert_false(strv_has(list, "java.xml"));

	/* One that is cut off, so that its list of files is not there. */
	assert_int_equal(java_modules_scan(&w->modules, buf_bytes(&bytes), bytes.len / 2,
					   handle_named, &list, &err),
			 -EBADMSG);
}

/* A descriptor that lies about its lengths. */
static void test_descriptor(void **state)
{
	struct world *w = *state;
	const char *compile[] = { "javac", "-d", "m", "module-info.java", NULL };
	cleanup_buf struct buf bytes = BUF_INIT;
	char **requires;

	write_file(w, "module-info.java",
		   "module m { requires java.rmi; requires static java.prefs; }");
	run(w, compile);
	read_bytes(w, "m/module-info.class", &bytes);
	assert_int_equal(java_descriptor_requires(buf_bytes(&bytes), bytes.len, &requires, NULL),
			 0);
	assert_int_equal(strv_len(requires), 2);
	assert_true(strv_has(requires, "java.rmi"));
	assert_true(strv_has(requires, "java.base"));
	strv_free(requires);
	for (size_t len = 0; len < bytes.len; len++) {
		int r = java_descriptor_requires(buf_bytes(&bytes), len, &requires, NULL);

		assert_true(r == 0 || r == -EBADMSG);
		assert_true(r == 0 || !requires);
		strv_free(requires);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modules, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_archives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_descriptor, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
