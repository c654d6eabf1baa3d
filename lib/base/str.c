/* SPDX-License-Identifier: MIT */
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "mem.h"

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool str_is_name(const char *s, size_t max)
{
	size_t n = strlen(s);

	if (n < 1 || n > max || !islower((unsigned char)s[0]) || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	}
	if (v > max)
		return -ERANGE;
	*ret_value = v;
	return 0;
}

int str_to_size(const char *s, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	size_t n = strlen(s);
	char digits[24];
	uint64_t v;
	unsigned int shift = 0;
	const char *unit;
	int r;

	if (n < 1 || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, s, n + 1);
	unit = strchr(units, toupper((unsigned char)digits[n - 1]));
	if (unit && *unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		digits[n - 1] = '\0';
	}
	r = str_to_u64(digits, UINT64_MAX, &v);
	if (r < 0)
		return r;
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = v << shift;
	return 0;
}

const char *str_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

char *str_from_size(uint64_t bytes, char *buf)
{
	static const char units[] = "BKMGT";
	unsigned int i = 0;
	double v = (double)bytes;

	while (v >= 1024 && i + 1 < sizeof(units) - 1) {
		v /= 1024;
		i++;
	}
	if (i == 0)
		snprintf(buf, 16, "%" PRIu64 "B", bytes);
	else
		snprintf(buf, 16, v < 10 ? "%.1f%c" : "%.0f%c", v, units[i]);
	return buf;
}

size_t str_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][65]; /* of i - 2, i - 1 and i, by turns */

	if (n > 64 || m > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= n; i++) {
		const size_t *before = rows[(i + 1) % 3], *above = rows[(i + 2) % 3];
		size_t *row = rows[i % 3];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < best)
				best = above[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < best)
				best = before[j - 2] + 1;
			row[j] = best;
		}
	}
	return rows[n % 3][m];
}

const char *str_nearest(const char *name, const char *const *names)
{
	const char *best = NULL;
	size_t limit = strlen(name) / 3 + 1;

	for (; *names; names++) {
		size_t d = str_distance(name, *names);

		if (d <= limit && d < strlen(name)) {
			best = *names;
			limit = d - 1;
			if (d == 0)
				break;
		}
	}
	return best;
}

size_t strv_len(char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}

bool strv_has(char *const *v, const char *s)
{
	for (; v && *v; v++)
		if (str_eq(*v, s))
			return true;
	return false;
}

void strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);

	*v = xreallocarray(*v, n + 2, sizeof(**v));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_append(char ***v, const char *s)
{
	strv_take(v, xstrdup(s));
}

char **strv_dup(char *const *v)
{
	size_t n = strv_len(v);
	char **copy = xcalloc(n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++)
		copy[i] = xstrdup(v[i]);
	return copy;
}

char *strv_join(char *const *v, const char *sep)
{
	size_t len = 1;
	char *s, *p;

	for (char *const *i = v; i && *i; i++)
		len += strlen(*i) + strlen(sep);
	p = s = xmalloc(len);
	for (char *const *i = v; i && *i; i++) {
		if (i != v)
			p = stpcpy(p, sep);
		p = stpcpy(p, *i);
	}
	*p = '\0';
	return s;
}

bool strv_eq(char *const *a, char *const *b)
{
	size_t n = strv_len(a);

	if (n != strv_len(b))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!str_eq(a[i], b[i]))
			return false;
	return true;
}

void strv_free(char **v)
{
	for (char **i = v; i && *i; i++)
		free(*i);
	free(v);
}

/*
 * One word of a command line: reads from *s into out (room for the rest of the line), leaves *s
 * behind it. Returns -EINVAL for an open quote.
 */
static int split_word(const char **s, char *out)
{
	const char *p = *s;
	char quote = '\0';

	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (quote == '\0' && (*p == '\'' || *p == '"')) {
			quote = *p;
		} else if (quote && *p == quote) {
			quote = '\0';
		} else if (*p == '\\' && quote != '\'') {
			if (!p[1])
				return -EINVAL;
			if (quote == '"' && !strchr("\\\"$`", p[1]))
				*out++ = '\\';
			*out++ = *++p;
		} else {
			*out++ = *p;
		}
	}
	*out = '\0';
	*s = p;
	return quote ? -EINVAL : 0;
}

int str_split_words(const char *s, char ***ret_words)
{
	cleanup_strv char **words = xcalloc(1, sizeof(*words));
	cleanup_free char *word = xmalloc(strlen(s) + 1);

	for (;;) {
		while (isspace((unsigned char)*s))
			s++;
		if (!*s)
			break;
		if (split_word(&s, word) < 0)
			return -EINVAL;
		strv_append(&words, word);
	}
	*ret_words = steal_ptr(words);
	return 0;
}

char *str_quote(const char *word)
{
	cleanup_free char *quoted = NULL;
	char *p;

	if (*word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789-_./=:,@%+")] == '\0')
		return xstrdup(word);
	p = quoted = xmalloc(4 * strlen(word) + 3);
	*p++ = '\'';
	for (; *word; word++) {
		if (*word == '\'')
			p = stpcpy(p, "'\\''");
		else
			*p++ = *word;
	}
	*p++ = '\'';
	*p = '\0';
	return steal_ptr(quoted);
}
