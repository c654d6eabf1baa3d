/* SPDX-License-Identifier: MIT */
#include "term.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "buf.h"
#include "mem.h"
#include "str.h"

bool term_is_live(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && !str_eq(term, "dumb");
}

bool term_has_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return term_is_live() && !(no && *no);
}

size_t term_columns(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static const char *escape(const char *sequence)
{
	return term_has_colour() ? sequence : "";
}

const char *term_label(const char *label)
{
	static const struct {
		const char *name, *sequence;
	} colours[] = {
		{ "black", "\033[90m" },      { "red", "\033[31m" },
		{ "green", "\033[32m" },      { "yellow", "\033[33m" },
		{ "blue", "\033[34m" },       { "magenta", "\033[35m" },
		{ "purple", "\033[35m" },     { "cyan", "\033[36m" },
		{ "white", "\033[97m" },      { "gray", "\033[37m" },
		{ "grey", "\033[37m" },       { "orange", "\033[38;5;208m" },
		{ "pink", "\033[38;5;205m" }, { "brown", "\033[38;5;130m" },
	};

	for (size_t i = 0; label && i < ARRAY_SIZE(colours); i++)
		if (str_eq(colours[i].name, label))
			return escape(colours[i].sequence);
	return "";
}

const char *term_bold(void)
{
	return escape("\033[1m");
}

const char *term_dim(void)
{
	return escape("\033[2m");
}

const char *term_red(void)
{
	return escape("\033[31m");
}

const char *term_green(void)
{
	return escape("\033[32m");
}

const char *term_yellow(void)
{
	return escape("\033[33m");
}

const char *term_off(void)
{
	return escape("\033[0m");
}

size_t text_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* A control character at s: C0, DEL, or C1 as UTF-8 writes it. */
static bool is_control(const uint8_t *s, const uint8_t *end)
{
	return *s < 0x20 || *s == 0x7f ||
	       (*s == 0xc2 && s + 1 < end && s[1] >= 0x80 && s[1] < 0xa0);
}

char *text_safe(const char *s)
{
	char *copy = xstrdup(s);
	uint8_t *p = (uint8_t *)copy, *end = p + strlen(copy);

	for (; p < end; p++)
		if (is_control(p, end))
			*p = '?';
	return copy;
}

/* The bytes of the character at s, when it is one of UTF-8 (RFC 3629) that shows as itself; else 0. */
static size_t visible_char(const uint8_t *s)
{
	uint32_t c = *s, least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;

	if (n > 1)
		c &= 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (!n || c < ' ' || (c >= 0x7f && c < 0xa0) || c < least[n] || c > 0x10ffff ||
	    (c >= 0xd800 && c < 0xe000))
		return 0;
	/* Marks of direction, and line and paragraph separators */
	if (c == 0x061c || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return 0;
	return n;
}

char *text_visible(const char *s)
{
	struct buf out = BUF_INIT;

	while (*s) {
		size_t n = visible_char((const uint8_t *)s);

		if (*s == '\\')
			buf_append_str(&out, "\\\\");
		else if (n)
			buf_append(&out, s, n);
		else
			buf_printf(&out, "\\x%02x", (uint8_t)*s);
		s += n ? n : 1;
	}
	return buf_steal_str(&out);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *text_from_visible(const char *s)
{
	char *text = xmalloc(strlen(s) + 1), *out = text;

	while (*s) {
		bool byte =
			s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0;

		*out++ = byte ? (char)(hex_digit(s[2]) << 4 | hex_digit(s[3])) : *s;
		s += byte ? 4 : s[0] == '\\' && s[1] == '\\' ? 2 : 1;
	}
	*out = '\0';
	return text;
}

size_t text_make_safe(uint8_t *data, size_t len)
{
	uint8_t *out = data, *end = data + len;

	for (uint8_t *p = data; p < end; p++) {
		if (*p == '\r')
			continue;
		if (*p == '\n' || *p == '\t')
			*out++ = *p;
		else
			*out++ = is_control(p, end) ? '?' : *p;
	}
	return (size_t)(out - data);
}
