/* SPDX-License-Identifier: MIT */
/* Caches, which are made here by the real programs and compared with what those of Debian make; locales. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "caches.h"
#include "command.h"
#include "fd.h"
#include "locales.h"
#include "mem.h"
#include "str.h"

#define FONT   "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
#define SCHEMA "usr/share/glib-2.0/schemas/"
#define CACHE  SCHEMA "gschemas.compiled"

/* --- locales --- */

static void expect_folder(const char *line, const char *folder)
{
	cleanup_free char *found = locales_folder(line);

	if (folder)
		assert_string_equal(found, folder);
	else
		assert_null(found);
}

static void test_locales(void **state)
{
	char lang[] = "LANG=de_AT.UTF-8", language[] = "LANGUAGE=fr:es_MX";
	char *env[] = { lang, language, NULL };
	const struct recipe r = { .env = env };

	(void)state;
	expect_folder("LANG=de_DE.UTF-8", "usr/lib/locale/de_DE.utf8");
	expect_folder("LC_ALL=de_DE.ISO-8859-15@euro", "usr/lib/locale/de_DE.iso885915@euro");
	expect_folder("LC_TIME=ja_JP.8859-1", "usr/lib/locale/ja_JP.iso88591");
	expect_folder("LANG=de_DE", "usr/lib/locale/de_DE");
	expect_folder("LANG=C", NULL);
	expect_folder("LANG=", NULL);
	expect_folder("LANG=../../x", NULL);
	expect_folder("LANGUAGE=de", NULL);
	expect_folder("PATH=/usr/bin", NULL);
	assert_true(locales_has_messages(&r, "usr/share/locale/de_AT/LC_MESSAGES/x.mo"));
	assert_true(locales_has_messages(&r, "usr/share/locale/de/LC_MESSAGES/x.mo"));
	assert_true(locales_has_messages(&r, "usr/share/locale/fr/LC_MESSAGES/x.mo"));
	assert_true(locales_has_messages(&r, "usr/share/locale/es_MX/LC_MESSAGES/x.mo"));
	assert_false(locales_has_messages(&r, "usr/share/locale/de_DE/LC_MESSAGES/x.mo"));
	assert_false(locales_has_messages(&r, "usr/share/locale/d/LC_MESSAGES/x.mo"));
	assert_false(locales_has_messages(&r, "usr/share/locale/it/LC_MESSAGES/x.mo"));
	assert_false(locales_has_messages(&r, "usr/share/locale/de/x.txt"));
}

/* --- caches --- */

struct world {
	char *folder;
	struct workspace ws;
	struct tree tree, left;
	char **notes;
};

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->folder = xstrdup("/tmp/test-caches.XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(workspace_open(w->folder, &w->ws, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	tree_finish(&w->tree);
	tree_finish(&w->left);
	strv_free(w->notes);
	workspace_close(&w->ws);
	dir_remove(w->folder, NULL);
	free(w->folder);
	free(w);
	return 0;
}

static void put(struct world *w, const char *path, const char *text)
{
	cleanup_free char *content = NULL;

	assert_int_equal(workspace_write(&w->ws, text, strlen(text), &content, NULL), 0);
	tree_put_file(&w->tree, path, 0644, content, "p", "");
}

static void put_schema(struct world *w)
{
	put(w, SCHEMA "org.example.gschema.xml",
	    "<schemalist><schema id='org.example' path='/org/example/'><key name='k' type='i'>"
	    "<default>7</default></key></schema></schemalist>");
}

/* Of the tree's file; the caller frees. */
static char *bytes_of(struct world *w, const char *path, size_t *ret_len)
{
	const struct tree_node *node = tree_get(&w->tree, path);
	struct buf bytes = BUF_INIT;

	assert_non_null(node);
	assert_non_null(node->content);
	assert_int_equal(file_read(node->content, 1 << 20, &bytes, NULL), 0);
	*ret_len = bytes.len;
	return (char *)buf_bytes(&bytes);
}

