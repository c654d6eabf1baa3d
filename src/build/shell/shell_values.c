/* SPDX-License-Identifier: MIT */
#include "shell_values.h"

#include <ctype.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

/* What is more is not known. */
#define EXPAND_DEPTH    8    /* variables that are set to others */
#define EXPAND_LOOKUPS  16   /* variables of one word */
#define EXPAND_BYTES    4096 /* and its length */
#define ASSIGNMENTS_MAX 512  /* each is looked at for each of those */

#define SEPARATOR '\1' /* between fields, while a word is expanded */

/* --- lookup --- */

/* One word that is expanded. */
struct expansion {
	const struct shell_values *v;
	const struct shell_scope *scope;
	size_t at;          /* the item where it is */
	bool sure;          /* what a variable has there, whatever way the script went */
	bool whole;         /* it stays one */
	bool quoted;        /* where it is read now */
	unsigned int depth; /* of variables that are set to others */
	unsigned int left;  /* how many more are looked up */
};

static bool is_name(const char *name, const char *s, size_t n)
{
	return name && strlen(name) == n && memcmp(name, s, n) == 0;
}

/* The call that the scope is inside of; NULL: none. */
static const struct shell_scope *call_of(const struct shell_scope *scope)
{
	while (scope && scope->function == SHELL_NOWHERE)
		scope = scope->outer;
	return scope;
}

/* Whether a word has arguments, which are others in another function. */
static bool has_arguments(const char *word)
{
	while ((word = strchr(word, '$'))) {
		word += 1 + (word[1] == '{');
		if (isdigit((unsigned char)*word) || strchr("@*#", *word))
			return true;
	}
	return false;
}

/* The only one of that name; of those in one function the only one there, since most are local. */
static const struct shell_assignment *find_assignment(const struct expansion *e, const char *name,
						      size_t n)
{
	const struct shell_values *v = e->v;
	const struct shell_scope *call = call_of(e->scope);
	const struct shell_assignment *found = NULL, *own = NULL;
	size_t n_found = 0, n_own = 0;

	for (size_t i = 0; i < v->n_assignments; i++) {
		const struct shell_assignment *a = &v->assignments[i];

		if (!is_name(a->name, name, n))
			continue;
		found = a;
		n_found++;
		if (call && a->function == call->function) {
			own = a;
			n_own++;
		}
	}
	if (n_own == 1 && !e->sure)
		return own;
	return n_found == 1 ? found : NULL;
}

/* Where the script sets it; NULL: that cannot be told. */
static const struct shell_assignment *find_set(const struct expansion *e, const char *name,
					       size_t n)
{
	const struct shell_scope *call = call_of(e->scope);
	const struct shell_assignment *a = find_assignment(e, name, n);

	if (!a || !a->word)
		return NULL;
	if (e->sure && (e->v->sourced || !a->always || a->at >= e->at))
		return NULL;
	if (a->function != SHELL_NOWHERE && (!call || call->function != a->function) &&
	    has_arguments(a->word))
		return NULL;
	return a;
}

bool shell_is_set(const struct shell_values *v, const char *name, size_t n, size_t begin,
		  size_t end)
{
	for (size_t i = 0; i < v->n_assignments; i++) {
		const struct shell_assignment *a = &v->assignments[i];

		if (is_name(a->name, name, n) && begin <= a->at && a->at <= end)
			return true;
	}
	return false;
}

static const char *find_given(const struct shell_values *v, const char *name, size_t n)
{
	for (size_t i = 0; i < v->n_given; i++)
		if (is_name(v->given[i].name, name, n))
			return v->given[i].value;
	return NULL;
}

/* A field of a call that is not known still has something of the shell's. */
static const char *known_field(const char *field)
{
	return field && !strpbrk(field, "$`*?[") ? field : NULL;
}

