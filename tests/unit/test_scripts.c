/* SPDX-License-Identifier: MIT */
/*
 * What scripts of packages would do: the shell's grammar, the way through it at a first installation, commands that do
 * nothing for an appliance, and those whose effect the image has.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"
#include "check.h"
#include "covered.h"
#include "mem.h"
#include "owners.h"
#include "runtime.h"
#include "scripts.h"
#include "shell.h"
#include "str.h"

/* --- grammar --- */

static const char *const kinds[] = {
	[SHELL_COMMAND] = "",    [SHELL_GROUP] = "{",     [SHELL_GROUP_END] = "}",
	[SHELL_FUNCTION] = "()", [SHELL_IF] = "if",       [SHELL_THEN] = "then",
	[SHELL_ELIF] = "elif",   [SHELL_ELSE] = "else",   [SHELL_FI] = "fi",
	[SHELL_FOR] = "for",     [SHELL_WHILE] = "while", [SHELL_DO] = "do",
	[SHELL_DONE] = "done",   [SHELL_CASE] = "case",   [SHELL_PATTERN] = "pattern",
	[SHELL_ESAC] = "esac",   [SHELL_COMMENT] = "#",   [SHELL_BROKEN] = "BROKEN",
};
static const char *const joins[] = { "", "&& ", "|| ", "| ", "& " };

/* Each item as "JOIN! KIND[WORD][WORD]>OUTPUT", with blanks between them. */
static void expect_shell(const char *script, const char *expected)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *found = NULL;
	struct shell s;

	shell_read(script, &s);
	for (size_t i = 0; i < s.n; i++) {
		const struct shell_item *item = &s.items[i];

		buf_printf(&out, "%s%s%s%s", i ? " " : "", joins[item->join],
			   item->negated ? "! " : "", kinds[item->kind]);
		for (char **w = item->words; w && *w; w++)
			buf_printf(&out, "[%s]", *w);
		if (item->output)
			buf_printf(&out, ">%s", item->output);
	}
	found = buf_steal_str(&out);
	assert_string_equal(found, expected);
	shell_finish(&s);
}

static void test_words(void **state)
{
	(void)state;
	expect_shell("a 'b c' \"d e\" f\\ g ''", "[a][b c][d e][f g][]");
	expect_shell("a \"$x y\" '$x' \\$x \"\\$x\" \"\\a\"",
		     "[a][\"$x\" y][\\$x][\\$x][\\$x][\\\\a]");
	expect_shell("a ${i:-j k} $((1 + (2))) ${j#{} k",
		     "[a][${i:-j k}][$((1 + (2)))][${j#{}][k]");
	expect_shell("a * '*' ? \"[x]\"", "[a][*][\\*][?][\\[x]]");
	expect_shell("a \\\n  b\\\nc\nd", "[a][bc] [d]");
	expect_shell("a #b\nc#d", "[a] # [c#d]");
	expect_shell("A=1 B='2 3' c", "[A=1][B=2 3][c]");
}

static void test_redirections(void **state)
{
	(void)state;
	expect_shell("a >b", "[a]>b");
	expect_shell("a >>b c", "[a][c]>b");
	expect_shell("a >/dev/null 2>&1 <d", "[a]");
	expect_shell("a 2> /dev/null >&2", "[a]");
	expect_shell(">b", ">b");
	expect_shell("a 2>b", "[a]>b");
	expect_shell("a >|b", "[a]>b");
	expect_shell("if a; then b; fi >c", "if [a] then [b] fi >c");
	expect_shell("cat >a <<E\nrm -rf /\nE\nb", "[cat]>a [b]");
	expect_shell("cat <<-'E E'\n\trm\n\tE E\nb", "[cat] [b]");
	expect_shell("cat <<E | b\nc\nE\nd", "[cat] | [b] [d]");
	expect_shell("cat <<E\nc", "[cat]"); /* as a shell does, with a warning */
	expect_shell("case x in x) cat <<E ;;\ny)\nE\nz) a;; esac",
		     "case[x] pattern[x] [cat] pattern[z] [a] esac");
	expect_shell("a >b 2>c", ">b [a]>c");
	expect_shell("a >&b; c >&2 2>&-", "[a]>b [c]");
}

/* Commands in words come before what has the words. */
static void test_substitutions(void **state)
{
	(void)state;
	expect_shell(
		"a $(b \"c)\" d) `e f` \"$(g 'h)')\"",
		"{ [b][c)][d] } { [e][f] } { [g][h)] } [a][$(b \"c)\" d)][`e f`][\"$(g 'h)')\"]");
	expect_shell("a && ! B=$(c | d $(e))",
		     "[a] && { [c] | { [e] } | [d][$(e)] } && ! [B=$(c | d $(e))]");
	expect_shell("a \"`b \\`c\\``\"", "{ { [c] } [b][`c`] } [a][\"`b \\`c\\``\"]");
	expect_shell("for i in $(a); do b; done", "{ [a] } for[i][$(a)] do [b] done");
	expect_shell("case $(a) in b) c;; esac", "{ [a] } case[$(a)] pattern[b] [c] esac");
	expect_shell("a $(case x in x) b;; esac # )\n)",
		     "{ case[x] pattern[x] [b] esac # } [a][$(case x in x) b;; esac # )\n)]");
	expect_shell("a ${b:-$(c)}", "{ [c] } [a][${b:-$(c)}]");
	expect_shell("a <<E\nb $(c `d`) \\$(e)\nE\nf", "[a] { { [d] } [c][`d`] } [f]");
	expect_shell("a <<'E'\nb $(c)\nE\nf", "[a] [f]");
	expect_shell("a $(b \\\n | c)", "{ [b] | [c] } [a][$(b \\\n | c)]");
}

