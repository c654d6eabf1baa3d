/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <ctype.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

#define BLANKS    " \t\r"
#define OPERATORS ";&|<>()\n"
#define SPECIAL   "$`\\\"*?["

/* A here-document that begins behind this line. */
struct here {
	char *end;
	bool tabs;   /* "<<-": before its lines, and before its end */
	bool quoted; /* its end: nothing in its lines stands for anything else */
};

struct reader {
	const char *at;
	struct shell *shell;
	enum shell_join join; /* of the next item */
	bool negated;
	enum shell_kind open[SHELL_DEPTH_MAX];
	size_t depth;
	struct here here; /* end: NULL without one */
	const char *counted;
	unsigned int line; /* where that is */
};

bool shell_is_begin(enum shell_kind kind)
{
	return kind == SHELL_GROUP || kind == SHELL_IF || kind == SHELL_FOR ||
	       kind == SHELL_WHILE || kind == SHELL_CASE;
}

bool shell_is_end(enum shell_kind kind)
{
	return kind == SHELL_GROUP_END || kind == SHELL_FI || kind == SHELL_DONE ||
	       kind == SHELL_ESAC;
}

void shell_finish(struct shell *s)
{
	for (size_t i = 0; i < s->n; i++) {
		strv_free(s->items[i].words);
		free(s->items[i].output);
		free(s->items[i].text);
	}
	free(s->items);
	*s = (struct shell){ 0 };
}

/* --- items --- */

/* In one line: what a person is shown. */
static char *line_of(const char *begin, const char *end)
{
	cleanup_buf struct buf out = BUF_INIT;

	while (end > begin && strchr(BLANKS "\n", end[-1]))
		end--;
	for (; begin < end; begin++) {
		if (begin[0] == '\\' && begin[1] == '\n')
			begin++;
		else
			buf_append(&out, *begin == '\n' ? " " : begin, 1);
	}
	return buf_steal_str(&out);
}

static unsigned int line_at(struct reader *r, const char *at)
{
	for (; r->counted < at; r->counted++)
		r->line += *r->counted == '\n';
	for (; r->counted > at; r->counted--)
		r->line -= r->counted[-1] == '\n';
	return r->line;
}

/* Takes the words over. The item is good until the next is added. */
static struct shell_item *add(struct reader *r, enum shell_kind kind, const char *begin,
			      char **words)
{
	struct shell *s = r->shell;
	struct shell_item *item;

	s->items = xreallocarray(s->items, s->n + 1, sizeof(*s->items));
	item = &s->items[s->n++];
	*item = (struct shell_item){
		.kind = kind,
		.join = r->join,
		.negated = r->negated,
		.words = words,
		.text = line_of(begin, r->at),
		.line = line_at(r, begin),
	};
	if (kind != SHELL_COMMENT) {
		r->join = SHELL_NEXT;
		r->negated = false;
	}
	return item;
}

/* --- words --- */

/* The quote that ends what begins at s, or the end of the text. */
static const char *end_of_quotes(const char *s)
{
	char quote = *s++;

	while (*s && *s != quote)
		s += *s == '\\' && quote == '"' && s[1] ? 2 : 1;
	return s;
}

/* Behind the end of "(…)", "{…}" or "`…`" that begins at s; NULL: there is none. */
static const char *behind(const char *s)
{
	char opening = *s, closing = opening == '(' ? ')' : opening == '{' ? '}' : '`';
	size_t depth = 1;

	for (s++; *s && depth; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (opening == '(' && strchr("'\"", *s)) {
			s = end_of_quotes(s);
			if (!*s)
				return NULL;
		} else if (*s == closing)
			depth--;
		else if (*s == opening && (*s == '(' || s[-1] == '$'))
			depth++;
	}
	return depth ? NULL : s;
}

static void skip_blanks(struct reader *r)
{
	for (;; r->at += 2) {
		r->at += strspn(r->at, BLANKS);
		if (r->at[0] != '\\' || r->at[1] != '\n')
			return;
	}
}

static bool read_next(struct reader *r);

/* Commands up to the ")" that ends them, as a group; false: it does not come, or they cannot be read. */
static bool read_group(struct reader *r)
{
	size_t depth = r->depth;

	if (depth == SHELL_DEPTH_MAX)
		return false;
	add(r, SHELL_GROUP, r->at, NULL);
	r->open[r->depth++] = SHELL_GROUP;
	while (r->depth > depth) {
		skip_blanks(r);
		if (!*r->at || !read_next(r))
			return false;
	}
	return true;
}

