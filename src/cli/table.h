/* SPDX-License-Identifier: MIT */
/* Tables for people: columns as wide as they need to be, two spaces between them. */
#ifndef ATOLL_TABLE_H
#define ATOLL_TABLE_H

#include <stddef.h>

#define TABLE_MAX_COLUMNS 12

struct table {
	const char *titles[TABLE_MAX_COLUMNS]; /* a title that begins with '>': aligned right */
	size_t n_columns;
	char **cells; /* row by row */
	const char **styles;
	size_t n_cells;
};

/* Titles up to a NULL. */
void table_init(struct table *t, const char *const *titles);
/* The next cell, row by row; NULL or "" shows as "-". Copies and makes the text safe. */
void table_add(struct table *t, const char *text);
void table_addf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* As table_add, with an escape sequence before and the reset behind. */
void table_add_styled(struct table *t, const char *style, const char *text);
/* On standard output, and frees what it holds. */
void table_print(struct table *t);

#endif
