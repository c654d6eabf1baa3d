/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. The text becomes logical lines: comments go, brackets and backslashes join
 * lines, and of strings only their content's first word stays, between quotes. Indentation of lines
 * tells which blocks a line is in; a stack holds those that matter.
 */
#include "python_imports.h"

#include <ctype.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define BLOCKS_MAX 64

enum block_kind {
	BLOCK_TRY,
	BLOCK_HANDLER, /* of ImportError */
	BLOCK_FUNCTION,
	BLOCK_MAIN,
	BLOCK_NEVER, /* for type checkers, for other systems */
};

struct block {
	size_t indent;
	enum block_kind kind;
	bool missing; /* of a try: an import was not there; of a handler: its try's */
};

struct reader {
	bool (*handle)(const struct python_import *import, void *data);
	void *data;
	struct block blocks[BLOCKS_MAX];
	size_t n;
	struct block last_try; /* that ended just before */
};

/* --- logical lines --- */

/* Passes a string; puts its content, quoted, when it is one plain word. Returns what is behind. */
static const char *pass_string(const char *s, struct buf *out)
{
	char quote = *s;
	bool triple = s[1] == quote && s[2] == quote;
	const char *begin = s += triple ? 3 : 1;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == quote && (!triple || (s[1] == quote && s[2] == quote)))
			break;
		else if (*s == '\n' && !triple)
			break;
	}
	buf_append_str(out, "\"");
	if (!triple && (size_t)(s - begin) < 200 && !memchr(begin, '\n', (size_t)(s - begin)))
		for (const char *c = begin; c < s; c++)
			if (isalnum((unsigned char)*c) || strchr("._", *c))
				buf_append(out, c, 1);
	buf_append_str(out, "\"");
	if (*s == quote)
		s += triple ? 3 : 1;
	return s;
}

/* The next logical line into out; false at the end of the text. */
static bool next_line(const char **text, struct buf *out)
{
	const char *s = *text;
	int depth = 0;

	buf_clear(out);
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s == '#') {
			s += strcspn(s, "\n");
			if (!*s)
				break;
		}
		if (*s == '"' || *s == '\'') {
			s = pass_string(s, out) - 1;
			continue;
		}
		if (*s == '\\' && s[1] == '\n') {
			s++;
			continue;
		}
		if (*s == '\n' && depth <= 0) {
			s++;
			break;
		}
		depth += strchr("([{", *s) ? 1 : strchr(")]}", *s) ? -1 : 0;
		buf_append(out, *s == '\n' ? " " : s, 1);
	}
	*text = s;
	buf_append(out, "", 1);
	return true;
}

/* --- blocks --- */

static bool inside(const struct reader *r, enum block_kind kind)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->blocks[i].kind == kind)
			return true;
	return false;
}

/* In a handler whose try had all it wanted. */
static bool is_second_choice(const struct reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->blocks[i].kind == BLOCK_HANDLER && !r->blocks[i].missing)
			return true;
	return false;
}

static void leave_blocks(struct reader *r, size_t indent)
{
	while (r->n && r->blocks[r->n - 1].indent >= indent) {
		r->n--;
		if (r->blocks[r->n].kind == BLOCK_TRY && r->blocks[r->n].indent == indent)
			r->last_try = r->blocks[r->n];
	}
}

static void enter(struct reader *r, size_t indent, enum block_kind kind, bool missing)
{
	if (r->n < BLOCKS_MAX)
		r->blocks[r->n++] =
			(struct block){ .indent = indent, .kind = kind, .missing = missing };
}

static bool is_word(const char *s, const char *word)
{
	size_t n = strlen(word);

	return str_starts(s, word) && !isalnum((unsigned char)s[n]) && s[n] != '_';
}

static bool is_elsewhere(const char *line)
{
	static const char *const tests[] = { "== \"win32\"",     "== \"nt\"",  "== \"darwin\"",
					     "startswith(\"win", "\"nt\" in ", "TYPE_CHECKING" };

	for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
		if (strstr(line, tests[i]) && !strstr(line, "not "))
			return true;
	return false;
}

/* Functions that only a module's own `if __name__ == "__main__"` calls. */
static bool is_main_function(const char *s)
{
	s += strspn(s, " \t");
	return str_starts(s, "main(") || str_starts(s, "_main(") || str_starts(s, "_test") ||
	       str_starts(s, "test(");
}