/* Behind "`…`"; the commands are read out of a copy, which has a backslash less. */
static const char *read_backquoted(struct reader *r, const char *s)
{
	const char *end = behind(s);
	unsigned int line = line_at(r, s);
	cleanup_buf struct buf copy = BUF_INIT;
	cleanup_free char *text = NULL;
	bool good;

	if (!end)
		return NULL;
	for (const char *c = s + 1; c < end - 1; c++) {
		c += *c == '\\' && strchr("$`\\", c[1]);
		buf_append(&copy, c, 1);
	}
	buf_append_str(&copy, "\n)");
	text = buf_steal_str(&copy);
	r->at = r->counted = text;
	good = read_group(r);
	r->counted = s;
	r->line = line;
	return good ? end : NULL;
}

/* Behind "$(…)" or "`…`": a group before the item that is being read. NULL: it cannot be read. */
static const char *read_substitution(struct reader *r, const char *s)
{
	const struct reader outer = *r;
	const char *end;

	r->here = (struct here){ 0 };
	r->negated = false;
	r->at = s + 2;
	end = *s == '`' ? read_backquoted(r, s) : read_group(r) ? r->at : NULL;
	free(r->here.end);
	r->here = outer.here;
	r->join = outer.join;
	r->negated = outer.negated;
	r->at = outer.at;
	return end;
}

static bool is_substitution(const char *s)
{
	return *s == '`' || (s[0] == '$' && s[1] == '(' && s[2] != '(');
}

/* Those inside other expansions, and in a here-document. False: one cannot be read. */
static bool read_substitutions(struct reader *r, const char *s, const char *end)
{
	while (s && s < end) {
		if (is_substitution(s))
			s = read_substitution(r, s);
		else
			s += *s == '\\' && s[1] ? 2 : 1;
	}
	return s;
}

/* Behind the name of a variable, an argument or the like. */
static const char *behind_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return s + (*s && strchr("0123456789@*#?$!-", *s));
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return s;
}

/* "$(…)", "${…}", "`…`" and "$NAME" are left as they are; NULL: one has no end. */
static const char *take_expansion(struct reader *r, const char *s, struct buf *word)
{
	const char *end = behind_name(s + 1);

	if (is_substitution(s)) {
		end = read_substitution(r, s);
	} else if (s[1] == '(' || s[1] == '{') {
		end = behind(s + 1);
		if (end && !read_substitutions(r, s + 1, end))
			return NULL;
	}
	if (end)
		buf_append(word, s, (size_t)(end - s));
	return end;
}

static void take_literal(char c, struct buf *word)
{
	if (strchr(SPECIAL, c))
		buf_append(word, "\\", 1);
	buf_append(word, &c, 1);
}

/* Inside quotes, up to and with the closing ones; NULL: there are none. */
static const char *take_quoted(struct reader *r, const char *s, struct buf *word)
{
	char quote = *s++;

	while (*s && *s != quote) {
		if (quote == '"' && strchr("$`", *s)) {
			buf_append(word, "\"", 1);
			s = take_expansion(r, s, word);
			buf_append(word, "\"", 1);
			if (!s)
				return NULL;
			continue;
		}
		if (quote == '"' && *s == '\\' && s[1] && strchr("$`\"\\\n", s[1]))
			s++;
		if (!(s[-1] == '\\' && *s == '\n'))
			take_literal(*s, word);
		s++;
	}
	return *s ? s + 1 : NULL;
}

/* "~", where it is somebody's home. */
static bool is_home(const char *word, const char *s)
{
	return *s == '~' && (s == word || s[-1] == '=' || s[-1] == ':');
}

static const char *take_home(const char *s, struct buf *word)
{
	buf_append_str(word, "$HOME");
	return s + 1;
}

/* The word that is next, which may be ""; NULL: its quotes do not end. The caller frees. */
static char *read_word(struct reader *r)
{
	cleanup_buf struct buf word = BUF_INIT;
	const char *s = r->at;

	while (s && *s && !strchr(BLANKS OPERATORS, *s)) {
		if (*s == '"' || *s == '\'')
			s = take_quoted(r, s, &word);
		else if (*s == '$' || *s == '`')
			s = take_expansion(r, s, &word);
		else if (is_home(r->at, s))
			s = take_home(s, &word);
		else if (*s == '\\' && s[1] == '\n')
			s += 2;
		else if (*s == '\\' && s[1]) {
			take_literal(s[1], &word);
			s += 2;
		} else
			buf_append(&word, s++, 1);
	}
	if (!s)
		return NULL;
	r->at = s;
	return buf_steal_str(&word);
}