/* The line of each item, also behind those that are read before it. */
static void test_lines(void **state)
{
	static const unsigned int lines[] = { 2, 3, 3, 3, 2, 5 }; /* of commands */
	struct shell s;
	size_t n = 0;

	(void)state;
	shell_read("\na $(b\nc; `d\n`)\nf", &s);
	for (size_t i = 0; i < s.n; i++)
		if (s.items[i].kind == SHELL_COMMAND) {
			assert_in_range(n, 0, ARRAY_SIZE(lines) - 1);
			assert_int_equal(s.items[i].line, lines[n++]);
		}
	assert_int_equal(n, ARRAY_SIZE(lines));
	shell_finish(&s);
}

static void test_grammar(void **state)
{
	(void)state;
	expect_shell("a && b || ! c; d | e & f", "[a] && [b] || ! [c] [d] | [e] & [f]");
	expect_shell("a &&\n  b", "[a] && [b]");
	expect_shell("if a; then b; elif c\nthen\nd; else e; fi && f",
		     "if [a] then [b] elif [c] then [d] else [e] fi && [f]");
	expect_shell("for i in a \"b c\"; do d; done", "for[i][a][b c] do [d] done");
	expect_shell("for i\ndo d; done", "for[i][$@] do [d] done");
	expect_shell("while a; do b; done <c", "while [a] do [b] done ");
	expect_shell("until a\ndo b\ndone", "while [a] do [b] done");
	expect_shell("case \"$1\" in\n # x\n a|b) c ;;\n (d) ;;\n *) e\nesac",
		     "case[\"$1\"] # pattern[a][b] [c] pattern[d] pattern[*] [e] esac");
	expect_shell("case x in a) if b; then c; fi;; esac; d",
		     "case[x] pattern[a] if [b] then [c] fi esac [d]");
	expect_shell("f() { a; }\nf2 ( ) (b)\nf c", "()[f] { [a] } ()[f2] { [b] } [f][c]");
	expect_shell("( a; b ) || { c; }", "{ [a] [b] } || { [c] }");
	expect_shell("echo if then { } done", "[echo][if][then][{][}][done]");
	expect_shell("#!/bin/bash -e\na", "# [a]");
}

static void test_broken(void **state)
{
	char deep[2 * (SHELL_DEPTH_MAX + 1) + 1] = "";
	struct shell s;

	(void)state;
	for (size_t i = 0; i < sizeof(deep) - 1; i++)
		deep[i] = i % 2 ? ' ' : '(';
	shell_read(deep, &s);
	assert_int_equal(s.n, SHELL_DEPTH_MAX + 1);
	assert_int_equal(s.items[SHELL_DEPTH_MAX].kind, SHELL_BROKEN);
	shell_finish(&s);
	for (size_t i = 0; i + 1 < sizeof(deep) - 1; i += 2)
		memcpy(deep + i, "$(", 2);
	shell_read(deep, &s);
	assert_int_equal(s.n, SHELL_DEPTH_MAX + 1);
	assert_int_equal(s.items[SHELL_DEPTH_MAX].kind, SHELL_BROKEN);
	shell_finish(&s);
	expect_shell("a 'b", "[a] BROKEN");
	expect_shell("a; b \"c", "[a] [b] BROKEN");
	expect_shell("a $(b", "{ [b] [a] BROKEN");
	expect_shell("a `b", "[a] BROKEN");
	expect_shell("if a; then b", "if [a] then [b] BROKEN");
	expect_shell("fi", "BROKEN");
	expect_shell("a; }", "[a] BROKEN");
	expect_shell("a )", "[a] BROKEN");
	expect_shell("case x in a b) c;; esac", "case[x] pattern[a] BROKEN");
	expect_shell("case x", "case[x] BROKEN");
	expect_shell("case \"", "case BROKEN");
	expect_shell("for '", "for BROKEN");
	expect_shell("a >", "[a] BROKEN");
	expect_shell("#!/usr/bin/perl\nif (a) { b }", "BROKEN");
	expect_shell("#! /usr/bin/python3", "BROKEN");
	expect_shell("", "");
}

/* More than any package's; the time that it takes grows faster than the script. */
static void test_long(void **state)
{
	cleanup_free char *script = xmalloc(SHELL_BYTES_MAX + 2);
	struct shell s;

	(void)state;
	memset(script, '\n', SHELL_BYTES_MAX + 1);
	script[SHELL_BYTES_MAX + 1] = '\0';
	shell_read(script, &s);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.items[0].kind, SHELL_BROKEN);
	shell_finish(&s);
	shell_read(script + 1, &s);
	assert_int_equal(s.n, 0);
	shell_finish(&s);
}

/* --- what is reached --- */

/* Commands that have an effect, as "LINE: WORD WORD > OUTPUT; ". */
static void expect(const char *script, const char *expected)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *found = NULL;
	struct script s;

	script_read("p", script, &s);
	for (size_t i = 0; i < s.n; i++) {
		cleanup_free char *words = strv_join(s.commands[i].words, " ");

		buf_printf(&out, "%u: %s%s%s; ", s.commands[i].line,
			   s.commands[i].words ? words : s.commands[i].text,
			   s.commands[i].output ? " > " : "",
			   s.commands[i].output ? s.commands[i].output : "");
	}
	found = buf_steal_str(&out);
	assert_string_equal(found, expected);
	script_finish(&s);
}