static void open_block(struct reader *r, const char *line, size_t indent)
{
	if (is_word(line, "try"))
		enter(r, indent, BLOCK_TRY, false);
	else if (is_word(line, "def") && is_main_function(line + strlen("def")))
		enter(r, indent, BLOCK_MAIN, false);
	else if (is_word(line, "def") || is_word(line, "async"))
		enter(r, indent, BLOCK_FUNCTION, false);
	else if (is_word(line, "except") &&
		 (strstr(line, "ImportError") || strstr(line, "ModuleNotFoundError")) &&
		 r->last_try.indent == indent)
		enter(r, indent, BLOCK_HANDLER, r->last_try.missing);
	else if ((is_word(line, "if") || is_word(line, "elif")) && strstr(line, "__main__"))
		enter(r, indent, BLOCK_MAIN, false);
	else if ((is_word(line, "if") || is_word(line, "elif")) && is_elsewhere(line))
		enter(r, indent, BLOCK_NEVER, false);
}

/* --- statements --- */

static void say(struct reader *r, const char *module, const char *name)
{
	struct python_import import = {
		.module = module,
		.name = name,
		.in_function = inside(r, BLOCK_FUNCTION),
		.in_main = inside(r, BLOCK_MAIN),
	};

	if (inside(r, BLOCK_NEVER) || is_second_choice(r) || r->handle(&import, r->data))
		return;
	for (size_t i = r->n; i-- > 0;)
		if (r->blocks[i].kind == BLOCK_TRY) {
			r->blocks[i].missing = true;
			return;
		}
}

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || (s[n] && strchr("._", s[n])) || (s[n] & 0x80))
		n++;
	return n;
}

/* "a.b as c, d": each name, without what it is called here. */
static void each_name(struct reader *r, const char *s, const char *module)
{
	while (*(s += strspn(s, " \t(,"))) {
		size_t n = name_length(s);
		cleanup_free char *name = xstrndup(s, n);

		if (!n)
			return;
		if (module)
			say(r, module, name);
		else
			say(r, name, NULL);
		s += n;
		s += strcspn(s, ",;)");
		if (*s != ',')
			return;
	}
}

static void from_statement(struct reader *r, const char *s)
{
	cleanup_free char *module = NULL;
	size_t n;

	s += strspn(s, " \t");
	n = name_length(s);
	module = xstrndup(s, n);
	s += n;
	s += strspn(s, " \t");
	if (!n || !is_word(s, "import"))
		return;
	s += strlen("import");
	s += strspn(s, " \t(");
	if (*s == '*')
		say(r, module, NULL);
	else
		each_name(r, s, module);
}

static void calls(struct reader *r, const char *line)
{
	static const char *const forms[] = { "import_module(\"", "__import__(\"" };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		const char *at = strstr(line, forms[i]);

		for (; at; at = strstr(at + 1, forms[i])) {
			const char *begin = at + strlen(forms[i]);
			cleanup_free char *name = xstrndup(begin, name_length(begin));

			if (*name)
				say(r, name, NULL);
		}
	}
	if (strstr(line, "os.popen("))
		say(r, "subprocess", NULL); /* which os imports in that function */
}

/* Statements begin a line, or stand behind ; and behind the : of a block on the same line. */
static void statements(struct reader *r, const char *line)
{
	bool begins = true;

	for (const char *s = line; *s; s++) {
		if (begins && is_word(s, "import"))
			each_name(r, s + strlen("import"), NULL);
		else if (begins && is_word(s, "from"))
			from_statement(r, s + strlen("from"));
		if (*s != ' ' && *s != '\t')
			begins = *s == ';' || *s == ':';
	}
	calls(r, line);
}

void python_imports(const char *text,
		    bool (*handle)(const struct python_import *import, void *data), void *data)
{
	struct reader r = { .handle = handle, .data = data };
	cleanup_buf struct buf buf = BUF_INIT;

	while (next_line(&text, &buf)) {
		const char *line = (char *)buf_bytes(&buf);
		size_t indent = strspn(line, " \t");

		if (!line[indent])
			continue;
		leave_blocks(&r, indent);
		open_block(&r, line + indent, indent);
		statements(&r, line + indent);
	}
}