/* Adds the word that is next; false: it cannot be read. */
static bool take_word(struct reader *r, char ***words)
{
	char *word = read_word(r);

	if (word)
		strv_take(words, word);
	return word;
}

/* --- here-documents --- */

/* Its lines are what some command is given: no commands, but for those that are substituted. */
static bool begin_here(struct reader *r, char *end, bool tabs, bool quoted)
{
	free(r->here.end);
	r->here = (struct here){ .end = end, .tabs = tabs, .quoted = quoted };
	return end;
}

/* Where the document ends; r->at: behind that line. */
static const char *find_end(struct reader *r, const char *end, bool tabs)
{
	while (*r->at) {
		const char *line = r->at + (tabs ? strspn(r->at, "\t") : 0);
		size_t n = strcspn(line, "\n");

		r->at = line + n + (line[n] == '\n');
		if (strlen(end) == n && strncmp(line, end, n) == 0)
			return line;
	}
	return r->at;
}

/* Passes over the document that began in the line before. False: a command in it cannot be read. */
static bool skip_here(struct reader *r)
{
	cleanup_free char *end = steal_ptr(r->here.end);
	const char *begin = r->at, *last;

	if (!end)
		return true;
	last = find_end(r, end, r->here.tabs);
	return r->here.quoted || read_substitutions(r, begin, last);
}

/* Blanks, ends of lines, comments: where a word has to come. False: as of skip_here. */
static bool skip_lines(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (*r->at == '#')
			r->at += strcspn(r->at, "\n");
		if (*r->at != '\n')
			return true;
		r->at++;
		if (!skip_here(r))
			return false;
	}
}

/* Whether this word, unquoted, is next. */
static bool is_next(const struct reader *r, const char *word)
{
	size_t n = strlen(word);

	return strncmp(r->at, word, n) == 0 && (!r->at[n] || strchr(BLANKS OPERATORS, r->at[n]));
}

/* --- redirections --- */

/* Behind the descriptor that is redirected, at its operator; NULL: here is none. */
static const char *redirection(const char *s)
{
	s += strspn(s, "0123456789");
	return *s == '<' || *s == '>' ? s : NULL;
}

static bool has_quotes(const char *begin, const char *end)
{
	return begin + strcspn(begin, "\"'\\") < end;
}

static bool is_nothing(const char *file)
{
	return str_eq(file, "/dev/null") || str_eq(file, "/dev/stderr") ||
	       str_eq(file, "/dev/stdout") || str_eq(file, "/dev/tty");
}

/* A file that a command writes to besides another, as a command before it. Takes the file over. */
static void add_output(struct reader *r, const char *begin, char *file)
{
	enum shell_join join = r->join;
	bool negated = r->negated;
	struct shell_item *item = add(r, SHELL_COMMAND, begin, NULL);

	item->output = file;
	free(item->text);
	item->text = xasprintf(">%s", file);
	r->join = join;
	r->negated = negated;
}

/* At its operator. The file it writes to, if that is one, becomes *output. False: it has no word. */
static bool read_redirection(struct reader *r, char **output)
{
	const char *s = r->at;
	bool here = s[0] == '<' && s[1] == '<', tabs = here && s[2] == '-';
	bool writes = s[0] == '>' || s[1] == '>', copies = !here && s[1] == '&';
	cleanup_free char *word = NULL;
	const char *begin;

	r->at += strspn(s, "<>&|") + tabs;
	skip_blanks(r);
	begin = r->at;
	if (!*r->at || strchr(OPERATORS, *r->at))
		return false;
	word = read_word(r);
	if (here)
		return begin_here(r, steal_ptr(word), tabs, has_quotes(begin, r->at));
	copies = copies && word && strspn(word, "0123456789-") == strlen(word);
	if (word && writes && !copies && !is_nothing(word)) {
		if (*output)
			add_output(r, s, *output);
		*output = steal_ptr(word);
		return true;
	}
	return word;
}

