/* SPDX-License-Identifier: MIT */
#include "shell_flow.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

/* What is more is not known. */
#define EXPAND_DEPTH    8    /* variables that are set to others */
#define EXPAND_LOOKUPS  64   /* variables of one word */
#define EXPAND_BYTES    4096 /* and its length */
#define ASSIGNMENTS_MAX 1024
#define TEST_WORDS      32
#define PATTERN_BYTES   256
#define PATTERN_STARS   3

enum answer { NO, YES, MAYBE };

/* What the script sets a variable to. */
struct assignment {
	char *name;
	const char *word; /* NULL: to what cannot be told */
	size_t at;        /* the item */
	bool always;      /* not inside anything that may be passed over */
};

/* A branch, loop, case, group, or the script itself. */
struct frame {
	bool outside; /* whether it is reached at all */
	bool reached; /* whether what is read now is */
	bool before;  /* whether the command before was */
	bool taken;   /* a branch that surely was: those that follow are not */
	bool function;
	enum answer status; /* of the list up to here */
	char *value;        /* of a case; NULL: not known */
};

struct flow {
	const struct shell *shell;
	const struct shell_value *given;
	size_t n_given;
	struct assignment *assignments;
	size_t n_assignments;
	size_t at;     /* the item */
	bool shifted;  /* the arguments are others than those that are given */
	bool function; /* the next group is what a function does */
	size_t n_frames;
	struct frame frames[SHELL_DEPTH_MAX + 1];
};

static enum answer answer_not(enum answer a)
{
	return a == MAYBE ? MAYBE : a == YES ? NO : YES;
}

static enum answer answer_and(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == YES && b == YES ? YES : MAYBE;
}

static enum answer answer_or(enum answer a, enum answer b)
{
	return answer_not(answer_and(answer_not(a), answer_not(b)));
}

static enum answer answer_of(bool yes)
{
	return yes ? YES : NO;
}

/* --- values --- */

static size_t name_len(const char *s)
{
	size_t n = 0;

	if (isdigit((unsigned char)*s))
		return 1;
	while (isalnum((unsigned char)s[n]) || s[n] == '_')
		n++;
	return n;
}

/* Takes the name over. */
static void add_assignment(struct flow *f, char *name, const char *word, bool always)
{
	f->assignments =
		xreallocarray(f->assignments, f->n_assignments + 1, sizeof(*f->assignments));
	f->assignments[f->n_assignments++] =
		(struct assignment){ .name = name, .word = word, .at = f->at, .always = always };
}

/* "NAME=word"; false: it is none. */
static bool read_assignment(struct flow *f, const char *word, bool always)
{
	size_t n = name_len(word);

	if (!n || isdigit((unsigned char)*word) || word[n] != '=')
		return false;
	add_assignment(f, xstrndup(word, n), word + n + 1, always);
	return true;
}

static bool is_declaration(const char *word)
{
	return str_eq(word, "export") || str_eq(word, "readonly") || str_eq(word, "local");
}

static void read_assignments(struct flow *f, const struct shell_item *item, bool always)
{
	char **words = item->words;

	if (item->kind == SHELL_FOR || (words && str_eq(*words, "read")))
		for (size_t i = item->kind != SHELL_FOR; words && words[i]; i++)
			add_assignment(f, xstrdup(words[i]), NULL, false);
	if (item->kind != SHELL_COMMAND)
		return;
	if (words && (str_eq(*words, "shift") || (str_eq(*words, "set") && strv_has(words, "--"))))
		f->shifted = true;
	if (words && is_declaration(*words))
		for (words++; *words; words++)
			read_assignment(f, *words, always);
	while (words && *words && read_assignment(f, *words, always))
		words++;
}

static bool is_begin(enum shell_kind kind)
{
	return kind == SHELL_GROUP || kind == SHELL_IF || kind == SHELL_FOR ||
	       kind == SHELL_WHILE || kind == SHELL_CASE;
}

static bool is_end(enum shell_kind kind)
{
	return kind == SHELL_GROUP_END || kind == SHELL_FI || kind == SHELL_DONE ||
	       kind == SHELL_ESAC;
}

static void find_assignments(struct flow *f)
{
	size_t depth = 0;

	for (f->at = 0; f->at < f->shell->n; f->at++) {
		const struct shell_item *item = &f->shell->items[f->at];

		depth += is_begin(item->kind);
		depth -= is_end(item->kind);
		read_assignments(f, item, depth == 0 && item->join == SHELL_NEXT);
	}
}

