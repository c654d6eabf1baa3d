/* SPDX-License-Identifier: MIT */
/*
 * The parts of the closure that read bytes: words in programs and texts, imports of Python, the cache
 * of libraries; and Python and Perl scripts with their modules in a tree. build.bats has the whole.
 */
#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "closure_internal.h"
#include "fd.h"
#include "ldcache.h"
#include "mem.h"
#include "python_imports.h"
#include "str.h"
#include "typelib.h"
#include "words.h"

#define EXPECT_WORDS(scan, text, expected)                                                         \
	do {                                                                                       \
		struct words w = { 0 };                                                            \
		cleanup_strv char **list = NULL;                                                   \
		cleanup_free char *joined = NULL;                                                  \
                                                                                                   \
		scan(text, sizeof(text), &w);                                                      \
		list = words_steal(&w);                                                            \
		joined = *list ? strv_join(list, " ") : xstrdup("");                               \
		assert_string_equal(joined, expected);                                             \
	} while (0)

static void test_words(void **state)
{
	(void)state;
	EXPECT_WORDS(words_scan, "a=/etc/x; load \"mod_y.so\" /home/no /usr/lib/z/",
		     "/etc/x /usr/lib/z mod_y.so");
	EXPECT_WORDS(words_scan, "include /etc/n/*.conf; lib.so.x libx.so.1.2 .so",
		     "/etc/n/*.conf libx.so.1.2");
	/* At the begin of a string only, or of one in a list. */
	EXPECT_WORDS(words_scan_strings,
		     "\0/etc/a\0--conf=/etc/b\0/usr/c:/usr/d\0liby.so.2\0x libz.so.3",
		     "/etc/a /usr/c /usr/d liby.so.2");
	EXPECT_WORDS(words_scan_strings, "\001:/usr/no\0/usr/a b:/usr/no\0\377\0/usr/b:\0:/usr/no",
		     "/usr/a /usr/b");
}

/* Names of programs: a whole string, or with an option behind; of scripts, what begins with a quote. */
static void test_names(void **state)
{
	static const char bytes[] = "xless\0less\0less is more\0git -C %s\0gi\0git-x\0/bin/ip\0ip";
	static const char text[] =
		"'less' \"ip \" `git log` '/bin/gzip' 'in/gzip' open(F, \"| gzip\")"
		" \"gi\" 'lessen' \"git-x\" qx{sed x} %w[awk b] qw(mawk 'tar";
	static const char *const programs[] = { "awk",  "git",  "gzip", "ip", "less",
						"mawk", "more", "sed",  "tar" };
	struct words names = { 0 }, found = { 0 };
	cleanup_strv char **in_bytes = NULL, **in_text = NULL;
	cleanup_free char *one = NULL, *two = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		words_add(&names, programs[i], strlen(programs[i]));
	words_scan_names(bytes, sizeof(bytes), &names, &found);
	in_bytes = words_steal(&found);
	words_scan_quoted(text, &names, &found);
	in_text = words_steal(&found);
	one = strv_join(in_bytes, " ");
	two = strv_join(in_text, " ");
	words_finish(&names);
	assert_string_equal(one, "git ip less");
	assert_string_equal(two, "/bin/gzip awk git gzip ip less mawk sed");
}

static bool take_import(const struct python_import *import, void *data)
{
	struct buf *out = data;

	buf_printf(out, "%s%s%s%s%s ", import->module, import->name ? ":" : "",
		   import->name ? import->name : "", import->in_function ? "(f)" : "",
		   import->in_main ? "(m)" : "");
	return !str_starts(import->module, "missing");
}

static void expect_imports(const char *text, const char *expected)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *found = NULL;

	python_imports(text, take_import, &out);
	found = buf_steal_str(&out);
	assert_string_equal(found, expected);
}

static void test_imports(void **state)
{
	(void)state;
	expect_imports("import a, b.c as d\nfrom e.f import (g,\n    h as i)  # import x\n",
		       "a b.c e.f:g e.f:h ");
	expect_imports("from . import a\nfrom ..b import *\n", ".:a ..b ");
	expect_imports("'''\nimport no\n'''\nx = \"import no\"\nimport yes\n", "yes ");
	expect_imports("def f():\n  import a\nimport b; import c\nif x: import d\n", "a(f) b c d ");
	expect_imports("if __name__ == '__main__':\n  import a\ndef _test():\n  import b\n",
		       "a(m) b(m) ");
	expect_imports("try:\n  import a\nexcept ImportError:\n  import b\n", "a ");
	expect_imports("try:\n  import missing\nexcept ImportError:\n  import b\nimport c\n",
		       "missing b c ");
	expect_imports("if sys.platform == 'win32':\n  import a\nelse:\n  import b\n", "b ");
	expect_imports("x = importlib.import_module('a.b')\ny = __import__(\"c\")\n", "a.b c ");
	expect_imports("x = '''unterminated\nimport a", "");
	expect_imports("important = 1\nimport_a = 2\nfrom_x = 3\n", "");
}