/* dpkg calls it as "postinst configure ''". */
static void test_branches(void **state)
{
	(void)state;
	expect("if [ \"$1\" = configure ]; then touch /a; else touch /b; fi", "1: touch /a; ");
	expect("if [ \"$1\" != configure ]; then touch /a; elif true; then touch /b; else touch "
	       "/c; fi",
	       "1: touch /b; ");
	expect("if [ -n \"$2\" ]; then touch /a; fi", "");
	expect("if [ -z \"$2\" ]; then touch /a; else touch /b; fi", "1: touch /a; ");
	expect("if [ \"$2\" ] && test -e /x; then touch /a; fi", "");
	expect("if [ -e /x ] && [ -n \"${2:-}\" ]; then touch /a; fi", "");
	expect("if [ -n \"$2\" ] || [ -e /x ]; then touch /a; fi", "1: touch /a; ");
	expect("if ! [ -n \"$2\" ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ \"$1\" = configure -a -z \"$2\" ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ \"$1\" = configure -a -n \"$2\" ]; then touch /a; fi", "");
	expect("if [ x\"$1\" = xtriggered -o \"$1\" = upgrade ]; then touch /a; fi", "");
	expect("if [ -e /x ]; then touch /a; else touch /b; fi", "1: touch /a; 1: touch /b; ");
	expect("[ \"$1\" = configure ] || touch /a", "");
	expect("[ \"$1\" = configure ] && touch /a && touch /b", "1: touch /a; 1: touch /b; ");
	expect("[ -n \"$2\" ] && { touch /a; touch /b; }\ntouch /c", "2: touch /c; ");
	expect("[ -n \"$2\" ] && ( touch /a )", "");
	expect("[ -n \"$2\" ] && if true; then touch /a; fi", "");
	expect("[ -n \"$2\" ] && echo a | xargs touch", "");
	expect("false || touch /a", "1: touch /a; ");
}

/* test(1) with what it does get: of words without quotes, maybe none. */
static void test_tests(void **state)
{
	(void)state;
	expect("if [ -n $2 ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ -z $2 ]; then touch /a; else touch /b; fi", "1: touch /a; ");
	expect("if [ $2 != x ]; then touch /a; else touch /b; fi", "1: touch /a; 1: touch /b; ");
	expect("A='x y'\n[ $A = x ] || touch /a", "2: touch /a; ");
	expect("if [ $X = y -a -n \"$2\" ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ ! \\( -e /x -a -n \"$2\" -a y \\) ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ ! -z $2 -o y = y ]; then touch /a; else touch /b; fi",
	       "1: touch /a; 1: touch /b; ");
	expect("if [ \"$1\" != -a ]; then touch /a; fi", "1: touch /a; ");
	expect("if [ \"$2\" -a y ]; then touch /a; fi", "");
	expect("if [ x == x ]; then touch /a; else touch /b; fi", "1: touch /a; 1: touch /b; ");
	expect("[ \"${2:-\"x\"}\" = x ] && touch /a", "1: touch /a; ");
	expect("for i in \"$2\"; do touch /a; done", "1: touch /a; ");
	expect("for i in $2; do touch /a; done", "");
}

/* What comes of a pipeline is its last command's, negated with the whole. */
static void test_pipelines(void **state)
{
	(void)state;
	expect("! true | false && touch /a", "1: touch /a; ");
	expect("[ -e /x ] || true | false && touch /a", "1: touch /a; ");
	expect("A=x | true\n[ -n \"$A\" ] || touch /a", "2: touch /a; ");
	/* What goes on by itself sets nothing here, and ends well. */
	expect("A=x &\n[ -n \"$A\" ] || touch /a", "2: touch /a; ");
	expect("A=x && true & [ -n \"$A\" ] || touch /a", "1: touch /a; ");
	expect("if false & then touch /a; fi", "1: touch /a; ");
	expect("true & A=x\n[ -n \"$A\" ] || touch /a", "");
}

static void test_versions(void **state)
{
	(void)state;
	expect("if dpkg --compare-versions \"$2\" lt-nl 2; then touch /a; fi", "");
	expect("if dpkg --compare-versions \"$2\" lt 2; then touch /a; fi", "1: touch /a; ");
	expect("if dpkg --compare-versions -- \"$2\" ge 2; then touch /a; fi", "");
	expect("if dpkg --compare-versions \"$2\" ge-nl 2; then touch /a; fi", "1: touch /a; ");
	expect("if dpkg --compare-versions $2 lt 2; then :; else touch /a; fi", "1: touch /a; ");
	expect("if dpkg --compare-versions 1 gt 2; then touch /a; fi", "1: touch /a; ");
}

static void test_cases(void **state)
{
	(void)state;
	expect("case \"$1\" in abort-*|triggered) touch /a;; configure) touch /b;; *) touch /c;; "
	       "esac",
	       "1: touch /b; ");
	expect("case \"$1\" in c[n-p]*) touch /a;; esac", "1: touch /a; ");
	expect("case $2 in '') touch /a;; *) touch /b;; esac", "1: touch /a; ");
	expect("case $RET in a) touch /a;; *) touch /b;; esac", "1: touch /a; 1: touch /b; ");
	expect("case $1 in $X) touch /a;; *) touch /b;; esac", "1: touch /a; 1: touch /b; ");
	expect("case $1 in '*') touch /a;; esac", "");
	expect("A='a*b'\ncase $A in a\\*b) touch /a;; *) touch /b;; esac", "2: touch /a; ");
	expect("f() { case $1 in \"$1\") touch /a;; *) touch /b;; esac; }\nf 'a b'",
	       "1: touch /a; ");
}

