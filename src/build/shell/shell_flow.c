/* SPDX-License-Identifier: MIT */
#include "shell_flow.h"

#include <fnmatch.h>
#include <string.h>

#include "mem.h"
#include "shell_test.h"
#include "str.h"

/* What is more is not decided, or not carried out any further. */
#define TEST_WORDS    32
#define PATTERN_BYTES 256
#define PATTERN_STARS 3
#define INSIDE_MAX    32    /* calls and loops in one another */
#define STEPS_MAX     65536 /* words, each time that they are carried out */
#define NAMED_MAX     256   /* of more functions all count as named */

/* A branch, loop, case, group, or all that is carried out at once. */
struct frame {
	bool outside;       /* whether it is reached at all */
	bool reached;       /* whether what is read now is */
	bool before;        /* whether the command before was */
	bool taken;         /* a branch that surely was: those that follow are not */
	enum answer status; /* of the list up to here */
	char *value;        /* of a case; NULL: not known */
};

struct flow {
	const struct shell *shell;
	struct shell_values values;
	shell_visit *visit;
	void *data;
	bool *called, *named; /* each function */
	size_t inside, steps;
	bool cut; /* something was not carried out */
};

/* What is carried out at once: the script, what a function does, a loop's turn. */
struct walk {
	struct flow *flow;
	struct shell_scope scope;
	size_t n;
	struct frame frames[SHELL_DEPTH_MAX + 1];
};

/* How the command ends, when that can be told. */
static enum answer status_of(const struct walk *w, const struct shell_item *item)
{
	enum shell_known known;
	cleanup_strv char **words =
		shell_fields(&w->flow->values, &w->scope, item->words, true, &known);
	char *tested[TEST_WORDS];
	size_t n = strv_len(words);
	enum answer a;

	if (!n || n > TEST_WORDS || item->output || known == SHELL_UNKNOWN)
		return MAYBE;
	for (size_t i = 0; i < n; i++)
		tested[i] = strpbrk(words[i], "$`") ? NULL : words[i];
	a = shell_test(tested, n);
	return item->negated ? answer_not(a) : a;
}

/* Time that fnmatch(3) takes has the number of asterisks for exponent. */
static bool is_short(const char *pattern)
{
	size_t n = 0;

	for (; *pattern; pattern++)
		n += *pattern == '*';
	return n <= PATTERN_STARS;
}

static enum answer match(const struct walk *w, const char *value, char *const *patterns)
{
	enum answer a = NO;

	if (!value || strlen(value) > PATTERN_BYTES)
		return MAYBE;
	for (; patterns && *patterns; patterns++) {
		cleanup_free char *pattern =
			shell_word(&w->flow->values, &w->scope, *patterns, true);

		a = answer_or(a, pattern && is_short(pattern)
					 ? answer_of(fnmatch(pattern, value, 0) == 0)
					 : MAYBE);
	}
	return a;
}

/* --- the way through --- */

static void walk(struct flow *f, struct shell_scope scope, size_t begin, size_t end);

static struct frame *top(struct walk *w)
{
	return &w->frames[w->n - 1];
}

/* Whether an item begins to be carried out, by how what is before it ended. */
static bool is_reached(struct walk *w, const struct shell_item *item)
{
	struct frame *t = top(w);
	bool reached = t->reached;

	if (item->join == SHELL_PIPE)
		reached = reached && t->before;
	else if (item->join == SHELL_AND || item->join == SHELL_OR)
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
		t->status = join == SHELL_PIPE ? MAYBE : status;
}

/* Carries out another range of items, unless that has become too much. */
static void walk_inside(struct walk *w, struct shell_scope scope, size_t begin, size_t end)
{
	struct flow *f = w->flow;

	if (f->inside == INSIDE_MAX || f->steps >= STEPS_MAX) {
		f->cut = true;
		return;
	}
	f->inside++;
	scope.outer = &w->scope;
	walk(f, scope, begin, end);
	f->inside--;
}

/* --- functions --- */

static bool is_under_way(const struct walk *w, size_t function)
{
	for (const struct shell_scope *s = &w->scope; s; s = s->outer)
		if (s->function == function)
			return true;
	return false;
}

/* `args`: NULL: not known. */
static void call(struct walk *w, size_t function, char *const *args)
{
	const struct shell_function *called = &w->flow->values.functions[function];
	struct shell_scope scope = { .function = function, .args = args };

	w->flow->called[function] = true;
	if (is_under_way(w, function))
		w->flow->cut = true;
	else
		walk_inside(w, scope, called->begin, called->end);
}

static bool is_word_at(const char *text, const char *at, size_t n)
{
	static const char inside[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	return (at == text || !strchr(inside, at[-1])) && (!at[n] || !strchr(inside, at[n]));
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at++)
		if (is_word_at(text, at, n))
			return true;
	return false;
}

/* Functions that another command may call: "trap name", "xargs name". */
static void find_named(struct flow *f, const struct shell_item *item)
{
	for (size_t i = 0; i < f->values.n_functions; i++)
		if (!f->called[i] && !f->named[i])
			f->named[i] = f->values.n_functions > NAMED_MAX ||
				      has_word(item->text, f->values.functions[i].name);
}

static void call_all(struct walk *w, char *const *fields, enum shell_known known)
{
	const struct shell_values *v = &w->flow->values;

	while (*fields && shell_assigned(*fields))
		fields++;
	for (size_t i = 0; *fields && i < v->n_functions; i++)
		if (str_eq(v->functions[i].name, *fields))
			call(w, i, known == SHELL_UNKNOWN ? NULL : fields + 1);
}

