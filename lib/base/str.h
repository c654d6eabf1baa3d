/* SPDX-License-Identifier: MIT */
/* Strings: tests, lists (NULL-terminated arrays, "strv"), shell words, nearest names, sizes. */
#ifndef ATOLL_STR_H
#define ATOLL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static inline bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix);

/*
 * A name of the kind that machines, federations, services and appliances have: [a-z0-9-], begins
 * with a letter, does not end with '-', 1..max characters.
 */
bool str_is_name(const char *s, size_t max);

/* Decimal digits only, no sign, no space; -EINVAL, or -ERANGE above max. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret_value);

/* "64M", "1G", "512K", "4096": bytes, units of 1024; -EINVAL or -ERANGE. */
int str_to_size(const char *s, uint64_t *ret_bytes);

/* "s", but "" for 1: of things that are counted. */
const char *str_plural(size_t n);

/* "1.5M" and the like for people; buf of at least 16 bytes. Returns buf. */
char *str_from_size(uint64_t bytes, char *buf);

/*
 * How many slips of the finger one name is from another: characters left out, added, mistaken, or two
 * neighbours swapped. For names of up to 64 characters; longer ones are SIZE_MAX apart.
 */
size_t str_distance(const char *a, const char *b);

/* The name of the list that is nearest to `name` if near enough to be meant, else NULL. */
const char *str_nearest(const char *name, const char *const *names);

/* strv: a NULL-terminated array of strings, all owned by the array. NULL is an empty one. */
size_t strv_len(char *const *v);
bool strv_has(char *const *v, const char *s);
void strv_append(char ***v, const char *s); /* copies s */
void strv_take(char ***v, char *s);         /* takes s over */
char **strv_dup(char *const *v);
char *strv_join(char *const *v, const char *sep);
bool strv_eq(char *const *a, char *const *b);
void strv_free(char **v);

static inline void strv_cleanup(char ***v)
{
	strv_free(*v);
}
#define cleanup_strv __attribute__((cleanup(strv_cleanup)))

/*
 * Splits a command line into words as a POSIX shell does (quotes and backslashes; no expansion of
 * any kind). -EINVAL for an open quote or a trailing backslash.
 */
int str_split_words(const char *s, char ***ret_words);

/* A word as a shell would need it typed; the caller frees. */
char *str_quote(const char *word);

#endif
