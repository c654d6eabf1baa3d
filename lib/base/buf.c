/* SPDX-License-Identifier: MIT */
#include "buf.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

void *buf_reserve(struct buf *b, size_t n)
{
	size_t need;

	if (b->room - b->start - b->len >= n)
		return b->data + b->start + b->len;
	if (b->start) {
		memmove(b->data, b->data + b->start, b->len);
		b->start = 0;
	}
	if (__builtin_add_overflow(b->len, n, &need))
		abort();
	if (need > b->room) {
		b->room = need < 2 * b->room ? 2 * b->room : need;
		b->data = xreallocarray(b->data, b->room, 1);
	}
	return b->data + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
	if (!n)
		return;
	memcpy(buf_reserve(b, n), data, n);
	buf_commit(b, n);
}

void buf_append_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	cleanup_free char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	buf_append_str(b, s);
}

void buf_consume(struct buf *b, size_t n)
{
	b->start += n;
	b->len -= n;
	if (b->len == 0)
		b->start = 0;
}

void buf_clear(struct buf *b)
{
	b->start = b->len = 0;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

char *buf_steal_str(struct buf *b)
{
	char *s;

	buf_append(b, "", 1);
	if (b->start)
		memmove(b->data, b->data + b->start, b->len);
	s = (char *)b->data;
	*b = (struct buf)BUF_INIT;
	return s;
}