static void test_values(void **state)
{
	(void)state;
	expect("U=x\nH=\"/var/lib/$U\"\nmkdir ${H}/a $H", "3: mkdir /var/lib/x/a /var/lib/x; ");
	expect("mkdir ${A:-/x} ${DPKG_ROOT:-/y} \"${DPKG_ROOT}/z\" "
	       "${DPKG_ROOT:+--root=\"$DPKG_ROOT\"}",
	       "1: mkdir ${A:-/x} /y /z; ");
	expect("A=1\nA=2\nmkdir $A", "3: mkdir $A; ");
	expect("A=$(b)\nmkdir $A `c` '$A'", "1: b; 2: c; 2: mkdir $A `c` $A; ");
	expect("A=$B\nB=$A\nmkdir $A", "3: mkdir $A; ");
	expect("read A\nmkdir $A", "2: mkdir $A; ");
	expect("export A=/x\nmkdir $A", "2: mkdir /x; ");
	/* What is set in a branch only is no ground to pass over another. */
	expect("if [ -e /x ]; then S=yes; fi\nif [ -z \"$S\" ]; then touch /a; fi",
	       "2: touch /a; ");
	expect("S=yes\nif [ -z \"$S\" ]; then touch /a; fi", "");
	expect("if [ -z \"$S\" ]; then touch /a; fi\nS=yes", "1: touch /a; ");
	expect("L=''\nfor i in $L; do touch /a; done\nfor i in $L b; do touch $i; done",
	       "3: touch b; ");
	expect("D='/a /b'\nmkdir $D \"$D\"", "2: mkdir /a /b /a /b; ");
	/* A value is of the time when it was set. */
	expect("B=$A\nA=x\n[ -n \"$B\" ] || touch /a", "3: touch /a; ");
	/* Others set variables too. */
	expect("A=x\nIFS= read -r A\n[ -n \"$A\" ] || touch /a", "3: touch /a; ");
	expect("A=x\nunset A\n[ -n \"$A\" ] || touch /a", "3: touch /a; ");
	expect("A=x true\n[ -n \"$A\" ] || touch /a", "2: touch /a; ");
	expect("A=x\nA+=y\n[ $A = x ] || touch /a", "3: touch /a; ");
	expect("A=\n: ${A:=x} ${B=y}\n[ -z \"$A\" ] || touch /a", "3: touch /a; ");
	expect("RET=\ndb_get p/x\n[ -z \"$RET\" ] || touch /a", "3: touch /a; ");
	expect("A=\n. /etc/default/p\n[ -z \"$A\" ] || touch /a",
	       "2: . /etc/default/p; 3: touch /a; ");
	expect("A=\n. /usr/share/debconf/confmodule\n[ -z \"$A\" ] || touch /a", "");
	expect("DPKG_ROOT=/x\n[ -z \"$DPKG_ROOT\" ] || touch /a", "2: touch /a; ");
	expect("f() { A=$1; }\nf /a\nmkdir /$A", "3: mkdir /$A; ");
	expect("V=~\ncase $V in '?') touch /a;; *) touch /b;; esac", "2: touch /a; 2: touch /b; ");
	expect("A=$2\nf() { case $A in x) touch /a;; *) touch /b;; esac; }\nf y x",
	       "2: touch /b; ");
	expect("f() { set '' ''; [ -n \"$1\" ] || touch /a; }\nf b", "1: touch /a; ");
	expect("set a b\n[ -n \"$2\" ] && touch /a", "2: touch /a; ");
	expect("set -e -o x\n[ -n \"$2\" ] && touch /a", "");
	expect("eval set -- a b\n[ -n \"$2\" ] && touch /a", "1: eval set -- a b; 2: touch /a; ");
	expect("set -- a b\n[ -n \"$2\" ] && touch /a", "2: touch /a; ");
	/* Fields: what is quoted is one, and what is nothing is none. */
	expect("L=\"/a /b\"\nmkdir $L\nmkdir \"$L\" \"$DPKG_ROOT\" $DPKG_ROOT",
	       "2: mkdir /a /b; 3: mkdir /a /b ; ");
	expect("[ -n $2 ] && touch /a", "1: touch /a; ");
	expect("A=\"/a b\"\nB=$A C=1 D=$A", "");
	/* What may be set otherwise. */
	expect("RET=\ndb_get x\nif [ \"$RET\" ]; then touch /a; fi", "3: touch /a; ");
	expect("A=1 true\nif [ -z \"$A\" ]; then touch /a; fi", "2: touch /a; ");
	expect("A=\n: ${A:=b}\nif [ \"$A\" ]; then touch /a; fi", "3: touch /a; ");
	expect("A=\neval \"$B\"\nif [ \"$A\" ]; then touch /a; fi",
	       "2: eval \"$B\"; 3: touch /a; ");
	expect("A=1\nunset A\nif [ -z \"$A\" ]; then touch /a; fi", "3: touch /a; ");
	expect("f() { local A; [ \"$A\" ] || touch /a; }\nA=1\nf", "1: touch /a; ");
	expect("! true | false && touch /a", "1: touch /a; ");
}

static void test_loops(void **state)
{
	(void)state;
	expect("for i in /a \"/b c\"; do mkdir $i/x \"$i\"; done",
	       "1: mkdir /a/x /a; 1: mkdir /b c/x /b c; ");
	expect("for i in 1 2; do for j in a; do mkdir /$i$j; done; done\nmkdir /$i",
	       "1: mkdir /1a; 1: mkdir /2a; 2: mkdir /$i; ");
	expect("for i in /etc/*.conf; do touch $i; done", "1: touch $i; ");
	expect("for i in $X a; do if [ -e $i ]; then touch $i; fi; done", "1: touch $i; ");
	expect("for i in '' a; do [ -z \"$i\" ] || touch /$i; done && touch /b",
	       "1: touch /a; 1: touch /b; ");
	expect("[ -n \"$2\" ] && for i in a; do touch $i; done", "");
	expect("for i in a; do touch $i; done >/etc/x", "1: touch a; 1: >/etc/x > /etc/x; ");
	expect("while read l; do touch /a; done", "1: touch /a; ");
}

