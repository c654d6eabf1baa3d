/* SPDX-License-Identifier: MIT */
/*
 * Modules of Perl and of Node. Perl: `use X::Y` and `require X::Y` are X/Y.pm in one of @INC's
 * folders, with the compiled part in auto/X/Y/Y.so beside it. Node: require("x") and `from "x"` are a
 * folder of its name, which is kept whole, or a file beside the one that says so.
 */
#include <ctype.h>
#include <string.h>

#include "closure_internal.h"
#include "mem.h"
#include "str.h"

/* --- Perl --- */

/* @INC as Debian has it, in its order; * stands for the version or the triplet. */
static const char *const inc[] = {
	"etc/perl",         "usr/local/share/perl/*", "usr/lib/*/perl5/*",
	"usr/share/perl5",  "usr/lib/*/perl-base",    "usr/lib/*/perl/*",
	"usr/share/perl/*",
};

/* What modules need that no `use` in them says. */
static const char *const perl_always[] = { "strict.pm",   "warnings.pm",     "Carp.pm",
					   "Exporter.pm", "XSLoader.pm",     "DynaLoader.pm",
					   "Config.pm",   "Config_heavy.pl", "utf8.pm" };

/* Modules of the language's own library that make the name of another up. */
static const char *const made_up[][2] = {
	{ "File/Spec.pm", "File/Spec/Unix.pm" },     { "Pod/Usage.pm", "Pod/Text.pm" },
	{ "Math/BigInt.pm", "Math/BigInt/Calc.pm" }, { "bigint.pm", "Math/BigInt.pm" },
	{ "PerlIO/encoding.pm", "Encode.pm" },
};

/* What the interpreter loads for what stands in a text, without a `use`: perlfunc(1), perlvar(1), perlunicode(1). */
static const char *const by_syntax[][2] = {
	{ "open", "PerlIO.pm" },
	{ "open", "PerlIO/scalar.pm" },
	{ ":encoding(", "PerlIO/encoding.pm" },
	{ "glob", "File/Glob.pm" },
	{ "<*", "File/Glob.pm" },
	{ "%!", "Errno.pm" },
	{ "$!{", "Errno.pm" },
	{ "%+", "Tie/Hash/NamedCapture.pm" },
	{ "\\N{", "_charnames.pm" },
	{ "\\N{", "unicore/Name.pm" },
	{ "\\N{", "unicore/Name.pl" },
};

static void need_perl(struct closure *c, const char *file, const struct tree_node *by)
{
	cleanup_free char *stem = xstrndup(file, strlen(file) - 3);
	const char *slash = strrchr(stem, '/');

	for (size_t i = 0; i < ARRAY_SIZE(inc); i++) {
		cleanup_free char *pattern = xasprintf("/%s/%s", inc[i], file);
		cleanup_free char *compiled =
			xasprintf("/%s/auto/%s/%s.so", inc[i], stem, slash ? slash + 1 : stem);

		if (!closure_need_glob(c, pattern, REASON_IMPORT, by, file))
			continue;
		closure_need_glob(c, compiled, REASON_IMPORT, by, file);
		/* 5.36, which @INC names, is a link to 5.36.0. */
		if (str_ends(inc[i], "/*")) {
			cleanup_free char *links = xasprintf("/%s", inc[i]);

			closure_need_glob(c, links, REASON_IMPORT, by, file);
		}
		for (size_t k = 0; k < ARRAY_SIZE(made_up); k++)
			if (str_eq(file, made_up[k][0]))
				need_perl(c, made_up[k][1], by);
		return;
	}
}

/* "X::Y" at s becomes X/Y.pm. */
static void need_perl_name(struct closure *c, const char *s, const struct tree_node *by)
{
	cleanup_buf struct buf file = BUF_INIT;

	for (; isalnum((unsigned char)*s) || *s == '_' || (*s == ':' && s[1] == ':'); s++) {
		if (*s == ':')
			buf_append_str(&file, "/");
		else
			buf_append(&file, s, 1);
		s += *s == ':';
	}
	if (!file.len || isdigit(*buf_bytes(&file)))
		return;
	buf_append(&file, ".pm", 4);
	need_perl(c, (char *)buf_bytes(&file), by);
}

/* require "X/Y.pl" */
static void need_perl_file(struct closure *c, const char *s, const struct tree_node *by)
{
	cleanup_free char *file = xstrndup(s, strcspn(s, "'\""));

	if (str_ends(file, ".pl") || str_ends(file, ".pm"))
		need_perl(c, file, by);
}

/* use parent qw(A B); use base 'A'; */
static void need_parents(struct closure *c, const char *s, const struct tree_node *by)
{
	size_t left = strcspn(s, ";\n");

	while (left) {
		size_t n = 0;

		while (n < left && (isalnum((unsigned char)s[n]) || strchr("_:", s[n])))
			n++;
		if (n && !str_starts(s, "qw") && !str_starts(s, "norequire"))
			need_perl_name(c, s, by);
		n += !n;
		s += n;
		left -= n;
	}
}