/* What the script sets it to, once; `sure`: before this item, whatever way it went. NULL: that cannot be told. */
static const char *find_value(const struct flow *f, const char *name, size_t n, bool sure)
{
	const struct assignment *found = NULL;

	if (f->n_assignments > ASSIGNMENTS_MAX)
		return NULL;
	for (size_t i = 0; i < f->n_assignments; i++) {
		const struct assignment *a = &f->assignments[i];

		if (strlen(a->name) != n || memcmp(a->name, name, n) != 0)
			continue;
		if (found)
			return NULL;
		found = a;
	}
	return found && (!sure || (found->always && found->at < f->at)) ? found->word : NULL;
}

static bool in_function(const struct flow *f)
{
	for (size_t i = 0; i < f->n_frames; i++)
		if (f->frames[i].function)
			return true;
	return false;
}

static const char *find_given(const struct flow *f, const char *name, size_t n)
{
	for (size_t i = 0; i < f->n_given; i++)
		if (strlen(f->given[i].name) == n && memcmp(f->given[i].name, name, n) == 0)
			return f->given[i].value;
	return NULL;
}

/* One word that is expanded. */
struct expansion {
	const struct flow *flow;
	bool sure;
	unsigned int depth; /* of variables that are set to others */
	unsigned int left;  /* how many more are looked up */
};

static char *expand(struct expansion *e, const char *word);

/* As expand, one variable further down. */
static char *expand_deeper(struct expansion *e, const char *word)
{
	char *value = NULL;

	if (e->depth < EXPAND_DEPTH) {
		e->depth++;
		value = expand(e, word);
		e->depth--;
	}
	return value;
}

/* As expand. */
static char *value_of(struct expansion *e, const char *name, size_t n)
{
	const struct flow *f = e->flow;
	const char *given = find_given(f, name, n), *word;

	if (e->left == 0)
		return NULL;
	e->left--;
	if (isdigit((unsigned char)*name) && (f->shifted || in_function(f)))
		return NULL;
	if (given)
		return xstrdup(given);
	word = find_value(f, name, n, e->sure);
	return word ? expand_deeper(e, word) : NULL;
}

/* "${NAME}", "${NAME:-word}", "${NAME:+word}", without the braces. As expand. */
static char *expand_braces(struct expansion *e, const char *inside)
{
	size_t n = name_len(inside), colon = inside[n] == ':';
	char sign = inside[n + colon];
	cleanup_free char *value = n ? value_of(e, inside, n) : NULL;

	if (!value || !inside[n])
		return steal_ptr(value);
	if (sign != '-' && sign != '+')
		return NULL;
	/* It is set: without a colon that is enough. */
	if ((sign == '-') == (*value || !colon))
		return sign == '-' ? steal_ptr(value) : xstrdup("");
	return expand_deeper(e, inside + n + colon + 1);
}

/* What begins with a "$"; *ret_len: how many characters that is. As expand. */
static char *expand_one(struct expansion *e, const char *s, size_t *ret_len)
{
	const char *end = s[1] == '{' ? strchr(s, '}') : NULL;
	cleanup_free char *inside = NULL;
	size_t n = name_len(s + 1);

	if (s[1] != '{') {
		*ret_len = n + 1;
		return n ? value_of(e, s + 1, n) : NULL;
	}
	if (!end)
		return NULL;
	*ret_len = (size_t)(end - s) + 1;
	inside = xstrndup(s + 2, *ret_len - 3);
	return strpbrk(inside, "`{") ? NULL : expand_braces(e, inside);
}

/* Backslashes stay. The caller frees; NULL: it cannot be told. */
static char *expand(struct expansion *e, const char *word)
{
	cleanup_buf struct buf out = BUF_INIT;

	while (*word && out.len < EXPAND_BYTES) {
		size_t n = *word == '\\' && word[1] ? 2 : 1;
		cleanup_free char *value = NULL;

		if (*word == '`')
			return NULL;
		if (*word == '$') {
			value = expand_one(e, word, &n);
			if (!value)
				return NULL;
			buf_append_str(&out, value);
		} else {
			buf_append(&out, word, n);
		}
		word += n;
	}
	return *word ? NULL : buf_steal_str(&out);
}