static void test_functions(void **state)
{
	(void)state;
	expect("make() { touch /a; }\nmake; make b", "1: touch /a; 1: touch /a; ");
	expect("make() { touch /a; }", "");
	expect("make() { touch \"$1\" $2 /$3; }\nmake /a '' b", "1: touch /a /b; ");
	expect("make() { touch $1; }\nmake $X\nmake", "1: touch $1; 1: touch; ");
	expect("in_root() { \"$@\"; }\nin_root adduser 'a b'\nin_root true", "1: adduser a b; ");
	expect("f() { [ -n \"$2\" ] && touch $1; }\nf /a", "");
	expect("f() { case \"$1\" in a) touch /a;; b) touch /b;; esac; }\nf b", "1: touch /b; ");
	expect("f() { local d=\"$1\"; mkdir $d; }\ng() { local d=$1; rmdir $d; touch $d; }\nf /a; "
	       "g /b",
	       "1: mkdir /a; 2: touch /b; ");
	expect("f() { A=$1; }\nf /a\ntouch $A", "3: touch $A; ");
	expect("f() { shift; touch $1; }\nf /a /b", "1: touch $1; ");
	expect("f() ( touch $1 )\nf /a", "1: touch /a; ");
	expect("f() { g $1; }\ng() { touch $1; }\nif f /a; then touch /b; fi",
	       "2: touch /a; 3: touch /b; ");
	expect("f() # x\n{ [ -n \"$2\" ] && touch /a; }\nf a b; f a", "2: touch /a; ");
	expect("f() if [ -n \"$2\" ]; then touch /a; fi\nf a b", "1: touch /a; ");
	expect("f() { touch /a; }\nX=1 f", "1: touch /a; ");
	/* Not called, but named. */
	expect("f() { touch /a; }\ntrap f EXIT", "1: touch /a; ");
	expect("f() { touch /$1; }\nA=$(f x)", "1: touch /x; ");
	expect("f() { touch /$1; }\nxargs f", "2: xargs f; 1: touch /$1; ");
	expect("f() { touch /a; }\nif [ -n \"$2\" ]; then f; fi", "");
	expect("f() { touch /a; f; }\nf",
	       "1: touch /a; 1: (calls and loops that are not followed any further); ");
	expect("f() { touch /a; } >/etc/x\nf", "1: >/etc/x > /etc/x; 1: touch /a; ");
}

static void test_sections(void **state)
{
	(void)state;
	expect("# Automatically added by dh_installinit/13\nif [ -x /x ]; then\ntouch /a\nfi\n"
	       "# End automatically added section\ntouch /b\n",
	       "6: touch /b; ");
	expect("# Automatically added by dh_something/13\ntouch /a\n# End automatically added "
	       "section\n",
	       "2: touch /a; ");
}

/* What changes nothing but the script, asks, or starts services. */
static void test_idle(void **state)
{
	(void)state;
	expect(". /usr/share/debconf/confmodule\ndb_get a/b || true\nA=1\nexport C=x\numask "
	       "022\nset -e\n"
	       "if ! getent passwd x >/dev/null 2>&1; then exit 1; fi\nwhich x | grep -q y\n"
	       "invoke-rc.d x start >/dev/null 2>&1 || exit $?\n/sbin/ldconfig\nsed -n 's/a/b/p' "
	       "/x\n"
	       "dpkg-statoverride --list /x >/dev/null\nupdate-rc.d x defaults\nrmdir /x\n",
	       "");
	expect("/usr/lib/x/gtk-query-immodules-2.0 --update-cache || true", "");
	expect("update-alternatives --install /usr/bin/x x /usr/bin/y 20 \\\n --slave /a a /b", "");
	expect("update-alternatives --install $X x /y 1",
	       "1: update-alternatives --install $X x /y 1; ");
	expect(". /usr/share/x/functions", "1: . /usr/share/x/functions; ");
	expect("echo a > /etc/x", "1: echo a > /etc/x; ");
	expect("A=b >/etc/x", "1: A=b >/etc/x > /etc/x; ");
	expect("db_get x >/etc/x", "1: db_get x > /etc/x; ");
	expect("true | tee /etc/x", "1: tee /etc/x; ");
	/* Wherever a command stands. */
	expect("A=$(touch /a)\necho \"`touch /b`\"", "1: touch /a; 2: touch /b; ");
	expect("[ -n \"$2\" ] && A=$(touch /a)", "");
	expect("A=$(cat /x | cut -f 1)", "");
	expect("cat >/dev/null <<E\n$(touch /a)\nE", "2: touch /a; ");
	expect("command -v x; command touch /a", "1: touch /a; ");
	expect("trap 'touch /a; echo' EXIT\ntrap - EXIT", "1: touch /a; ");
	expect("echo >/etc/x 2>/etc/y", "1: >/etc/x > /etc/x; 1: echo > /etc/y; ");
	expect("find /x -type f; dpkg -L x", "");
	expect("find /x -delete", "1: find /x -delete; ");
	expect("sed -i s/a/b/ /x", "1: sed -i s/a/b/ /x; ");
	expect("sed -ni a /x; sed -nes/i/j/p /x", "1: sed -ni a /x; ");
	expect("sed -ne a /x; sed --in-place a /x", "1: sed --in-place a /x; ");
	expect("dpkg-statoverride --update --add a b 1 /x",
	       "1: dpkg-statoverride --update --add a b 1 /x; ");
	expect("A=b touch /x", "1: touch /x; ");
	expect("touch /a; touch '", "1: touch /a; 1: touch; 1: touch '; ");
	expect("if true; then", "1: (its end); ");
	expect("case '", "1: case '; ");
	expect("for '", "1: for '; ");
}

