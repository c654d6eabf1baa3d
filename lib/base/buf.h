/* SPDX-License-Identifier: MIT */
/* A growable run of bytes with a read position: queues of socket bytes, encoded messages, files. */
#ifndef ATOLL_BUF_H
#define ATOLL_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; the bytes not yet consumed are data[start .. start+len) */
	size_t start;
	size_t len;
	size_t room;
};

#define BUF_INIT                                                                                   \
	{                                                                                          \
		NULL, 0, 0, 0                                                                      \
	}

static inline uint8_t *buf_bytes(const struct buf *b)
{
	return b->data ? b->data + b->start : NULL;
}

/* Makes room for n more bytes behind the last and returns the place; see buf_commit. */
void *buf_reserve(struct buf *b, size_t n);
/* Says that n of the reserved bytes were written. */
void buf_commit(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *data, size_t n);
void buf_append_str(struct buf *b, const char *s); /* without its NUL */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n); /* n <= b->len */
void buf_clear(struct buf *b);             /* empty; keeps the memory */
void buf_free(struct buf *b);              /* empty; gives the memory back */
/* The bytes as a NUL-terminated string that the caller owns; empties the buffer. */
char *buf_steal_str(struct buf *b);

static inline void buf_cleanup(struct buf *b)
{
	buf_free(b);
}
#define cleanup_buf __attribute__((cleanup(buf_cleanup)))

#endif