static const char *find_argument(const struct expansion *e, const char *name)
{
	const struct shell_scope *call = call_of(e->scope);
	size_t i = (size_t)(*name - '0');

	if (!call)
		return e->v->shifted ? NULL : find_given(e->v, name, 1);
	if (i == 0 || !call->args || e->v->functions[call->function].shifted)
		return NULL;
	return i <= strv_len(call->args) ? known_field(call->args[i - 1]) : "";
}

static const char *find_loop(const struct shell_scope *scope, const char *name, size_t n)
{
	for (; scope; scope = scope->outer)
		if (is_name(scope->name, name, n))
			return scope->value;
	return NULL;
}

/* --- expansion --- */

static char *expand(struct expansion *e, const char *word);

/* As expand, one variable further down: the value is one word. */
static char *expand_deeper(struct expansion *e, const char *word)
{
	struct expansion deeper = *e;
	char *value;

	if (e->depth == EXPAND_DEPTH)
		return NULL;
	deeper.depth++;
	deeper.whole = true;
	value = expand(&deeper, word);
	e->left = deeper.left;
	return value;
}

/* What it was set to, as that was when it was set. As expand. */
static char *expand_assignment(struct expansion *e, const struct shell_assignment *a)
{
	const struct shell_scope *scope = e->scope;
	size_t at = e->at;
	char *value;

	/* Arguments are then the script's. */
	while (a->function == SHELL_NOWHERE && has_arguments(a->word) && e->scope->outer)
		e->scope = e->scope->outer;
	e->at = a->at;
	value = expand_deeper(e, a->word);
	e->at = at;
	e->scope = scope;
	return value;
}

/* What is found is no word any more: nothing in it is the shell's. */
static char *literal(const char *value)
{
	cleanup_buf struct buf out = BUF_INIT;

	for (; *value; value++) {
		if (strchr("$`\\\"*?[", *value))
			buf_append(&out, "\\", 1);
		buf_append(&out, value, 1);
	}
	return buf_steal_str(&out);
}

/* As expand. */
static char *value_of(struct expansion *e, const char *name, size_t n)
{
	const struct shell_assignment *a;
	const char *value;

	if (e->left == 0 || e->v->n_assignments > ASSIGNMENTS_MAX)
		return NULL;
	e->left--;
	if (isdigit((unsigned char)*name)) {
		value = find_argument(e, name);
		return value ? literal(value) : NULL;
	}
	value = find_loop(e->scope, name, n);
	if (!value && !shell_is_set(e->v, name, n, 0, e->v->shell->n))
		value = find_given(e->v, name, n);
	if (value)
		return literal(value);
	a = find_set(e, name, n);
	return a ? expand_assignment(e, a) : NULL;
}

/* "${NAME}", "${NAME:-word}", "${NAME:+word}", without the braces. As expand. */
static char *expand_braces(struct expansion *e, const char *inside)
{
	size_t n = shell_name_len(inside), colon = inside[n] == ':';
	char sign = inside[n + colon];
	cleanup_free char *value = n ? value_of(e, inside, n) : NULL;

	if (!value || !inside[n])
		return steal_ptr(value);
	/* Without a colon it matters whether it is set, which what is empty may be or not. */
	if ((sign != '-' && sign != '+') || (!colon && !*value))
		return NULL;
	if ((sign == '-') == (*value != '\0'))
		return sign == '-' ? steal_ptr(value) : xstrdup("");
	inside += n + colon + 1;
	return strpbrk(inside, "\"'\\") ? NULL : expand_deeper(e, inside);
}

/* What begins with a "$"; *ret_len: how many characters that is. As expand. */
static char *expand_one(struct expansion *e, const char *s, size_t *ret_len)
{
	const char *end = s[1] == '{' ? strchr(s, '}') : NULL;
	cleanup_free char *inside = NULL;
	size_t n = shell_name_len(s + 1);

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

/* Outside quotes, blanks of a value divide fields. */
static void append_value(const struct expansion *e, char *value, struct buf *out)
{
	for (char *c = value; !e->quoted && !e->whole && *c; c++)
		if (strchr(" \t\n", *c))
			*c = SEPARATOR;
	buf_append_str(out, value);
}

/* Backslashes stay. The caller frees; NULL: it is not known. */
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
			append_value(e, value, &out);
		} else if (*word == '"') {
			e->quoted = !e->quoted;
		} else {
			buf_append(&out, word, n);
		}
		word += n;
	}
	return *word ? NULL : buf_steal_str(&out);
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

