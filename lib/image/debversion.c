/* SPDX-License-Identifier: MIT */
#include "debversion.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct part {
	const char *s;
	size_t len;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* '~' before the end of a part, that before letters, those before everything else. */
static int order(const struct part *p)
{
	unsigned char c = p->len ? (unsigned char)*p->s : 0;

	if (!c || is_digit((char)c))
		return 0;
	if (c == '~')
		return -1;
	if ((c | 32) >= 'a' && (c | 32) <= 'z')
		return c;
	return c + 256;
}

static void step(struct part *p)
{
	p->s++;
	p->len--;
}

static bool at_digit(const struct part *p)
{
	return p->len && is_digit(*p->s);
}

static int compare_text(struct part *a, struct part *b)
{
	while ((a->len && !at_digit(a)) || (b->len && !at_digit(b))) {
		int x = order(a), y = order(b);

		if (x != y)
			return x - y;
		step(a);
		step(b);
	}
	return 0;
}

/* Numbers of any length: without zeros in front, the longer one is larger. */
static int compare_number(struct part *a, struct part *b)
{
	int first = 0;

	while (a->len && *a->s == '0')
		step(a);
	while (b->len && *b->s == '0')
		step(b);
	for (; at_digit(a) && at_digit(b); step(a), step(b))
		if (!first)
			first = *a->s - *b->s;
	return at_digit(a) ? 1 : at_digit(b) ? -1 : first;
}

static int compare_part(struct part a, struct part b)
{
	int r = 0;

	while (r == 0 && (a.len || b.len)) {
		r = compare_text(&a, &b);
		if (r == 0)
			r = compare_number(&a, &b);
	}
	return r;
}

/* The epoch up to the first ':', the revision from the last '-', and what is between. */
static void split(const char *s, struct part *epoch, struct part *upstream, struct part *revision)
{
	const char *colon = strchr(s, ':'), *dash;

	*epoch = (struct part){ s, colon ? (size_t)(colon - s) : 0 };
	s = colon ? colon + 1 : s;
	dash = strrchr(s, '-');
	*upstream = (struct part){ s, dash ? (size_t)(dash - s) : strlen(s) };
	*revision = (struct part){ dash ? dash + 1 : "", dash ? strlen(dash + 1) : 0 };
}

int debversion_compare(const char *a, const char *b)
{
	struct part x[3], y[3];
	int r = 0;

	split(a, &x[0], &x[1], &x[2]);
	split(b, &y[0], &y[1], &y[2]);
	for (size_t i = 0; i < 3 && r == 0; i++)
		r = compare_part(x[i], y[i]);
	return r;
}