static void test_cache(void **state)
{
	struct ldcache_entry entries[] = { { "liba.so.2", xstrdup("/usr/lib/liba.so.2") },
					   { "liba.so.10", xstrdup("/usr/lib/liba.so.10") },
					   { "libb.so.1", xstrdup("/usr/lib/libb.so.1") } };
	cleanup_buf struct buf out = BUF_INIT;

	(void)state;
	ldcache_write(entries, ARRAY_SIZE(entries), 0x303, &out);
	assert_memory_equal(buf_bytes(&out), "glibc-ld.so.cache1.1\3\0\0\0", 24);
	/* ld.so searches in falling order, in which numbers count as numbers. */
	assert_string_equal(entries[0].name, "libb.so.1");
	assert_string_equal(entries[1].name, "liba.so.10");
	assert_string_equal(entries[2].name, "liba.so.2");
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		free(entries[i].path);
}

/* --- scripts in a tree --- */

struct world {
	char dir[32];
	struct tree tree, left;
	struct package_list packages;
	struct recipe recipe;
	unsigned int n;
};

static void put_bytes(struct world *w, const char *path, mode_t mode, const void *data, size_t len)
{
	cleanup_free char *content = xasprintf("%s/%u", w->dir, w->n++);

	assert_int_equal(file_write_atomic(content, data, len, 0600, NULL), 0);
	tree_because(tree_put_file(&w->tree, path, mode, content, "p", ""), REASON_PACKAGE, NULL,
		     NULL);
}

static void put(struct world *w, const char *path, mode_t mode, const char *text)
{
	put_bytes(w, path, mode, text, strlen(text));
}

static void set_owner(struct world *w, const char *path, const char *owner)
{
	struct tree_node *node = tree_get(&w->tree, path);

	free(node->owner);
	node->owner = xstrdup(owner);
}

/* Another package, with a program of its name; it depends on one, and stands for one. */
static void add_package(struct world *w, const char *name, const char *depends,
			const char *provides)
{
	struct package p = { .name = xstrdup(name),
			     .version = xstrdup("1"),
			     .source = xstrdup(name) };
	cleanup_free char *path = xasprintf("usr/bin/%s", name);

	if (depends)
		strv_append(&p.depends, depends);
	if (provides)
		strv_append(&p.provides, provides);
	package_list_take(&w->packages, &p);
	package_list_sort(&w->packages);
	if (depends)
		return; /* a metapackage, then */
	put(w, path, 0755, "x");
	set_owner(w, path, name);
}

/* What is said, an error or warnings; the caller frees. */
static char *keep_saying(struct world *w)
{
	cleanup_strv char **notes = NULL;
	cleanup_err struct err *err = NULL;

	if (closure_keep(&w->recipe, &w->packages, NULL, "amd64", &w->tree, &w->left, &notes,
			 &err) < 0)
		return xasprintf("error: %s", err_msg(err));
	return notes ? strv_join(notes, "\n") : xstrdup("");
}

static void keep(struct world *w)
{
	cleanup_free char *said = keep_saying(w);

	if (str_starts(said, "error: "))
		fail_msg("%s", said);
}