char *shell_word(const struct shell_values *v, const struct shell_scope *scope, const char *word,
		 bool pattern)
{
	struct expansion e = {
		.v = v, .scope = scope, .at = scope->at, .sure = true, .left = EXPAND_LOOKUPS
	};
	char *value = expand_deeper(&e, word);

	if (value && !pattern)
		drop_backslashes(value);
	return value;
}

/* Whether names of files would take its place, which are not known. */
static bool is_pattern(const char *word)
{
	for (; *word; word++) {
		if (strchr("*?", *word) || (*word == '[' && strchr(word, ']')))
			return true;
		word += *word == '\\' && word[1];
	}
	return false;
}

/* Whether a word that is not known is one field, whatever it is: what it would be expanded to is quoted. */
static bool is_one_field(const char *word)
{
	bool quoted = shell_assigned(word) != NULL;

	if (is_pattern(word))
		return false;
	for (; *word; word++) {
		if (*word == '"')
			quoted = !quoted;
		else if (!quoted && strchr("$`", *word))
			return false;
		else if (str_starts(word, "$@"))
			return false;
		word += *word == '\\' && word[1];
	}
	return true;
}

static void know_less(enum shell_known *known, const char *word)
{
	enum shell_known now = is_one_field(word) ? SHELL_COUNTED : SHELL_UNKNOWN;

	*known = now < *known ? now : *known;
}

/* "$@" is all arguments, each a field. */
static bool add_arguments(const struct shell_scope *call, const struct shell_values *v,
			  char ***fields, enum shell_known *known)
{
	if (!call || !call->args || v->functions[call->function].shifted)
		return false;
	for (char *const *arg = call->args; *arg; arg++) {
		if (!known_field(*arg))
			know_less(known, *arg);
		strv_append(fields, *arg);
	}
	return true;
}

/* Whether some of the word is quoted: then it is a field, even if nothing is in it. */
static bool is_quoted(const char *word)
{
	size_t depth = 0;

	for (; *word; word++) {
		depth += str_starts(word, "${");
		depth -= depth && *word == '}';
		if (!depth && *word == '"')
			return true;
		word += *word == '\\' && word[1];
	}
	return false;
}

/* False: it is not known. */
static bool add_fields(const struct shell_values *v, const struct shell_scope *scope,
		       const char *word, bool sure, char ***fields)
{
	struct expansion e = {
		.v = v, .scope = scope, .at = scope->at, .sure = sure, .left = EXPAND_LOOKUPS
	};
	bool stays = !*word || is_quoted(word) || shell_assigned(word);
	cleanup_free char *value = NULL;
	char *rest, *field;

	e.whole = shell_assigned(word) != NULL;
	value = expand(&e, word);
	if (!value || is_pattern(value))
		return false;
	rest = value;
	while ((field = strsep(&rest, "\1"))) {
		if (!*field && !(stays && field == value && !rest))
			continue;
		drop_backslashes(field);
		strv_append(fields, field);
	}
	return true;
}

char **shell_fields(const struct shell_values *v, const struct shell_scope *scope,
		    char *const *words, bool sure, enum shell_known *ret_known)
{
	char **fields = xcalloc(1, sizeof(*fields));

	*ret_known = SHELL_KNOWN;
	for (; words && *words; words++) {
		bool all = str_eq(*words, "\"$@\"") || str_eq(*words, "$@") || str_eq(*words, "$*");

		if (all && add_arguments(call_of(scope), v, &fields, ret_known))
			continue;
		if (!add_fields(v, scope, *words, sure, &fields)) {
			strv_append(&fields, *words);
			know_less(ret_known, *words);
		}
	}
	return fields;
}