/* --- simple commands --- */

/* Words and redirections up to an operator; false: they cannot be read. */
static bool read_words(struct reader *r, char ***words, char **output)
{
	for (;;) {
		const char *redirected;

		skip_blanks(r);
		redirected = redirection(r->at);
		if (redirected) {
			r->at = redirected;
			if (!read_redirection(r, output))
				return false;
			continue;
		}
		if (!*r->at || strchr(OPERATORS, *r->at) || *r->at == '#')
			return true;
		if (!take_word(r, words))
			return false;
	}
}

/* "NAME ()" behind a first word. */
static bool is_function(const struct reader *r)
{
	const char *s = r->at + strspn(r->at, BLANKS);

	return *s == '(' && s[1 + strspn(s + 1, BLANKS)] == ')';
}

static bool read_command(struct reader *r)
{
	const char *begin = r->at;
	char **words = NULL, *output = NULL;
	bool good;

	if (!redirection(r->at) && !take_word(r, &words))
		return false;
	if (words && is_function(r)) {
		r->at = strchr(r->at, ')') + 1;
		add(r, SHELL_FUNCTION, begin, words);
		return true;
	}
	good = read_words(r, &words, &output);
	add(r, SHELL_COMMAND, begin, words)->output = output;
	return good;
}

/* --- compound commands --- */

/* Takes the words over. */
static bool open_block(struct reader *r, enum shell_kind kind, const char *begin, char **words)
{
	if (r->depth == SHELL_DEPTH_MAX) {
		strv_free(words);
		return false;
	}
	add(r, kind, begin, words);
	r->open[r->depth++] = kind;
	return true;
}

static bool close_block(struct reader *r, enum shell_kind kind, enum shell_kind opened,
			const char *begin)
{
	if (!r->depth || r->open[r->depth - 1] != opened)
		return false;
	r->depth--;
	add(r, kind, begin, NULL);
	return true;
}

/* "NAME in WORDS", or "NAME" alone, which goes through the arguments. */
static bool read_for(struct reader *r, const char *begin)
{
	char **words = NULL, *output = NULL;
	bool good;

	skip_blanks(r);
	good = take_word(r, &words) && skip_lines(r);
	if (good && is_next(r, "in")) {
		r->at += 2;
		good = read_words(r, &words, &output);
	} else if (good)
		strv_append(&words, "$@");
	free(output);
	return open_block(r, SHELL_FOR, begin, words) && good;
}

static bool read_case(struct reader *r, const char *begin)
{
	char **words = NULL;
	bool good;

	skip_blanks(r);
	good = take_word(r, &words) && skip_lines(r) && is_next(r, "in");
	r->at += good ? 2 : 0;
	return open_block(r, SHELL_CASE, begin, words) && good;
}

/* Of a case, what is before its commands: "a | b)", with or without a parenthesis before it. */
static bool read_pattern(struct reader *r)
{
	const char *begin = r->at;
	char **words = NULL;
	bool good;

	r->at += *r->at == '(';
	for (;;) {
		skip_blanks(r);
		if (!*r->at || strchr(OPERATORS, *r->at))
			break;
		if (!take_word(r, &words))
			break;
		skip_blanks(r);
		if (*r->at != '|')
			break;
		r->at++;
	}
	good = words && *r->at == ')';
	r->at += good;
	add(r, SHELL_PATTERN, begin, words);
	return good;
}

static const struct {
	const char *word;
	enum shell_kind kind, opened; /* of one that closes, what */
	bool opens;
} reserved[] = {
	{ "if", SHELL_IF, 0, true },
	{ "then", SHELL_THEN, SHELL_IF, false },
	{ "elif", SHELL_ELIF, SHELL_IF, false },
	{ "else", SHELL_ELSE, SHELL_IF, false },
	{ "fi", SHELL_FI, SHELL_IF, false },
	{ "for", SHELL_FOR, 0, true },
	{ "while", SHELL_WHILE, 0, true },
	{ "until", SHELL_WHILE, 0, true },
	{ "do", SHELL_DO, SHELL_WHILE, false },
	{ "done", SHELL_DONE, SHELL_WHILE, false },
	{ "case", SHELL_CASE, 0, true },
	{ "esac", SHELL_ESAC, SHELL_CASE, false },
	{ "{", SHELL_GROUP, 0, true },
	{ "}", SHELL_GROUP_END, SHELL_GROUP, false },
};