/* Those that are named and were not called; what they do may name others. */
static void call_named(struct walk *w)
{
	struct flow *f = w->flow;
	bool again;

	do {
		again = false;
		for (size_t i = 0; i < f->values.n_functions; i++) {
			if (!f->named[i] || f->called[i])
				continue;
			call(w, i, NULL);
			again = true;
		}
	} while (again);
}

/* What a function does begins behind its name; the last item of it. */
static size_t skip_function(const struct flow *f, size_t at)
{
	for (size_t i = 0; i < f->values.n_functions; i++)
		if (f->values.functions[i].begin == at + 1)
			return f->values.functions[i].end;
	return at;
}

/* --- loops --- */

/* Whether words come to nothing whatever way the script went. */
static bool is_surely_nothing(const struct walk *w, char *const *words)
{
	enum shell_known known;
	cleanup_strv char **fields = shell_fields(&w->flow->values, &w->scope, words, true, &known);

	return known == SHELL_KNOWN && !*fields;
}

/* A turn for each of the values. False: they are not known. */
static bool loop(struct walk *w, const struct shell_item *item, size_t at, size_t end)
{
	char *const *words = item->words + 1;
	enum shell_known known;
	cleanup_strv char **values =
		shell_fields(&w->flow->values, &w->scope, words, false, &known);

	if (known != SHELL_KNOWN || (!*values && !is_surely_nothing(w, words)) ||
	    shell_is_set(&w->flow->values, *item->words, strlen(*item->words), at + 1, end))
		return false;
	for (char **value = values; *value; value++) {
		struct shell_scope scope = { .function = SHELL_NOWHERE,
					     .name = *item->words,
					     .value = *value };

		walk_inside(w, scope, at + 1, end - 1);
	}
	return true;
}

/* --- blocks --- */

static void begin(struct walk *w, const struct shell_item *item, bool reached)
{
	struct frame new = { .outside = reached, .reached = reached, .status = MAYBE };

	if (item->kind == SHELL_CASE) {
		new.reached = false;
		new.value = item->words
				    ? shell_word(&w->flow->values, &w->scope, *item->words, false)
				    : NULL;
	}
	w->frames[w->n++] = new;
}

/* The item that is done with. */
static size_t block(struct walk *w, const struct shell_item *item, size_t at)
{
	bool reached = is_reached(w, item);
	size_t end = shell_end(w->flow->shell, at);

	if (reached) {
		end_item(top(w), item->join, MAYBE);
		find_named(w->flow, item);
	}
	if (reached && item->kind == SHELL_FOR && item->words && loop(w, item, at, end))
		return end;
	begin(w, item, reached);
	return at;
}

/* A branch begins, if it is not surely another that is taken. */
static void branch(struct frame *t, enum answer condition)
{
	t->reached = t->outside && !t->taken && condition != NO;
	t->taken = t->taken || condition == YES;
	t->status = MAYBE;
}

static void command(struct walk *w, const struct shell_item *item)
{
	struct flow *f = w->flow;
	cleanup_strv char **fields = NULL;
	enum shell_known known;

	if (!is_reached(w, item))
		return;
	fields = shell_fields(&f->values, &w->scope, item->words, false, &known);
	f->visit(f->data, item, fields);
	call_all(w, fields, known);
	find_named(f, item);
	end_item(top(w), item->join, status_of(w, item));
}

/* The item that is done with, from this one on. */
static size_t step(struct walk *w, size_t at)
{
	const struct shell_item *item = &w->flow->shell->items[at];
	struct frame *t = top(w);

	w->scope.at = at;
	switch (item->kind) {
	case SHELL_COMMAND:
		command(w, item);
		return at;
	case SHELL_COMMENT:
	case SHELL_BROKEN:
		w->flow->visit(w->flow->data, item, NULL);
		return at;
	case SHELL_FUNCTION:
		return skip_function(w->flow, at);
	case SHELL_THEN:
		branch(t, item->join == SHELL_ASYNC ? MAYBE : t->status);
		return at;
	case SHELL_ELIF:
	case SHELL_ELSE:
	case SHELL_DO:
		branch(t, MAYBE);
		return at;
	case SHELL_PATTERN:
		branch(t, match(w, t->value, item->words));
		return at;
	case SHELL_GROUP_END:
	case SHELL_FI:
	case SHELL_DONE:
	case SHELL_ESAC:
		if (w->n > 1)
			free(w->frames[--w->n].value);
		return at;
	default:
		return block(w, item, at);
	}
}

static void walk(struct flow *f, struct shell_scope scope, size_t begin_, size_t end)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->flow = f;
	w->scope = scope;
	w->frames[w->n++] = (struct frame){ .outside = true, .reached = true, .status = MAYBE };
	for (size_t at = begin_; at <= end; at++) {
		f->steps += 1 + strv_len(f->shell->items[at].words);
		at = step(w, at);
	}
	if (!scope.outer)
		call_named(w);
	while (w->n)
		free(w->frames[--w->n].value);
	free(w);
}

void shell_flow(const struct shell *s, const struct shell_value *given, size_t n,
		shell_visit *visit, void *data)
{
	char said[] = "(calls and loops that are not followed any further)";
	const struct shell_item too_much = { .kind = SHELL_BROKEN, .text = said, .line = 1 };
	struct flow f = { .shell = s, .visit = visit, .data = data };
	struct shell_scope all = { .function = SHELL_NOWHERE };

	if (!s->n)
		return;
	shell_values_read(s, given, n, &f.values);
	f.called = xcalloc(f.values.n_functions + 1, sizeof(*f.called));
	f.named = xcalloc(f.values.n_functions + 1, sizeof(*f.named));
	walk(&f, all, 0, s->n - 1);
	if (f.cut)
		visit(data, &too_much, NULL);
	free(f.called);
	free(f.named);
	shell_values_finish(&f.values);
}