static void test_declared(void **state)
{
	struct world *w = *state;
	const struct tree_node *node;
	cleanup_free char *bytes = NULL;
	size_t len;

	put_schema(w);
	caches_declare(&w->tree);
	node = tree_get(&w->tree, CACHE);
	assert_non_null(node);
	assert_null(node->content);
	assert_null(tree_get(&w->tree, "usr/share/mime/mime.cache"));
	/* The image does not have what it is made of. */
	tree_move(&w->tree, SCHEMA "org.example.gschema.xml", &w->left);
	assert_int_equal(caches_make(&w->ws, &w->tree, &w->left, &w->notes, NULL), 0);
	bytes = bytes_of(w, CACHE, &len);
	assert_memory_equal(bytes, "GVariant", 8);
	assert_non_null(memmem(bytes, len, "org.example", 11));
	assert_string_equal(node->detail, "glib-compile-schemas");
}

/* What nothing asks for is not made, and what the recipe puts there stays. */
static void test_not_made(void **state)
{
	struct world *w = *state;
	cleanup_free char *bytes = NULL;
	size_t len;

	put_schema(w);
	caches_declare(&w->tree);
	tree_move(&w->tree, CACHE, &w->left);
	assert_int_equal(caches_make(&w->ws, &w->tree, &w->left, &w->notes, NULL), 0);
	assert_null(tree_get(&w->tree, CACHE));
	assert_null(tree_get(&w->left, CACHE)->content);

	put(w, CACHE, "own");
	caches_declare(&w->tree);
	assert_int_equal(caches_make(&w->ws, &w->tree, &w->left, &w->notes, NULL), 0);
	bytes = bytes_of(w, CACHE, &len);
	assert_int_equal(len, 3);
}

/* A program says what it cannot read; what is wrong with one file is no reason to have no cache. */
static void test_broken_input(void **state)
{
	struct world *w = *state;
	cleanup_err struct err *err = NULL;
	cleanup_free char *bytes = NULL;
	size_t len;

	put_schema(w);
	put(w, SCHEMA "x.gschema.xml", "<schemalist><schema id='org.x' path='no'/></schemalist>");
	caches_declare(&w->tree);
	assert_int_equal(caches_make(&w->ws, &w->tree, &w->left, &w->notes, &err), 0);
	bytes = bytes_of(w, CACHE, &len);
	assert_non_null(memmem(bytes, len, "org.example", 11));
}

static void test_no_program(void **state)
{
	struct world *w = *state;
	cleanup_free char *path = xstrdup(getenv("PATH"));
	cleanup_err struct err *err = NULL;

	put(w, "usr/share/mime/packages/x.xml", "<mime-info/>");
	caches_declare(&w->tree);
	setenv("PATH", "/nowhere", 1);
	assert_true(caches_make(&w->ws, &w->tree, &w->left, &w->notes, &err) < 0);
	setenv("PATH", path, 1);
	assert_true(str_starts(err_msg(err), "/usr/share/mime/mime.cache: "));
	assert_non_null(strstr(err_msg(err), "shared-mime-info"));
}

/* The file that stands for a folder of fonts, and its bytes. */
static char *make_fonts(struct world *w, size_t *ret_len)
{
	cleanup_free struct tree_node **nodes = NULL;
	cleanup_free char *content = NULL;

	put(w, "etc/fonts/fonts.conf", "<fontconfig></fontconfig>");
	assert_int_equal(workspace_copy(&w->ws, FONT, &content, NULL), 0);
	tree_put_file(&w->tree, "usr/share/fonts/x/a.ttf", 0644, content, "p", "");
	assert_int_equal(caches_make(&w->ws, &w->tree, NULL, &w->notes, NULL), 0);
	nodes = tree_list(&w->tree);
	for (size_t i = 0; nodes[i]; i++) {
		char *bytes;

		if (!str_starts(nodes[i]->path, "var/cache/fontconfig/"))
			continue;
		assert_int_equal(nodes[i]->reason, REASON_MADE);
		bytes = bytes_of(w, nodes[i]->path, ret_len);
		if (memmem(bytes, *ret_len, "DejaVu Sans", 11))
			return bytes;
		free(bytes);
	}
	return NULL;
}