/* Packages whose scripts were read by people. */
static void test_known(void **state)
{
	struct script s;

	(void)state;
	script_read("tzdata", "touch /x\nupdate-alternatives --install /a a /b 1\n", &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(s.alternatives.n, 1);
	assert_string_equal(s.alternatives.items[0].link, "/a");
	script_finish(&s);
}

/* --- alternatives --- */

static bool read_alternatives(const char *command, struct alternative_list *list)
{
	cleanup_strv char **words = NULL;

	assert_int_equal(str_split_words(command, &words), 0);
	return alternatives_read(words, list);
}

static void test_alternatives(void **state)
{
	struct alternative_list list = { 0 };

	(void)state;
	assert_true(read_alternatives("update-alternatives --install /usr/bin/x x /usr/bin/y 20 "
				      "--slave /usr/bin/a a /usr/bin/b",
				      &list));
	assert_int_equal(list.n, 2);
	assert_string_equal(list.items[0].link, "/usr/bin/x");
	assert_string_equal(list.items[0].target, "/usr/bin/y");
	assert_int_equal(list.items[0].priority, 20);
	assert_string_equal(list.items[1].target, "/usr/bin/b");
	assert_int_equal(list.items[1].priority, 20);
	assert_true(read_alternatives("update-alternatives --quiet --remove x /usr/bin/y", &list));
	assert_true(read_alternatives("update-alternatives --auto x", &list));
	assert_int_equal(list.n, 2);
	/* What only a shell can tell, and what is not whole. */
	assert_false(read_alternatives("update-alternatives --install '$X' x /y 1", &list));
	assert_false(read_alternatives("update-alternatives --install /x x /y", &list));
	assert_false(read_alternatives("update-alternatives --install x x /y 1", &list));
	assert_false(read_alternatives("update-alternatives --config x", &list));
	assert_false(read_alternatives("touch /x", &list));
	assert_int_equal(list.n, 2);
	alternative_list_finish(&list);
}

/* --- operands, and what is advised --- */

static void expect_operands(const char *command, const char *expected)
{
	cleanup_strv char **words = NULL, **operands = NULL;
	cleanup_free char *found = NULL;

	assert_int_equal(str_split_words(command, &words), 0);
	operands = script_operands(words);
	found = strv_join(operands, " ");
	assert_string_equal(found, expected);
}

static void expect_option(const char *command, char letter, const char *name, const char *expected)
{
	cleanup_strv char **words = NULL;
	const char *found;

	assert_int_equal(str_split_words(command, &words), 0);
	found = script_option(words, letter, name);
	assert_string_equal(found ? found : "none", expected);
}

static void test_operands(void **state)
{
	(void)state;
	expect_operands("adduser --system --home /x --gecos 'a b' --group u", "u");
	expect_operands("useradd -r -d /x -g g -s/bin/sh u", "u");
	expect_operands("install -d -m755 -o a --group=b /x /y", "/x /y");
	expect_operands("install -dm 755 /x", "/x");
	expect_operands("chown -R a:b /x", "a:b /x");
	expect_operands("mkdir -p -m 755 '' /x", "/x");
	expect_operands("adduser --home", "");
	expect_operands("chown --from root:root u /x", "u /x");
	expect_operands("chmod --reference /x /y", "/y");
	expect_option("install -d -o a /x", 'o', "--owner", "a");
	expect_option("install -do a /x", 'o', "--owner", "a");
	expect_option("install -oa -d /x", 'o', "--owner", "a");
	expect_option("install --owner=a /x", 'o', "--owner", "a");
	expect_option("install --owner a /x", 'o', "--owner", "a");
	expect_option("install -g o /x", 'o', "--owner", "none");
	expect_option("adduser --ingroup g u", '\0', "--ingroup", "g");
	expect_option("install -o", 'o', "--owner", "");
}

static void test_makes(void **state)
{
	static const char script[] =
		"#!/bin/sh\nset -e\nUSER=\"cache\"\nHOME=/var/lib/cache\n"
		"if ! getent passwd $USER; then\n"
		"\tadduser --system --home $HOME --gecos \"A cache\" \\\n\t\t--group \"$USER\" || "
		"true\n"
		"fi\nif ! adduser --quiet second; then exit 1; fi\nadduser second $(groups)\n"
		"adduser $UNKNOWN\ngroupadd -g 7 third\nmkdir -p -m 755 "
		"$HOME /run/x ${HOME}/deep >/dev/null\n"
		"install -d -o cache /var/lib/own\ninstall /x /var/lib/file\n"
		"chown fourth:fifth /x\nchgrp -R sixth /x\nchown $X: /x\nchown 0:0 /x\n"
		"dpkg-statoverride --update --add seventh root 640 /x\n";
	struct script s;
	struct script_makes makes;

	(void)state;
	script_read("p", script, &s);
	script_makes(&s, &makes);
	assert_int_equal(strv_len(makes.users), 8);
	assert_string_equal(makes.users[0], "cache");
	assert_string_equal(makes.users[1], "second");
	assert_string_equal(makes.users[2], "third");
	assert_string_equal(makes.users[3], "fourth");
	assert_string_equal(makes.users[4], "fifth");
	assert_string_equal(makes.users[5], "sixth");
	assert_string_equal(makes.users[6], "seventh");
	assert_int_equal(strv_len(makes.folders), 3);
	assert_string_equal(makes.folders[0], "/var/lib/cache");
	assert_string_equal(makes.folders[1], "/var/lib/cache/deep");
	assert_string_equal(makes.folders[2], "/var/lib/own");
	script_makes_finish(&makes);
	script_finish(&s);
	script_read("p", "", &s);
	script_makes(&s, &makes);
	assert_null(makes.users);
	script_finish(&s);
}

/* --- what the image has --- */

struct world {
	struct tree tree, left;
	struct accounts accounts;
	struct holding holding;
	struct package package;
};

static struct tree_node *put(struct world *w, const char *path, mode_t mode, const char *owner)
{
	struct tree_node *node =
		S_ISDIR(mode) ? tree_put_dir(&w->tree, path, mode & 07777, owner, "test")
			      : tree_put_file(&w->tree, path, mode & 07777, NULL, owner, "test");

	if (!str_eq(owner, "recipe"))
		node->reason = REASON_PACKAGE;
	return node;
}

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct err *err = NULL;

	assert_int_equal(accounts_read("root:*:0:0:root:/root:/bin/bash\nu:*:900:900::/x:/bin/sh\n",
				       "root:*:0:\nu:*:900:\nadm:*:4:\n", &w->accounts, &err),
			 0);
	put(w, "var/lib/p", S_IFDIR | 0755, "p");
	put(w, "var/lib/p/in", S_IFDIR | 0755, "p");
	put(w, "etc/p.conf", S_IFREG | 0644, "p");
	put(w, "usr/bin/p", S_IFREG | 0755, "p");
	put(w, "etc/own.conf", S_IFREG | 0644, "recipe");
	put(w, "var/lib/own", S_IFDIR | 0700, "recipe")->uid = 900;
	put(w, "srv", S_IFDIR | 0755, "other");
	w->holding =
		(struct holding){ .accounts = &w->accounts, .tree = &w->tree, .left = &w->left };
	w->package = (struct package){ .name = xstrdup("p") };
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	tree_finish(&w->tree);
	tree_finish(&w->left);
	accounts_finish(&w->accounts);
	package_finish(&w->package);
	free(w);
	return 0;
}