/* A statement. One in a block or a text that eval runs begins behind what opens these. */
static void perl_statement(struct closure *c, const char *s, const struct tree_node *by)
{
	s += strspn(s, " \t{");
	if (str_starts(s, "eval")) {
		s += strlen("eval");
		s += strspn(s, " \t{(q\"'");
	}
	if (str_starts(s, "use ") || str_starts(s, "require ") || str_starts(s, "no ")) {
		s += strcspn(s, " ");
		s += strspn(s, " \t'\"");
		if (str_starts(s, "parent ") || str_starts(s, "base "))
			need_parents(c, strchr(s, ' '), by);
		if (strchr("'\"", s[-1]))
			need_perl_file(c, s, by);
		else
			need_perl_name(c, s, by);
	}
}

/* my $has = eval "use X"; if ($has) { require Y } */
static void perl_line(struct closure *c, const char *s, const struct tree_node *by)
{
	const char *eval = strstr(s, "eval");

	perl_statement(c, s, by);
	if (eval)
		perl_statement(c, eval, by);
	for (s = strchr(s, '{'); s; s = strchr(s + 1, '{'))
		perl_statement(c, s, by);
}

/* require "X/$name.pm"; eval "require $class" */
static bool makes_names_up(const char *text)
{
	for (const char *s = strstr(text, "require "); s; s = strstr(s + 1, "require "))
		if (s[strcspn(s, "$;\n")] == '$')
			return true;
	return false;
}

/* Which ones cannot be seen, but most are below its own: all there, of a module that is not the language's own. */
static void need_below(struct closure *c, const struct tree_node *node)
{
	cleanup_free char *pattern = NULL;

	if (!str_ends(node->path, ".pm") || !strstr(node->path, "/perl5/"))
		return;
	pattern = xasprintf("/%.*s/**", (int)(strlen(node->path) - strlen(".pm")), node->path);
	closure_need_glob(c, pattern, REASON_IMPORT, node, "require $");
}

static void need_by_syntax(struct closure *c, const char *text, const struct tree_node *by)
{
	for (size_t i = 0; i < ARRAY_SIZE(by_syntax); i++)
		if (strstr(text, by_syntax[i][0]))
			need_perl(c, by_syntax[i][1], by);
}

void closure_perl(struct closure *c, struct tree_node *node)
{
	cleanup_buf struct buf text = BUF_INIT;
	char *rest, *line;
	bool pod = false;

	if (!closure_read(node, &text))
		return;
	c->perl = true;
	for (size_t i = 0; i < ARRAY_SIZE(perl_always); i++)
		need_perl(c, perl_always[i], node);
	need_by_syntax(c, (char *)buf_bytes(&text), node);
	if (makes_names_up((char *)buf_bytes(&text)))
		need_below(c, node);
	rest = (char *)buf_bytes(&text);
	while ((line = strsep(&rest, "\n"))) {
		if (str_eq(line, "__END__") || str_eq(line, "__DATA__"))
			break;
		if (*line == '=' && isalpha((unsigned char)line[1]))
			pod = !str_starts(line, "=cut");
		else if (!pod)
			for (char *s; (s = strsep(&line, ";"));)
				perl_line(c, s, node);
	}
}

/* --- Node --- */

static const char *const node_folders[] = { "usr/share/nodejs", "usr/lib/nodejs",
					    "usr/lib/node_modules", "usr/share/node_modules" };

static void need_node_package(struct closure *c, const char *name, const struct tree_node *by)
{
	const char *slash = strchr(name, '/');
	cleanup_free char *top = NULL;

	if (slash && *name == '@')
		slash = strchr(slash + 1, '/');
	top = xstrndup(name, slash ? (size_t)(slash - name) : strlen(name));
	for (size_t i = 0; i < ARRAY_SIZE(node_folders); i++) {
		cleanup_free char *folder = xasprintf("/%s/%s/**", node_folders[i], top);
		cleanup_free char *file = xasprintf("/%s/%s.js", node_folders[i], top);

		if (closure_need_glob(c, folder, REASON_IMPORT, by, name) ||
		    closure_need(c, file, REASON_IMPORT, by, name))
			return;
	}
}

static void need_node_file(struct closure *c, const char *name, const struct tree_node *by)
{
	static const char *const ends[] = {
		"", ".js", ".mjs", ".cjs", ".json", ".node", "/index.js"
	};
	const char *slash = strrchr(by->path, '/');

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		cleanup_free char *path =
			*name == '/' ? xasprintf("%s%s", name, ends[i])
				     : xasprintf("%.*s/%s%s", slash ? (int)(slash - by->path) : 0,
						 by->path, name, ends[i]);
		const struct tree_node *node = closure_find(c, path);

		if (node && S_ISREG(node->mode) && closure_need(c, path, REASON_IMPORT, by, name))
			return;
	}
}

void closure_node(struct closure *c, struct tree_node *node)
{
	static const char *const forms[] = { "require(", "from ", "import(", "import " };
	cleanup_buf struct buf text = BUF_INIT;

	if (!closure_read(node, &text))
		return;
	c->node = true;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *at = strstr((char *)buf_bytes(&text), forms[i]);

		for (; at; at = strstr(at + 1, forms[i])) {
			const char *s = at + strlen(forms[i]);
			cleanup_free char *name = NULL;

			if (*s != '"' && *s != '\'')
				continue;
			name = xstrndup(s + 1, strcspn(s + 1, "\"'\n"));
			if (*name == '.' || *name == '/')
				need_node_file(c, name, node);
			else if (*name && !str_starts(name, "node:"))
				need_node_package(c, name, node);
		}
	}
}
