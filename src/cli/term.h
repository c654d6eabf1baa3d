/* SPDX-License-Identifier: MIT */
/* What the terminal can do, and text that is safe to show on it. */
#ifndef ATOLL_TERM_H
#define ATOLL_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Standard output is a terminal that understands escapes, and colours are wanted (NO_COLOR). */
bool term_is_live(void);
bool term_has_colour(void);
size_t term_columns(void);

/* Escape sequences, "" without colour. label: a machine's colour name, may be NULL. */
const char *term_label(const char *label);
const char *term_bold(void);
const char *term_dim(void);
const char *term_red(void);
const char *term_green(void);
const char *term_yellow(void);
const char *term_off(void);

/* Characters of UTF-8 text. */
size_t text_width(const char *s);
/*
 * A copy in which control characters are '?': machines, files and images have a say in what we
 * print, and must not steer the user's terminal.
 */
char *text_safe(const char *s);
/*
 * A copy in which every byte can be seen, whatever a file's name has in it: control characters, those that
 * turn text around, and what is not UTF-8 are \xNN, and a backslash is two.
 */
char *text_visible(const char *s);
/* The text that text_visible shows so, for who copies what was printed; the caller frees. */
char *text_from_visible(const char *s);
/* As text_safe, for a stream's bytes: keeps newline and tab, drops carriage return, in place. */
size_t text_make_safe(uint8_t *data, size_t len);

#endif