static bool is_inside(const struct reader *r, enum shell_kind kind)
{
	enum shell_kind open = r->depth ? r->open[r->depth - 1] : SHELL_BROKEN;

	return open == kind || (kind == SHELL_WHILE && open == SHELL_FOR);
}

static bool read_reserved(struct reader *r, size_t i, const char *begin)
{
	enum shell_kind kind = reserved[i].kind;

	r->at += strlen(reserved[i].word);
	if (kind == SHELL_FOR)
		return read_for(r, begin);
	if (kind == SHELL_CASE)
		return read_case(r, begin);
	if (reserved[i].opens)
		return open_block(r, kind, begin, NULL);
	if (!is_inside(r, reserved[i].opened))
		return false;
	if (kind == SHELL_FI || kind == SHELL_DONE || kind == SHELL_ESAC || kind == SHELL_GROUP_END)
		return close_block(r, kind, r->open[r->depth - 1], begin);
	add(r, kind, begin, NULL);
	return true;
}

/* --- all of it --- */

static void read_comment(struct reader *r)
{
	const char *begin = r->at;

	r->at += strcspn(r->at, "\n");
	add(r, SHELL_COMMENT, begin, NULL);
}

/* ";", "&&" and the like, the end of a line. False: it is none. */
static bool read_separator(struct reader *r)
{
	const char *s = r->at;

	if (*s == '\n') {
		r->at++; /* what "&&" joins may be in the next line */
		return skip_here(r);
	}
	if (!strchr(";&|", *s))
		return false;
	r->at += 1 + (s[1] == s[0] || (s[0] == '|' && s[1] == '&'));
	r->join = *s == ';' ? SHELL_NEXT : s[1] != s[0] ? SHELL_PIPE : SHELL_OR;
	if (*s == '&')
		r->join = s[1] == '&' ? SHELL_AND : SHELL_ASYNC;
	return true;
}

/* Whether patterns of a case are next: behind "in" and behind ";;". */
static bool is_pattern_next(const struct reader *r)
{
	const struct shell *s = r->shell;
	size_t n = s->n;

	if (!r->depth || r->open[r->depth - 1] != SHELL_CASE || is_next(r, "esac"))
		return false;
	while (n && s->items[n - 1].kind == SHELL_COMMENT)
		n--;
	return (n && s->items[n - 1].kind == SHELL_CASE) || str_starts(r->at, ";;");
}

static bool read_next(struct reader *r)
{
	const char *begin = r->at;

	if (*r->at == '#') {
		read_comment(r);
		return true;
	}
	if (is_pattern_next(r) && *r->at != '\n') {
		r->at += str_starts(r->at, ";;") ? 2 : 0;
		r->join = SHELL_NEXT;
		return skip_lines(r) && (is_next(r, "esac") || read_pattern(r));
	}
	if (read_separator(r))
		return true;
	if (is_next(r, "!")) {
		r->at++;
		r->negated = !r->negated;
		return true;
	}
	if (*r->at == '(' || *r->at == ')') {
		r->at++;
		return *begin == '(' ? open_block(r, SHELL_GROUP, begin, NULL)
				     : close_block(r, SHELL_GROUP_END, SHELL_GROUP, begin);
	}
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		if (is_next(r, reserved[i].word))
			return read_reserved(r, i, begin);
	return read_command(r);
}

/* Another language's, by its first line. */
static bool is_foreign(const char *script)
{
	cleanup_free char *name = NULL;
	const char *program;

	if (!str_starts(script, "#!"))
		return false;
	program = script + 2 + strspn(script + 2, BLANKS);
	name = xstrndup(program, strcspn(program, BLANKS "\n"));
	return !str_ends(name, "sh");
}

void shell_read(const char *script, struct shell *ret)
{
	struct reader r = { .at = script, .shell = ret, .counted = script, .line = 1 };
	const char *begin = script;
	bool good = !is_foreign(script) && strlen(script) <= SHELL_BYTES_MAX;

	*ret = (struct shell){ 0 };
	while (good) {
		skip_blanks(&r);
		begin = r.at;
		if (!*r.at)
			break;
		good = read_next(&r);
	}
	free(r.here.end);
	if (good && !r.depth)
		return;
	r.at = begin + strcspn(begin, "\n");
	add(&r, SHELL_BROKEN, begin, NULL);
}
