/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdio.h>

#include "mem.h"
#include "term.h"

void table_init(struct table *t, const char *const *titles)
{
	*t = (struct table){ .n_columns = 0 };
	while (titles[t->n_columns] && t->n_columns < TABLE_MAX_COLUMNS) {
		t->titles[t->n_columns] = titles[t->n_columns];
		t->n_columns++;
	}
}

void table_add_styled(struct table *t, const char *style, const char *text)
{
	t->cells = xreallocarray(t->cells, t->n_cells + 1, sizeof(*t->cells));
	t->styles = xreallocarray(t->styles, t->n_cells + 1, sizeof(*t->styles));
	t->cells[t->n_cells] = text_safe(text && *text ? text : "-");
	t->styles[t->n_cells++] = style;
}

void table_add(struct table *t, const char *text)
{
	table_add_styled(t, "", text);
}

void table_addf(struct table *t, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	table_add(t, text);
}

static const char *title(const struct table *t, size_t column)
{
	return t->titles[column] + (t->titles[column][0] == '>');
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t width = text_width(title(t, column));

	for (size_t i = column; i < t->n_cells; i += t->n_columns) {
		size_t n = text_width(t->cells[i]);

		width = n > width ? n : width;
	}
	return width;
}

static void print_cell(const struct table *t, size_t column, size_t width, const char *style,
		       const char *text)
{
	int pad = (int)(width - text_width(text));
	int last = column + 1 == t->n_columns;

	if (t->titles[column][0] == '>')
		printf("%*s%s%s%s", pad, "", style, text, *style ? term_off() : "");
	else
		printf("%s%s%s%*s", style, text, *style ? term_off() : "", last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(struct table *t)
{
	size_t widths[TABLE_MAX_COLUMNS];

	for (size_t c = 0; c < t->n_columns; c++)
		widths[c] = column_width(t, c);
	for (size_t c = 0; c < t->n_columns; c++)
		print_cell(t, c, widths[c], term_bold(), title(t, c));
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t c = i % t->n_columns;

		print_cell(t, c, widths[c], t->styles[i], t->cells[i]);
		free(t->cells[i]);
	}
	free(t->cells);
	free(t->styles);
}