static void test_fonts(void **state)
{
	struct world *w = *state;
	cleanup_free char *first = NULL, *second = NULL;
	size_t len, again;

	first = make_fonts(w, &len);
	assert_non_null(first);
	assert_null(memmem(first, len, w->folder, strlen(w->folder)));
	tree_finish(&w->tree);
	sleep(1); /* the folders' times would differ */
	second = make_fonts(w, &again);
	assert_int_equal(len, again);
	assert_memory_equal(first, second, len);
}

static void test_icons(void **state)
{
	struct world *w = *state;
	cleanup_free char *bytes = NULL;
	size_t len;

	put(w, "usr/share/icons/t/index.theme",
	    "[Icon Theme]\nName=t\nDirectories=16\n[16]\nSize=16\n");
	put(w, "usr/share/icons/t/16/leaf.png", "x");
	assert_int_equal(caches_make(&w->ws, &w->tree, NULL, &w->notes, NULL), 0);
	bytes = bytes_of(w, "usr/share/icons/t/icon-theme.cache", &len);
	assert_non_null(memmem(bytes, len, "leaf", 4));
}

static void test_loaders(void **state)
{
	struct world *w = *state;
	cleanup_free char *bytes = NULL;
	size_t len;

	put(w, "usr/lib/x/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so", "x");
	put(w, "usr/lib/x/gdk-pixbuf-2.0/2.10.0/loaders/unheard-of.so", "x");
	assert_int_equal(caches_make(&w->ws, &w->tree, NULL, &w->notes, NULL), 0);
	bytes = bytes_of(w, "usr/lib/x/gdk-pixbuf-2.0/2.10.0/loaders.cache", &len);
	assert_true(str_starts(
		bytes, "\"/usr/lib/x/gdk-pixbuf-2.0/2.10.0/loaders/libpixbufloader-svg.so\"\n"
		       "\"svg\" 6 \"gdk-pixbuf\""));
	assert_null(memmem(bytes, len, "unheard", 7));
	assert_int_equal(strv_len(w->notes), 1);
	assert_non_null(strstr(w->notes[0], "unheard-of.so of p: what this loader reads"));
}

/* What gdk-pixbuf's own program says of the loaders that this computer has. */
static void test_loaders_table(void **state)
{
	const char *argv[] = { NULL, NULL };
	struct command c = { .argv = argv };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	size_t compared = 0;
	glob_t found;
	int status;

	(void)state;
	assert_int_equal(
		glob("/usr/lib/*/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders", 0, NULL, &found), 0);
	argv[0] = found.gl_pathv[0];
	assert_int_equal(command_run(&c, &out, &errors, &status, NULL), 0);
	assert_int_equal(status, 0);
	buf_append(&out, "", 1);
	for (char *at = strstr((char *)buf_bytes(&out), "\n\""); at; at = strstr(at, "\n\n\"/")) {
		cleanup_free char *path = NULL, *name = NULL, *lines = NULL;
		char *end;

		at = strchr(at, '"') + 1;
		path = xstrndup(at, strcspn(at, "\""));
		name = xstrdup(strrchr(path, '/') + 1);
		at = strchr(at, '\n') + 1;
		end = strstr(at, "\n\n");
		lines = xstrndup(at, (size_t)(end + 1 - at));
		assert_non_null(caches_pixbuf_loader(name));
		assert_string_equal(caches_pixbuf_loader(name), lines);
		compared++;
		at = end;
	}
	assert_true(compared >= 11);
	globfree(&found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_locales),
		cmocka_unit_test_setup_teardown(test_declared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_not_made, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_input, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fonts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_icons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_loaders, set_up, tear_down),
		cmocka_unit_test(test_loaders_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