/* Whether all commands of the script are. */
static bool covered(struct world *w, const char *script)
{
	struct script s;
	bool all = true;

	script_read("p", script, &s);
	assert_int_not_equal(s.n, 0);
	for (size_t i = 0; i < s.n; i++)
		all = all && is_covered(&w->holding, &s.commands[i]);
	script_finish(&s);
	return all;
}

static void test_covered_users(void **state)
{
	struct world *w = *state;

	assert_true(covered(w, "adduser --system --home /x --group u"));
	assert_true(covered(w, "adduser --system --ingroup adm u"));
	assert_true(covered(w, "addgroup --system adm; groupadd u; useradd -g u u"));
	assert_false(covered(w, "adduser --system x"));
	assert_false(covered(w, "adduser --system --ingroup x u"));
	assert_false(covered(w, "adduser u adm")); /* nobody is in a second group */
	assert_true(covered(w, "adduser --quiet u u; usermod -g u -d /x u; usermod -a -G u u"));
	assert_false(covered(w, "adduser x x; usermod -g adm u"));
	assert_false(covered(w, "useradd -G adm u"));
	assert_false(covered(w, "addgroup x"));
	assert_false(covered(w, "adduser $X"));
	assert_false(covered(w, "usermod -a -G adm u"));
	assert_true(covered(w, "usermod -d /x -s /bin/false u; chsh -s /bin/sh u"));
	assert_false(covered(w, "usermod -d /x x"));
	assert_false(covered(w, "usermod --login x u"));
	assert_false(covered(w, "systemd-sysusers none.conf"));
}

static void test_covered_paths(void **state)
{
	struct world *w = *state;

	assert_true(covered(w, "mkdir -p /var/lib/p /srv"));
	assert_true(covered(w, "install -d -m 0700 /var/lib/own; install -d -m 755 /var/lib/p"));
	assert_false(covered(w, "install -d -m 0700 /var/lib/p"));
	assert_false(covered(w, "install -d -m go-rwx /var/lib/p"));
	assert_false(covered(w, "mkdir /var/lib/x"));
	assert_false(covered(w, "mkdir /etc/p.conf"));
	assert_true(covered(w, "install -d -o u /var/lib/own"));
	assert_false(covered(w, "install -d -o u /var/lib/p"));
	assert_true(covered(w, "install -m 644 /usr/share/p/p.conf /etc/own.conf"));
	assert_true(covered(w, "cp -a /usr/share/p/own.conf /etc/own.conf; ucf /x /etc/own.conf"));
	assert_false(covered(w, "cp /usr/share/p/p.conf /etc/p.conf"));
	assert_false(covered(w, "cp /usr/share/p/p.conf /etc/x.conf"));
	assert_false(covered(w, "cp $X /srv"));
	assert_true(covered(w, "mv /etc/old.conf /etc/new.conf"));
	assert_false(covered(w, "mv /etc/p.conf /etc/new.conf"));
	assert_true(covered(w, "touch /etc/p.conf"));
	assert_false(covered(w, "touch /etc/p.conf /etc/x.conf"));
	assert_true(covered(w, "rm -f /etc/x.conf $X"));
	assert_false(covered(w, "rm -f /etc/p.conf"));
	assert_true(covered(w, "echo a >/etc/own.conf"));
	assert_false(covered(w, "echo a >/etc/x.conf"));
	assert_false(covered(w, "make_it >/etc/own.conf"));
	/* Of services, logs, times. */
	assert_true(covered(
		w, "echo a >/etc/default/x; cp /x /etc/cron.d/x; ucf /x /etc/logrotate.d/x"));
	assert_true(covered(w, "mkdir -p /etc/systemd/system/x.d; touch /etc/init.d/x; sed -i "
			       "s/a/b/ /etc/default/x"));
	assert_false(covered(w, "make_it >/etc/default/x"));
	assert_true(covered(w, "sed -i -e s/a/b/ /etc/own.conf /etc/x.conf"));
	assert_false(covered(w, "sed -i s/a/b/ /etc/p.conf"));
	assert_false(covered(w, "sed -i s/a/b/ $X"));
	assert_true(covered(w, "setcap cap_net_raw+ep /usr/bin/x"));
	assert_false(covered(w, "setcap cap_net_raw+ep /usr/bin/p"));
	assert_false(covered(w, "make_it /x"));
	assert_false(covered(w, "touch 'open"));
}

