/* SPDX-License-Identifier: MIT */
/* Small things that several commands print. */
#ifndef ATOLL_OUTPUT_H
#define ATOLL_OUTPUT_H

#include <jansson.h>
#include <stdint.h>

/* The value with indentation, and a newline, on standard output. */
void print_json(const json_t *v);
/* A path with a slash before it; JSON has no bytes: in one that is not UTF-8, those above 127 are %XX. */
json_t *json_path(const char *path);
/* Any text, in the same way. */
json_t *json_text(const char *text);
/* Seconds since then: "12s", "5m", "3h", "8d"; buf of at least 16 bytes. Returns buf. */
char *age_text(int64_t since, char *buf);
/* Seconds of an RFC 3339 time in UTC; 0 for anything else. */
int64_t time_from_text(const char *s);
/* The other way; the caller frees. */
char *time_to_text(int64_t t);

#endif