static int begin(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct package p = { .name = xstrdup("p"),
			     .version = xstrdup("1"),
			     .source = xstrdup("s") };

	strcpy(w->dir, "/tmp/test_closure.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	package_list_take(&w->packages, &p);
	w->recipe.file = xstrdup("r.yaml");
	*state = w;
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;

	tree_finish(&w->tree);
	tree_finish(&w->left);
	package_list_finish(&w->packages);
	strv_free(w->recipe.argv);
	strv_free(w->recipe.packages);
	strv_free(w->recipe.keep);
	free(w->recipe.file);
	dir_remove(w->dir, NULL);
	free(w);
	return 0;
}

static void expect(const struct world *w, const char *path, enum reason reason, const char *by)
{
	const struct tree_node *node = tree_get(&w->tree, path);

	if (!node)
		fail_msg("%s is not kept", path);
	if (node->reason != reason || !str_eq(node->by, by))
		fail_msg("%s: %s by %s", path, reason_name(node->reason), node->by);
}

static void test_python(void **state)
{
	struct world *w = *state;

	put(w, "usr/bin/python3.11", 0755, "x\0_builtin\0");
	tree_put_link(&w->tree, "usr/bin/python3", "python3.11", "p", "");
	put(w, "usr/bin/run", 0755,
	    "#!/usr/bin/env python3\nimport a.b\nimport dist\nimport own\n");
	put(w, "usr/bin/own.py", 0644, "");
	put(w, "usr/bin/env", 0755, "x");
	put(w, "usr/lib/python3.11/os.py", 0644, "def f():\n  import subprocess\n");
	put(w, "usr/lib/python3.11/subprocess.py", 0644, "");
	put(w, "usr/lib/python3.11/a/__init__.py", 0644, "");
	put(w, "usr/lib/python3.11/a/b.py", 0644, "from . import c\ndef f():\n  import pydoc, d\n");
	put(w, "usr/lib/python3.11/a/c.py", 0644, "");
	put(w, "usr/lib/python3.11/d.py", 0644, "");
	put(w, "usr/lib/python3.11/pydoc.py", 0644, "");
	put(w, "usr/lib/python3.11/unused.py", 0644, "");
	put(w, "usr/lib/python3/dist-packages/dist/__init__.py", 0644, "");
	put(w, "usr/lib/python3/dist-packages/dist/data.txt", 0644, "x");
	strv_append(&w->recipe.argv, "run");
	keep(w);
	expect(w, "usr/bin/run", REASON_RECIPE, NULL);
	expect(w, "usr/bin/env", REASON_INTERPRETER, "usr/bin/run");
	expect(w, "usr/bin/python3", REASON_INTERPRETER, "usr/bin/run");
	expect(w, "usr/bin/python3.11", REASON_LINK, "usr/bin/python3");
	expect(w, "usr/lib/python3.11/a/__init__.py", REASON_IMPORT, "usr/bin/run");
	expect(w, "usr/lib/python3.11/a/c.py", REASON_IMPORT, "usr/lib/python3.11/a/b.py");
	expect(w, "usr/lib/python3.11/d.py", REASON_IMPORT, "usr/lib/python3.11/a/b.py");
	expect(w, "usr/lib/python3/dist-packages/dist/data.txt", REASON_IMPORT, "usr/bin/run");
	expect(w, "usr/bin/own.py", REASON_IMPORT, "usr/bin/run");
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/unused.py"));
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/pydoc.py"));
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/subprocess.py"));
}

static void put_python(struct world *w)
{
	put(w, "usr/bin/python3.11", 0755, "x");
	tree_put_link(&w->tree, "usr/bin/python3", "python3.11", "p", "");
	put(w, "usr/lib/x86_64-linux-gnu/libgcc_s.so.1", 0644, "");
}

/* The interpreter ends threads by what libgcc_s unwinds: only for who can start one. */
static void test_python_without_threads(void **state)
{
	struct world *w = *state;

	put_python(w);
	put(w, "usr/lib/python3.11/warnings.py", 0644, "def f():\n  import linecache\n");
	put(w, "usr/lib/python3.11/linecache.py", 0644, "");
	put(w, "usr/bin/one", 0755, "#!/usr/bin/python3\nimport warnings\n");
	strv_append(&w->recipe.argv, "/usr/bin/one");
	keep(w);
	assert_non_null(tree_get(&w->tree, "usr/lib/python3.11/warnings.py"));
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/linecache.py"));
	assert_non_null(tree_get(&w->left, "usr/lib/x86_64-linux-gnu/libgcc_s.so.1"));
}

/* A codec by its name or another name of it, and what sysconfig reads: by names that no import has. */
static void test_python_by_name(void **state)
{
	struct world *w = *state;

	put_python(w);
	put(w, "usr/bin/one", 0755,
	    "#!/usr/bin/python3\nimport z\nx = 'big5'\nx.encode('CP-1252')\nopen(x, "
	    "encoding=\"rot13\")\n");
	put(w, "usr/lib/python3.11/z.py", 0644,
	    "import sysconfig\nsysconfig.get_config_var('x')\nx.encode('cp437')\n");
	put(w, "usr/lib/python3.11/sysconfig.py", 0644, "def get_config_var(): pass\n");
	put(w, "usr/lib/python3.11/_sysconfigdata__x86_64-linux-gnu.py", 0644, "");
	put(w, "usr/lib/python3.11/encodings/__init__.py", 0644, "");
	put(w, "usr/lib/python3.11/encodings/aliases.py", 0644,
	    "aliases = {\n    'x' : 'rot13',\n    'rot13' : 'rot_13',\n}\n");
	put(w, "usr/lib/python3.11/encodings/cp_1252.py", 0644, "");
	put(w, "usr/lib/python3.11/encodings/rot_13.py", 0644, "");
	put(w, "usr/lib/python3.11/encodings/cp437.py", 0644, "");
	put(w, "usr/lib/python3.11/encodings/big5.py", 0644, "");
	strv_append(&w->recipe.argv, "one");
	keep(w);
	expect(w, "usr/lib/python3.11/encodings/cp_1252.py", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/lib/python3.11/encodings/rot_13.py", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/lib/python3.11/_sysconfigdata__x86_64-linux-gnu.py", REASON_IMPORT,
	       "usr/lib/python3.11/z.py");
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/encodings/cp437.py"));
	assert_non_null(tree_get(&w->left, "usr/lib/python3.11/encodings/big5.py"));
}

static void test_python_with_threads(void **state)
{
	struct world *w = *state;

	put_python(w);
	put(w, "usr/lib/python3.11/threading.py", 0644, "start = _thread.start_new_thread\n");
	put(w, "usr/bin/two", 0755, "#!/usr/bin/python3\nimport threading\n");
	strv_append(&w->recipe.argv, "/usr/bin/two");
	keep(w);
	expect(w, "usr/lib/x86_64-linux-gnu/libgcc_s.so.1", REASON_SYMBOL,
	       "usr/lib/python3.11/threading.py");
}

/* What the interpreter loads without being told so by a `use`. */
/* The header, with its strings behind it. */
static size_t make_typelib(char *buf, size_t size, const char *depends, const char *libraries)
{
	const uint32_t at[] = { 56, 56 + (uint32_t)strlen(depends) + 1 };
	size_t len = at[1] + strlen(libraries) + 1;

	assert_true(len <= size);
	memset(buf, 0, size);
	memcpy(buf, "GOBJ\nMETADATA\r\n\032", 16);
	memcpy(buf + 36, &at[0], 4);
	memcpy(buf + 52, &at[1], 4);
	memcpy(buf + at[0], depends, strlen(depends));
	memcpy(buf + at[1], libraries, strlen(libraries));
	return len;
}

static void test_typelib_bytes(void **state)
{
	char buf[128];
	size_t len = make_typelib(buf, sizeof(buf), "A-1.0|B-2.0", "libx.so.1,liby.so.2");
	struct typelib t;
	uint32_t far = UINT32_MAX;

	(void)state;
	assert_true(typelib_read(buf, len, &t));
	assert_int_equal(strv_len(t.depends), 2);
	assert_string_equal(t.depends[1], "B-2.0");
	assert_string_equal(t.libraries[0], "libx.so.1");
	assert_string_equal(t.libraries[1], "liby.so.2");
	typelib_finish(&t);
	/* Cut off: in the last string, in the header; an offset that leads outside. */
	assert_false(typelib_read(buf, len - 1, &t));
	assert_false(typelib_read(buf, 55, &t));
	memcpy(buf + 36, &far, 4);
	assert_false(typelib_read(buf, len, &t));
}

static void test_typelib(void **state)
{
	struct world *w = *state;
	char buf[128];

	put_python(w);
	put(w, "usr/bin/show", 0755, "#!/usr/bin/python3\nfrom gi.repository import A\n");
	put(w, "usr/lib/python3/dist-packages/gi/__init__.py", 0644, "");
	put(w, "usr/lib/python3/dist-packages/gi/repository/__init__.py", 0644, "");
	put_bytes(w, "usr/lib/x86_64-linux-gnu/girepository-1.0/A-1.0.typelib", 0644, buf,
		  make_typelib(buf, sizeof(buf), "B-2.0", "liba.so.1"));
	put_bytes(w, "usr/lib/x86_64-linux-gnu/girepository-1.0/B-2.0.typelib", 0644, buf,
		  make_typelib(buf, sizeof(buf), "", "libb.so.2"));
	put(w, "usr/lib/x86_64-linux-gnu/girepository-1.0/AB-1.0.typelib", 0644, "x");
	put(w, "usr/lib/x86_64-linux-gnu/liba.so.1", 0644, "x");
	put(w, "usr/lib/x86_64-linux-gnu/libb.so.2", 0644, "x");
	strv_append(&w->recipe.argv, "show");
	keep(w);
	expect(w, "usr/lib/x86_64-linux-gnu/girepository-1.0/A-1.0.typelib", REASON_IMPORT,
	       "usr/bin/show");
	expect(w, "usr/lib/x86_64-linux-gnu/liba.so.1", REASON_NEEDED,
	       "usr/lib/x86_64-linux-gnu/girepository-1.0/A-1.0.typelib");
	expect(w, "usr/lib/x86_64-linux-gnu/libb.so.2", REASON_NEEDED,
	       "usr/lib/x86_64-linux-gnu/girepository-1.0/B-2.0.typelib");
	assert_non_null(
		tree_get(&w->left, "usr/lib/x86_64-linux-gnu/girepository-1.0/AB-1.0.typelib"));
}

static void test_perl_syntax(void **state)
{
	struct world *w = *state;

	put(w, "usr/bin/perl", 0755, "x");
	put(w, "usr/bin/one", 0755,
	    "#!/usr/bin/perl\nopen(my $f, '<:encoding(UTF-8)', 'x');\nprint glob('*'), "
	    "$!{ENOENT};\n");
	put(w, "usr/share/perl5/PerlIO/encoding.pm", 0644, "");
	put(w, "usr/share/perl5/PerlIO/scalar.pm", 0644, "");
	put(w, "usr/share/perl5/Encode.pm", 0644, "");
	put(w, "usr/share/perl5/File/Glob.pm", 0644, "");
	put(w, "usr/share/perl5/Errno.pm", 0644, "");
	put(w, "usr/share/perl5/_charnames.pm", 0644, "");
	strv_append(&w->recipe.argv, "one");
	keep(w);
	expect(w, "usr/share/perl5/PerlIO/encoding.pm", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/share/perl5/PerlIO/scalar.pm", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/share/perl5/Encode.pm", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/share/perl5/File/Glob.pm", REASON_IMPORT, "usr/bin/one");
	expect(w, "usr/share/perl5/Errno.pm", REASON_IMPORT, "usr/bin/one");
	assert_non_null(tree_get(&w->left, "usr/share/perl5/_charnames.pm"));
}

static void test_scripts(void **state)
{
	struct world *w = *state;

	put(w, "usr/bin/run", 0755,
	    "#!/bin/sh\n# never\nif first; then X=1 second | third; fi\necho fourth\n");
	put(w, "usr/bin/dash", 0755, "x");
	tree_put_link(&w->tree, "usr/bin/sh", "dash", "p", "");
	put(w, "usr/bin/first", 0755,
	    "#!/usr/bin/perl\nuse X::Y;\n=pod\nuse No;\n=cut\nrequire Z; use File::Spec;\n");
	/* In @INC's order, through the link that it names, and with what makes a name up. */
	put(w, "usr/share/perl/5.1.0/File/Spec.pm", 0644, "use lib1; use lib2;\n");
	put(w, "usr/lib/x86_64-linux-gnu/perl-base/File/Spec/Unix.pm", 0644, "");
	put(w, "usr/share/perl/5.1.0/File/Spec/Unix.pm", 0644, "");
	put(w, "usr/share/perl/5.1.0/lib2.pm", 0644, "");
	tree_put_link(&w->tree, "usr/share/perl/5.1", "5.1.0", "p", "");
	put(w, "usr/bin/perl", 0755, "x");
	put(w, "usr/share/perl5/X/Y.pm", 0644, "use parent qw(Z::Parent);\n");
	/* The last is cut off where the text ends. */
	put(w, "usr/share/perl5/Z.pm", 0644,
	    "my $x = eval \"use In::Text $VERSION\"; if ($x) { require In::Block }\n"
	    "eval q{use In::Quotes; 1};\nrequire 'In/File.pl';\neval $x;\neval");
	put(w, "usr/share/perl5/In/File.pl", 0644, "require \"In/File/$x.pm\";\n");
	put(w, "usr/share/perl5/In/Text.pm", 0644, "sub f { require \"In/Text/$_[0].pm\"; }\n");
	put(w, "usr/share/perl5/In/Text/A/B.pm", 0644, "");
	put(w, "usr/share/perl5/In/Block/C.pm", 0644, "");
	put(w, "usr/share/perl5/In/Block.pm", 0644, "require In::Quotes; $x = 1;\n");
	put(w, "usr/share/perl5/In/Quotes.pm", 0644, "");
	put(w, "usr/share/perl5/Z/Parent.pm", 0644, "");
	put(w, "usr/share/perl5/No.pm", 0644, "");
	put(w, "usr/bin/second", 0755, "x");
	put(w, "usr/bin/third", 0755, "x");
	put(w, "usr/bin/fourth", 0755, "x");
	put(w, "usr/bin/never", 0755, "x");
	strv_append(&w->recipe.argv, "run");
	keep(w);
	expect(w, "usr/bin/sh", REASON_INTERPRETER, "usr/bin/run");
	expect(w, "usr/bin/first", REASON_COMMAND, "usr/bin/run");
	expect(w, "usr/bin/second", REASON_COMMAND, "usr/bin/run");
	expect(w, "usr/bin/third", REASON_COMMAND, "usr/bin/run");
	expect(w, "usr/share/perl5/X/Y.pm", REASON_IMPORT, "usr/bin/first");
	expect(w, "usr/share/perl5/Z.pm", REASON_IMPORT, "usr/bin/first");
	expect(w, "usr/share/perl5/Z/Parent.pm", REASON_IMPORT, "usr/share/perl5/X/Y.pm");
	expect(w, "usr/share/perl5/In/Text.pm", REASON_IMPORT, "usr/share/perl5/Z.pm");
	expect(w, "usr/share/perl5/In/Text/A/B.pm", REASON_IMPORT, "usr/share/perl5/In/Text.pm");
	assert_non_null(tree_get(&w->left, "usr/share/perl5/In/Block/C.pm"));
	expect(w, "usr/share/perl5/In/File.pl", REASON_IMPORT, "usr/share/perl5/Z.pm");
	expect(w, "usr/share/perl5/In/Block.pm", REASON_IMPORT, "usr/share/perl5/Z.pm");
	expect(w, "usr/share/perl5/In/Quotes.pm", REASON_IMPORT, "usr/share/perl5/Z.pm");
	assert_null(tree_get(&w->tree, "usr/bin/fourth"));
	assert_null(tree_get(&w->tree, "usr/bin/never"));
	assert_null(tree_get(&w->tree, "usr/share/perl5/No.pm"));
	expect(w, "usr/share/perl/5.1", REASON_IMPORT, "usr/bin/first");
	expect(w, "usr/share/perl/5.1.0/lib2.pm", REASON_IMPORT,
	       "usr/share/perl/5.1.0/File/Spec.pm");
	expect(w, "usr/lib/x86_64-linux-gnu/perl-base/File/Spec/Unix.pm", REASON_IMPORT,
	       "usr/bin/first");
	assert_null(tree_get(&w->tree, "usr/share/perl/5.1.0/File/Spec/Unix.pm"));
}

/* A program as small as it can be: its strings, and the sections' names. */
static void put_elf(struct world *w, const char *path, const char *strings, size_t len)
{
	static const char names[] = "\0.rodata\0.shstrtab";
	struct {
		Elf64_Ehdr header;
		Elf64_Shdr sections[3];
		char names[sizeof(names)], strings[64];
	} file = {
		.header = { .e_ident = ELFMAG,
			    .e_type = ET_EXEC,
			    .e_machine = EM_X86_64,
			    .e_version = EV_CURRENT,
			    .e_ehsize = sizeof(Elf64_Ehdr),
			    .e_shoff = sizeof(Elf64_Ehdr),
			    .e_shentsize = sizeof(Elf64_Shdr),
			    .e_shnum = 3,
			    .e_shstrndx = 2 },
	};

	file.header.e_ident[EI_CLASS] = ELFCLASS64;
	file.header.e_ident[EI_DATA] = ELFDATA2LSB;
	file.header.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(file.names, names, sizeof(names));
	memcpy(file.strings, strings, len);
	file.sections[1] = (Elf64_Shdr){ .sh_name = 1,
					 .sh_type = SHT_PROGBITS,
					 .sh_flags = SHF_ALLOC,
					 .sh_size = len,
					 .sh_offset = offsetof(typeof(file), strings) };
	file.sections[2] = (Elf64_Shdr){ .sh_name = 9,
					 .sh_type = SHT_STRTAB,
					 .sh_size = sizeof(names),
					 .sh_offset = offsetof(typeof(file), names) };
	put_bytes(w, path, 0755, &file, sizeof(file));
}

/* Who names a program starts it when its package can expect that to be there, and else says a word. */
static void test_programs(void **state)
{
	struct world *w = *state;
	struct package *p;

	add_package(w, "tool", NULL, NULL);
	add_package(w, "meta", "deep", NULL);
	add_package(w, "deep", NULL, "mail-agent");
	add_package(w, "liked", NULL, "agent");
	add_package(w, "too", NULL, NULL);
	add_package(w, "time", NULL, NULL);
	p = &w->packages.items[package_list_find(&w->packages, "p") - w->packages.items];
	strv_append(&p->depends, "tool");
	strv_append(&p->depends, "meta");
	strv_append(&p->likes, "agent");
	strv_append(&p->likes, "too");
	strv_append(&w->recipe.packages, "p");
	strv_append(&w->recipe.packages, "liked");
	put(w, "usr/bin/run", 0755,
	    "#!/usr/bin/wish\nexec('tool', 'elf', 'time', 'p', 'run')\nexec(\"too\")\n# 'never'\n");
	put(w, "usr/bin/wish", 0755, "x");
	put(w, "usr/bin/never", 0755, "x");
	put_elf(w, "usr/bin/elf", "time\0deep -x\0liked\0sibling",
		sizeof("time\0deep -x\0liked\0sibling"));
	put(w, "usr/bin/sibling", 0755, "x");
	put(w, "usr/bin/p", 0755, "x");
	put(w, "usr/local/bin/run", 0755, "x");
	strv_append(&w->recipe.argv, "/usr/bin/run");
	keep(w);
	expect(w, "usr/bin/tool", REASON_COMMAND, "usr/bin/run");
	expect(w, "usr/bin/elf", REASON_COMMAND, "usr/bin/run");
	expect(w, "usr/bin/deep", REASON_COMMAND, "usr/bin/elf");
	expect(w, "usr/bin/liked", REASON_COMMAND, "usr/bin/elf");
	assert_non_null(tree_get(&w->left, "usr/bin/time"));
	assert_non_null(tree_get(&w->left, "usr/bin/too"));
	assert_non_null(tree_get(&w->left, "usr/bin/sibling"));
	assert_non_null(tree_get(&w->left, "usr/bin/p"));
	assert_non_null(tree_get(&w->left, "usr/local/bin/run"));
	assert_non_null(tree_get(&w->left, "usr/bin/never"));
}

/* A script of the recipe may count on what the recipe adds; so may a module that it imports. */
static void test_programs_of_recipe(void **state)
{
	struct world *w = *state;

	put_python(w);
	add_package(w, "tool", NULL, NULL);
	add_package(w, "time", NULL, NULL);
	strv_append(&w->recipe.packages, "tool");
	put(w, "usr/bin/one", 0755, "#!/usr/bin/python3\nimport two\n");
	put(w, "usr/bin/two.py", 0644, "import subprocess\nsubprocess.run(['tool', 'time'])\n");
	set_owner(w, "usr/bin/two.py", "recipe");
	strv_append(&w->recipe.argv, "/usr/bin/one");
	keep(w);
	expect(w, "usr/bin/tool", REASON_COMMAND, "usr/bin/two.py");
	assert_non_null(tree_get(&w->left, "usr/bin/time"));
}

/* Without `run`, all programs of what is named, also where that is only a name for them. */
static void test_named_alone(void **state)
{
	struct world *w = *state;
	struct package *p;

	add_package(w, "other", NULL, NULL);
	add_package(w, "sibling", NULL, NULL);
	p = &w->packages.items[package_list_find(&w->packages, "sibling") - w->packages.items];
	package_set_source(p, "s (2)");
	p = &w->packages.items[package_list_find(&w->packages, "p") - w->packages.items];
	strv_append(&p->depends, "other");
	strv_append(&p->depends, "sibling");
	strv_append(&w->recipe.packages, "p");
	put(w, "usr/lib/p/data", 0644, "x");
	keep(w);
	expect(w, "usr/bin/sibling", REASON_RECIPE, NULL);
	assert_non_null(tree_get(&w->left, "usr/bin/other"));
}

/* Below /usr/share a folder's data may be of any package that is depended on, near or far; of no other. */
static void test_data_of_others(void **state)
{
	struct world *w = *state;
	struct package *p;

	add_package(w, "deep", NULL, NULL);
	add_package(w, "middle", "deep", NULL);
	put(w, "usr/bin/middle", 0755, "x");
	add_package(w, "other", NULL, NULL);
	p = &w->packages.items[package_list_find(&w->packages, "p") - w->packages.items];
	strv_append(&p->depends, "middle");
	put(w, "usr/bin/run", 0755, "#!/usr/bin/wish\n'/usr/share/deep'\n");
	put(w, "usr/bin/wish", 0755, "x");
	tree_put_dir(&w->tree, "usr/share/deep", 0755, "deep", "");
	put(w, "usr/share/deep/data", 0644, "x");
	put(w, "usr/share/deep/foreign", 0644, "x");
	set_owner(w, "usr/share/deep/data", "deep");
	set_owner(w, "usr/share/deep/foreign", "other");
	strv_append(&w->recipe.argv, "run");
	keep(w);
	expect(w, "usr/share/deep/data", REASON_DATA, "usr/bin/run");
	assert_non_null(tree_get(&w->left, "usr/share/deep/foreign"));
}

/* Nothing that could run is a mistake, and then what could be run is said. */
static void test_nothing_named(void **state)
{
	struct world *w = *state;
	cleanup_free char *said = NULL, *more = NULL;

	strv_append(&w->recipe.packages, "p");
	put(w, "etc/init.d/p", 0755, "x");
	put(w, "usr/lib/p/engine", 0755, "x");
	said = keep_saying(w);
	assert_string_equal(
		said,
		"error: r.yaml: packages: nothing of them is needed: there is no \"run\", and no "
		"program in /usr/bin or /usr/sbin; of \"p\", what it could run is "
		"/usr/lib/p/engine");
	put(w, "usr/lib/systemd/system/p.service", 0644,
	    "[Service]\nType=simple\nExecStart=@/usr/lib/p/engine engine -f $OPTIONS 'a b' %i\n");
	add_package(w, "other", NULL, NULL);
	strv_append(&w->recipe.argv, "other");
	more = keep_saying(w);
	assert_string_equal(
		more,
		"r.yaml: packages: \"p\": nothing asks for any file of it; its service is \"run: "
		"/usr/lib/p/engine -f 'a b'\"; \"keep: [p]\" keeps it whole");
}

/* What the shell has inside is nobody's; what keep lists yields to what it leaves out. */
static void test_left_out(void **state)
{
	struct world *w = *state;

	put(w, "usr/bin/run", 0755, "#!/bin/sh\nif [ x ]; then echo; printf x; fi; env X=1 test\n");
	put(w, "usr/bin/sh", 0755, "x");
	put(w, "usr/bin/[", 0755, "x");
	put(w, "usr/bin/printf", 0755, "x");
	put(w, "usr/bin/env", 0755, "x");
	put(w, "usr/bin/test", 0755, "x");
	put(w, "usr/lib/one.so", 0644, "x");
	put(w, "usr/lib/two.so", 0644, "x");
	put(w, "usr/lib/three.so", 0644, "x");
	strv_append(&w->recipe.argv, "run");
	strv_append(&w->recipe.keep, "/usr/lib/*.so");
	strv_append(&w->recipe.keep, "!/usr/lib/two.so");
	strv_append(&w->recipe.keep, "!/usr/lib/t?ree.so");
	strv_append(&w->recipe.keep, "/usr/lib/three.so");
	keep(w);
	expect(w, "usr/lib/one.so", REASON_RECIPE, NULL);
	expect(w, "usr/lib/three.so", REASON_RECIPE, NULL);
	assert_int_equal(tree_get(&w->left, "usr/lib/two.so")->reason, REASON_EXCLUDED);
	expect(w, "usr/bin/test", REASON_COMMAND, "usr/bin/run");
	assert_null(tree_get(&w->tree, "usr/bin/["));
	assert_null(tree_get(&w->tree, "usr/bin/printf"));
}

/* As fnmatch(3) says of each path by itself, whatever sorts between a folder and what is in it. */
static void test_patterns(void **state)
{
	static const char *const paths[] = { "a1",        "a-b/x",   "a.b",   "a/x",
					     "a/y/x",     "b/a/x",   "b/a-c", "b/a/y",
					     "b/a.d/x/y", "c/x/y/z", "d" };
	static const char *const patterns[] = { "*",        "a*",      "a*/x",  "?/*",
						"*/*/x",    "b/a*/x",  "*/x",   "b/a*/*",
						"[bc]/*/y", "c/*/y/z", "c/?",   "b/*/x/?",
						"e/*",      "*/a/x",   "b/a?*", "*/x/y/*" };
	struct world *w = *state;
	struct closure c = { .recipe = &w->recipe, .tree = &w->tree };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		put(w, paths[i], 0644, "");
	c.nodes = tree_list(&w->tree);
	c.n_nodes = w->tree.n;
	c.queue = xcalloc(c.n_nodes * ARRAY_SIZE(patterns), sizeof(*c.queue));
	for (size_t p = 0; p < ARRAY_SIZE(patterns); p++) {
		size_t found = closure_need_glob(&c, patterns[p], REASON_NAMED, NULL, NULL), n = 0;

		for (size_t i = 0; i < c.n_nodes; i++) {
			bool matches = fnmatch(patterns[p], c.nodes[i]->path, FNM_PATHNAME) == 0;

			assert_int_equal(matches, c.nodes[i]->kept);
			c.nodes[i]->kept = false;
			n += matches;
		}
		assert_int_equal(found, n);
	}
	assert_int_equal(closure_need_glob(&c, "b/**", REASON_NAMED, NULL, NULL), 4);
	assert_int_equal(closure_need_glob(&c, "?/x/**", REASON_NAMED, NULL, NULL), 1);
	free(c.nodes);
	free(c.queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_imports),
		cmocka_unit_test(test_cache),
		cmocka_unit_test_setup_teardown(test_python, begin, end),
		cmocka_unit_test_setup_teardown(test_python_without_threads, begin, end),
		cmocka_unit_test_setup_teardown(test_python_with_threads, begin, end),
		cmocka_unit_test_setup_teardown(test_python_by_name, begin, end),
		cmocka_unit_test(test_typelib_bytes),
		cmocka_unit_test_setup_teardown(test_typelib, begin, end),
		cmocka_unit_test_setup_teardown(test_perl_syntax, begin, end),
		cmocka_unit_test_setup_teardown(test_scripts, begin, end),
		cmocka_unit_test_setup_teardown(test_programs, begin, end),
		cmocka_unit_test_setup_teardown(test_programs_of_recipe, begin, end),
		cmocka_unit_test_setup_teardown(test_named_alone, begin, end),
		cmocka_unit_test_setup_teardown(test_data_of_others, begin, end),
		cmocka_unit_test_setup_teardown(test_nothing_named, begin, end),
		cmocka_unit_test_setup_teardown(test_left_out, begin, end),
		cmocka_unit_test_setup_teardown(test_patterns, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