static void test_covered_owners(void **state)
{
	struct world *w = *state;

	assert_true(covered(w, "chown u:u /var/lib/none; chmod 700 /var/lib/none"));
	assert_true(covered(w, "chown u /var/lib/own"));
	assert_false(covered(w, "chown u:u /var/lib/own"));
	assert_false(covered(w, "chown u /var/lib/p"));
	assert_false(covered(w, "chown nobody_there /var/lib/p"));
	assert_true(covered(w, "chown root:root /var/lib/p; chgrp root /var/lib/p"));
	assert_true(covered(w, "chown root.root /var/lib/p; chown :root /var/lib/p"));
	assert_false(covered(w, "chown root:adm /var/lib/p"));
	assert_true(covered(w, "chmod 0755 /var/lib/p"));
	assert_false(covered(w, "chmod 700 /var/lib/p"));
	assert_false(covered(w, "chmod u+s /usr/bin/p"));
	assert_false(covered(w, "chown u $X"));
	assert_false(covered(w, "chown u"));
	assert_false(covered(w, "chmod -x /usr/bin/p /var/lib/none"));
	assert_false(covered(w, "chown --from=u /usr/bin/p /var/lib/none"));
	/* What a link leads to is not looked for. */
	tree_put_link(&w->tree, "var/lib/link", "p", "p", "test");
	assert_false(covered(w, "chown root /var/lib/link"));
	assert_false(covered(w, "chmod 777 /var/lib/link"));
	assert_false(covered(w, "chown u /var/lib/link/in"));
	assert_false(covered(w, "setcap cap_net_raw+ep /var/lib/link/x"));
	assert_true(covered(w, "rm /var/lib/link/x"));
	/* A recipe says itself whose its files are. */
	assert_true(covered(w, "chown u:adm /etc/own.conf; chmod 600 /etc/own.conf"));
	assert_true(covered(w, "dpkg-statoverride --update --add root root 0755 /usr/bin/p"));
	assert_false(covered(w, "dpkg-statoverride --update --add root root 4755 /usr/bin/p"));
}

static void expect_owner(struct world *w, const char *path, uint32_t uid, uint32_t gid, mode_t mode)
{
	const struct tree_node *node = tree_get(&w->tree, path);

	assert_non_null(node);
	assert_int_equal(node->uid, uid);
	assert_int_equal(node->gid, gid);
	assert_int_equal(node->mode & 07777, mode);
}

/* What a package's script gives to what the package has. */
static void test_owners(void **state)
{
	static const char script[] =
		"chown -R u /var/lib/p\nchgrp adm /etc/p.conf\nchmod 0640 /etc/p.conf\n"
		"chown u:u /usr/bin/p /srv /var/lib/own /var/lib/none\nchmod 4755 /usr/bin/p\n"
		"chmod 2750 /var/lib/p/in\nchown x /var/lib/p\nchown u /etc/own.conf\nchmod 999 "
		"/srv\n";
	struct world *w = *state;
	struct package_list packages = { .items = &w->package, .n = 1 };

	script_read("p", script, &w->package.script);
	owners_apply(&packages, &w->accounts, &w->tree);
	expect_owner(w, "var/lib/p", 900, 0, 0755);
	expect_owner(w, "var/lib/p/in", 900, 0, 02750);
	expect_owner(w, "etc/p.conf", 0, 4, 0640);
	expect_owner(w, "usr/bin/p", 0, 0, 0755); /* a program is not given away */
	expect_owner(w, "srv", 0, 0, 0755);       /* another's */
	expect_owner(w, "var/lib/own", 900, 0, 0700);
	expect_owner(w, "etc/own.conf", 0, 0, 0644);
	assert_true(covered(w, "chown -R u /var/lib/p; chmod 640 /etc/p.conf"));
}

/* What is there stays as it is for mkdir(1), and a mode that is not read is not made up. */
static void test_folders(void **state)
{
	static const char script[] =
		"mkdir -p /var/lib/p /var/lib/p/new\ninstall -d -m 0700 /var/lib/p/in\n"
		"mkdir -m go-rwx /var/lib/p/symbolic\nmkdir -m 0700 /run/p\n"
		"install --directory --owner=u /var/lib/p/long\n";
	struct world *w = *state;
	struct package_list packages = { .items = &w->package, .n = 1 };
	struct runtime runtime;
	struct err *err = NULL;

	tree_because(tree_get(&w->tree, "var/lib/p"), REASON_PACKAGE, NULL, NULL);
	tree_because(tree_get(&w->tree, "var/lib/p/in"), REASON_PACKAGE, NULL, NULL);
	tree_get(&w->tree, "var/lib/p")->mode = S_IFDIR | 0700;
	tree_get(&w->tree, "var/lib/p")->uid = 900;
	script_read("p", script, &w->package.script);
	assert_int_equal(runtime_declare(&packages, &w->accounts, &w->tree, &runtime, &err), 0);
	expect_owner(w, "var/lib/p", 900, 0, 0700);
	expect_owner(w, "var/lib/p/new", 0, 0, 0755);
	expect_owner(w, "var/lib/p/in", 0, 0, 0700);
	expect_owner(w, "run/p", 0, 0, 0700);
	expect_owner(w, "var/lib/p/long", 900, 0, 0755);
	assert_null(tree_get(&w->tree, "var/lib/p/symbolic"));
	runtime_finish(&runtime);
}

/* What a recipe would say stands in the message as it works: numbers that nobody has, names that differ. */
static void test_advice(void **state)
{
	static const char script[] =
		"U=x\nadduser $U\nadduser y\nmkdir /var/lib/a/data/ /var/lib/b/data "
		"/var/lib/\n";
	struct world *w = *state;
	struct package_list packages = { .items = &w->package, .n = 1 };
	char file[] = "r";
	const struct recipe recipe = { .file = file };
	cleanup_strv char **notes = NULL;
	cleanup_err struct err *err = NULL;

	script_read("p", script, &w->package.script);
	assert_int_equal(
		check_scripts(&recipe, &packages, &w->accounts, &w->tree, &w->left, &notes, &err),
		-EINVAL);
	assert_non_null(strstr(err_msg(err), "postinst:2: \"adduser x\" and 2 more"));
	assert_non_null(strstr(err_msg(err), "(users: {x: 901, y: 902}, volumes: {a-data: "
					     "/var/lib/a/data/, b-data: /var/lib/b/data})"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_redirections),
		cmocka_unit_test(test_substitutions),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_grammar),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_tests),
		cmocka_unit_test(test_pipelines),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_loops),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_alternatives),
		cmocka_unit_test(test_operands),
		cmocka_unit_test(test_makes),
		cmocka_unit_test_setup_teardown(test_covered_users, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_covered_paths, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_covered_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_advice, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
