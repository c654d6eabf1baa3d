/* SPDX-License-Identifier: MIT */
#include "diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

/*
 * Diagnostics quote the file, which may hold anything: what would break the one-line form or steer a
 * terminal is written as \xNN.
 */
static char *one_line(const char *text)
{
	struct buf out = BUF_INIT;

	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			buf_printf(&out, "\\x%02x", *p);
		else
			buf_append(&out, p, 1);
	}
	return buf_steal_str(&out);
}

void diag_add(struct diag_list *list, const char *file, int line, int column, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	if (list->n == DIAG_MAX) {
		list->dropped++;
		return;
	}
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	list->items = xreallocarray(list->items, list->n + 1, sizeof(*list->items));
	list->items[list->n++] = (struct diag){
		.file = one_line(file),
		.line = line,
		.column = column,
		.text = one_line(text),
	};
}

static int by_place(const void *a, const void *b)
{
	const struct diag *x = *(const struct diag *const *)a, *y = *(const struct diag *const *)b;
	int r = strcmp(x->file, y->file);

	if (r)
		return r;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return strcmp(x->text, y->text);
}

static void print_one(const struct diag *d, FILE *out)
{
	if (d->line)
		fprintf(out, "%s:%d:%d: %s\n", d->file, d->line, d->column, d->text);
	else
		fprintf(out, "%s: %s\n", d->file, d->text);
}

void diag_print(const struct diag_list *list, FILE *out)
{
	cleanup_free const struct diag **sorted = xcalloc(list->n + 1, sizeof(const struct diag *));

	for (size_t i = 0; i < list->n; i++)
		sorted[i] = &list->items[i];
	qsort(sorted, list->n, sizeof(const struct diag *), by_place);
	for (size_t i = 0; i < list->n; i++)
		print_one(sorted[i], out);
	if (list->dropped)
		fprintf(out, "%s: and %zu more\n", sorted[0]->file, list->dropped);
}

void diag_list_finish(struct diag_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		free(list->items[i].file);
		free(list->items[i].text);
	}
	free(list->items);
	*list = (struct diag_list)DIAG_LIST_INIT;
}
