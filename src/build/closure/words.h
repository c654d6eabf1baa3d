/* SPDX-License-Identifier: MIT */
/*
 * Words in bytes of any kind that may name files of a system: absolute paths below the folders that
 * packages fill, and names of libraries ("libx.so.1", "mod_x.so").
 */
#ifndef ATOLL_BUILD_WORDS_H
#define ATOLL_BUILD_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* A list that grows fast; n strings. */
struct words {
	char **items;
	size_t n, room;
};

void words_add(struct words *w, const char *text, size_t len);
void words_sort(struct words *w); /* and each once */
void words_finish(struct words *w);
/* As a strv, each word once, sorted; empties the list. */
char **words_steal(struct words *w);

/* Adds what is in the bytes; a path loses the slashes and dots at its end. */
void words_scan(const void *bytes, size_t len, struct words *out);
/*
 * The same of strings that end with NUL, as programs have them: words at a string's begin, and those
 * behind a colon there. What stands further inside is text, such as how a program was configured.
 */
void words_scan_strings(const void *bytes, size_t len, struct words *out);

/*
 * Adds those of the names, which are sorted, that a string of a program is, or begins with when an option
 * stands behind: "less", "gzip -dc".
 */
void words_scan_names(const void *bytes, size_t len, const struct words *names, struct words *out);
/* The same of a script, whose strings begin with a quote, and by a path, too: 'less', "| /bin/gzip -dc", `git log`. */
void words_scan_quoted(const char *text, const struct words *names, struct words *out);

/* "libx.so", "libx.so.1.2", without a slash. */
bool word_is_library(const char *word, size_t len);

#endif
