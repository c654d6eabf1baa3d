/* SPDX-License-Identifier: MIT */
/*
 * Memory: allocation that does not fail, and cleanup by scope.
 *
 * Running out of memory ends the process: what foreign bytes can make us allocate is bounded where
 * they are parsed, so it is the host that is out of memory, and no caller could do better.
 */
#ifndef ATOLL_MEM_H
#define ATOLL_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Room for n items of `size` bytes; checks that the product does not wrap. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t max) __attribute__((malloc, returns_nonnull));
void *xmemdup(const void *p, size_t size) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap)
	__attribute__((format(printf, 1, 0), returns_nonnull));

static inline void free_cleanup(void *p)
{
	free(*(void **)p);
}
#define cleanup_free __attribute__((cleanup(free_cleanup)))

/* Takes the pointer out of a variable that a cleanup attribute guards. */
#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__typeof__(p) stolen_ = (p);                                                       \
		(p) = NULL;                                                                        \
		stolen_;                                                                           \
	})

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