/* As expand. `sure`: whatever way the script went. */
static char *expand_word(const struct flow *f, const char *word, bool sure)
{
	struct expansion e = { .flow = f, .sure = sure, .left = EXPAND_LOOKUPS };

	return expand(&e, word);
}

static void drop_backslashes(char *word)
{
	char *to = word;

	for (; *word; word++) {
		word += *word == '\\' && word[1];
		*to++ = *word;
	}
	*to = '\0';
}

/* A word as the command gets it. NULL: it cannot be told. */
static char *known_word(const struct flow *f, const char *word, bool sure)
{
	char *known = expand_word(f, word, sure);

	if (known)
		drop_backslashes(known);
	return known;
}

/* --- tests --- */

/* Each may be NULL: not known. */
static enum answer test_one(char *const *w, size_t n)
{
	if (n == 0)
		return NO;
	if (str_eq(w[0], "!") && n > 1)
		return answer_not(test_one(w + 1, n - 1));
	if (n == 1)
		return w[0] ? answer_of(*w[0]) : MAYBE;
	if (n == 2 && w[1] && (str_eq(w[0], "-n") || str_eq(w[0], "-z")))
		return answer_of((w[0][1] == 'n') == (*w[1] != '\0'));
	if (n != 3 || !w[0] || !w[2])
		return MAYBE;
	if (str_eq(w[1], "=") || str_eq(w[1], "=="))
		return answer_of(str_eq(w[0], w[2]));
	return str_eq(w[1], "!=") ? answer_of(!str_eq(w[0], w[2])) : MAYBE;
}

/* What "-a" joins, and then what "-o" does. */
static enum answer test_all(char *const *w, size_t n)
{
	enum answer any = NO, all = YES;
	size_t begin = 0;

	for (size_t i = 0; i <= n; i++) {
		bool ends = i == n || str_eq(w[i], "-o");

		if (!ends && !str_eq(w[i], "-a"))
			continue;
		all = answer_and(all, test_one(w + begin, i - begin));
		begin = i + 1;
		if (ends) {
			any = answer_or(any, all);
			all = YES;
		}
	}
	return any;
}

