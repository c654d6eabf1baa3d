/* SPDX-License-Identifier: MIT */
#include "shell_test.h"

#include "mem.h"
#include "str.h"

enum answer answer_not(enum answer a)
{
	return a == MAYBE ? MAYBE : a == YES ? NO : YES;
}

enum answer answer_and(enum answer a, enum answer b)
{
	return a == NO || b == NO ? NO : a == YES && b == YES ? YES : MAYBE;
}

enum answer answer_or(enum answer a, enum answer b)
{
	return answer_not(answer_and(answer_not(a), answer_not(b)));
}

enum answer answer_of(bool yes)
{
	return yes ? YES : NO;
}

/* Each may be NULL: not known. */
static enum answer test_one(char *const *w, size_t n)
{
	if (str_eq(w[0], "!") && n > 1)
		return answer_not(test_one(w + 1, n - 1));
	if (n == 1)
		return w[0] ? answer_of(*w[0]) : MAYBE;
	if (n == 2 && w[1] && (str_eq(w[0], "-n") || str_eq(w[0], "-z")))
		return answer_of((w[0][1] == 'n') == (*w[1] != '\0'));
	if (n != 3 || !w[0] || !w[2])
		return MAYBE;
	if (str_eq(w[1], "="))
		return answer_of(str_eq(w[0], w[2]));
	if (str_eq(w[1], "==")) /* not of every shell */
		return str_eq(w[0], w[2]) ? MAYBE : NO;
	return str_eq(w[1], "!=") ? answer_of(!str_eq(w[0], w[2])) : MAYBE;
}

/* Of a test that is joined with another: whether it has its operands, and no operator for one, which is an error or another test. */
static bool is_whole(char *const *w, size_t n)
{
	for (; n > 1 && str_eq(w[0], "!"); n--)
		w++;
	if (n == 0 || n > 3 || (w[n - 1] && *w[n - 1] == '-'))
		return false;
	return n != 2 || (w[0] && *w[0] == '-');
}

static bool is_join(const char *word)
{
	return str_eq(word, "-a") || str_eq(word, "-o");
}

/* What "-a" joins, and then what "-o" does. */
static enum answer test_joined(char *const *w, size_t n)
{
	enum answer any = NO, all = YES;
	size_t begin = 0;

	for (size_t i = 0; i <= n; i++) {
		bool ends = i == n || str_eq(w[i], "-o");

		if (i < n && !is_join(w[i]))
			continue;
		if (!is_whole(w + begin, i - begin))
			return MAYBE;
		all = answer_and(all, test_one(w + begin, i - begin));
		begin = i + 1;
		if (ends) {
			any = answer_or(any, all);
			all = YES;
		}
	}
	return any;
}

static enum answer test(char *const *w, size_t n)
{
	if (n == 0)
		return NO;
	for (size_t i = 0; i < n; i++)
		if (str_eq(w[i], "(") || str_eq(w[i], ")"))
			return MAYBE;
	return n < 3 || (n == 3 && !is_join(w[1])) ? test_one(w, n) : test_joined(w, n);
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

enum answer shell_test(char *const *w, size_t n)
{
	if (n == 0)
		return MAYBE;
	if (str_eq(w[0], "true") || str_eq(w[0], ":"))
		return YES;
	if (str_eq(w[0], "false"))
		return NO;
	if (str_eq(w[0], "[") && str_eq(w[n - 1], "]"))
		return test(w + 1, n - 2);
	if (str_eq(w[0], "test"))
		return test(w + 1, n - 1);
	if (str_eq(w[0], "dpkg") && n > 1 && str_eq(w[1], "--compare-versions"))
		return compare_versions(w, n);
	return MAYBE;
}
