/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics: what is wrong in a file, all of it, each with its place.
 *
 *	office.yaml:14:9: machine "web": unknown key "memroy"; did you mean "memory"?
 */
#ifndef ATOLL_DIAG_H
#define ATOLL_DIAG_H

#include <stddef.h>
#include <stdio.h>

#define DIAG_MAX 100 /* more are counted but not kept */

struct diag {
	char *file;
	int line, column; /* from 1; 0: the whole file */
	char *text;
};

struct diag_list {
	struct diag *items;
	size_t n;       /* kept */
	size_t dropped; /* beyond DIAG_MAX */
};

#define DIAG_LIST_INIT                                                                             \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

void diag_add(struct diag_list *list, const char *file, int line, int column, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* Sorted by line and column, one per line, FILE:LINE:COLUMN: TEXT. */
void diag_print(const struct diag_list *list, FILE *out);
void diag_list_finish(struct diag_list *list);

#endif