/* dpkg(1): no version is earlier than any, but for operators that end in "-nl". */
static enum answer compare_nothing(const char *sign)
{
	static const struct {
		const char *name;
		enum answer answer;
	} operators[] = {
		{ "lt", YES }, { "le", YES },   { "eq", NO },    { "ne", YES },    { "ge", NO },
		{ "gt", NO },  { "lt-nl", NO }, { "le-nl", NO }, { "ge-nl", YES }, { "gt-nl", YES },
		{ "<<", YES }, { "<=", YES },   { "=", NO },     { ">=", NO },     { ">>", NO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
		if (str_eq(operators[i].name, sign))
			return operators[i].answer;
	return MAYBE;
}

static enum answer compare_versions(char *const *w, size_t n)
{
	size_t first = n > 2 && str_eq(w[2], "--") ? 3 : 2;

	if (n != first + 3 || !w[first] || *w[first] || !w[first + 2] || !*w[first + 2])
		return MAYBE;
	return compare_nothing(w[first + 1]);
}

static enum answer run(char *const *w, size_t n)
{
	if (str_eq(w[0], "true") || str_eq(w[0], ":"))
		return YES;
	if (str_eq(w[0], "false"))
		return NO;
	if (str_eq(w[0], "[") && str_eq(w[n - 1], "]"))
		return test_all(w + 1, n - 2);
	if (str_eq(w[0], "test"))
		return test_all(w + 1, n - 1);
	if (str_eq(w[0], "dpkg") && n > 1 && str_eq(w[1], "--compare-versions"))
		return compare_versions(w, n);
	return MAYBE;
}

/* How the command ends, when that can be told. */
static enum answer status_of(const struct flow *f, const struct shell_item *item)
{
	size_t n = strv_len(item->words);
	char *words[TEST_WORDS] = { NULL };
	enum answer a;

	if (!n || n > TEST_WORDS || item->output)
		return MAYBE;
	for (size_t i = 0; i < n; i++)
		words[i] = known_word(f, item->words[i], true);
	a = run(words, n);
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	return item->negated ? answer_not(a) : a;
}

/* --- the way through --- */

static struct frame *top(struct flow *f)
{
	return &f->frames[f->n_frames - 1];
}

/* Whether an item begins to be carried out, by how what is before it ended. */
static bool is_reached(struct flow *f, const struct shell_item *item)
{
	struct frame *t = top(f);
	bool reached = t->reached;

	if (item->join == SHELL_PIPE)
		reached = reached && t->before;
	else if (item->join != SHELL_NEXT)
		reached = reached && t->status != (item->join == SHELL_AND ? NO : YES);
	t->before = reached;
	return reached;
}

/* What the list comes to with this item as the last that was carried out. */
static void end_item(struct frame *t, enum shell_join join, enum answer status)
{
	if (join == SHELL_AND)
		t->status = answer_and(t->status, status);
	else if (join == SHELL_OR)
		t->status = answer_or(t->status, status);
	else
		t->status = status;
}

/* Words that come to nothing: a loop over them is none. */
static bool is_nothing(const struct flow *f, char *const *words)
{
	for (; *words; words++) {
		cleanup_free char *known = known_word(f, *words, true);

		if (!known || *known)
			return false;
	}
	return true;
}

static void begin(struct flow *f, const struct shell_item *item)
{
	bool reached = is_reached(f, item);
	struct frame new = { .outside = reached, .reached = reached, .status = MAYBE };

	if (reached)
		end_item(top(f), item->join, MAYBE);
	if (item->kind == SHELL_FOR && item->words && is_nothing(f, item->words + 1))
		new.reached = false;
	if (item->kind == SHELL_CASE) {
		new.reached = false;
		new.value = item->words ? known_word(f, *item->words, true) : NULL;
	}
	new.function = item->kind == SHELL_GROUP && f->function;
	f->frames[f->n_frames++] = new;
}

/* Time that fnmatch(3) takes has the number of asterisks for exponent. */
static bool is_short(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern == '*';
	return n <= PATTERN_STARS;
}

static enum answer match(const struct flow *f, const char *value, char *const *patterns)
{
	enum answer a = NO;

	if (!value || strlen(value) > PATTERN_BYTES)
		return MAYBE;
	for (; patterns && *patterns; patterns++) {
		cleanup_free char *pattern = expand_word(f, *patterns, true);

		a = answer_or(a, pattern && is_short(pattern)
					 ? answer_of(fnmatch(pattern, value, 0) == 0)
					 : MAYBE);
	}
	return a;
}

/* A branch begins, if it is not surely another that is taken. */
static void branch(struct frame *t, enum answer condition)
{
	t->reached = t->outside && !t->taken && condition != NO;
	t->taken = t->taken || condition == YES;
	t->status = MAYBE;
}

static void command(struct flow *f, const struct shell_item *item, shell_visit *visit, void *data)
{
	cleanup_strv char **words = NULL;

	if (!is_reached(f, item))
		return;
	for (char **w = item->words; w && *w; w++) {
		char *known = known_word(f, *w, false);

		strv_take(&words, known ? known : xstrdup(*w));
	}
	visit(data, item, words);
	end_item(top(f), item->join, status_of(f, item));
}

static void step(struct flow *f, const struct shell_item *item, shell_visit *visit, void *data)
{
	struct frame *t = top(f);

	switch (item->kind) {
	case SHELL_COMMAND:
		command(f, item, visit, data);
		break;
	case SHELL_COMMENT:
	case SHELL_BROKEN:
		visit(data, item, NULL);
		break;
	case SHELL_THEN:
		branch(t, t->status);
		break;
	case SHELL_ELIF:
	case SHELL_ELSE:
		branch(t, MAYBE);
		break;
	case SHELL_PATTERN:
		branch(t, match(f, t->value, item->words));
		break;
	default:
		if (is_begin(item->kind))
			begin(f, item);
		else if (is_end(item->kind) && f->n_frames > 1)
			free(f->frames[--f->n_frames].value);
	}
	f->function = item->kind == SHELL_FUNCTION;
}

void shell_flow(const struct shell *s, const struct shell_value *given, size_t n,
		shell_visit *visit, void *data)
{
	struct flow *f = xcalloc(1, sizeof(*f));

	f->shell = s;
	f->given = given;
	f->n_given = n;
	find_assignments(f);
	f->frames[f->n_frames++] =
		(struct frame){ .outside = true, .reached = true, .status = MAYBE };
	for (f->at = 0; f->at < s->n; f->at++)
		step(f, &s->items[f->at], visit, data);
	while (f->n_frames)
		free(f->frames[--f->n_frames].value);
	for (size_t i = 0; i < f->n_assignments; i++)
		free(f->assignments[i].name);
	free(f->assignments);
	free(f);
}
