/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"
#include "str.h"

static const char *program_name = "atoll";
static enum log_level threshold = LOG_LEVEL_INFO;

__attribute__((format(printf, 1, 0))) static void write_line(const char *fmt, va_list ap)
{
	cleanup_free char *text = xvasprintf(fmt, ap);

	/* One write per line, so that lines of several processes do not mix. */
	fprintf(stderr, "%s: %s\n", program_name, text);
}

void log_init(const char *program, enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	const char *wanted = getenv("ATOLL_LOG");

	program_name = program;
	threshold = level;
	for (size_t i = 0; wanted && i < ARRAY_SIZE(names); i++)
		if (str_eq(wanted, names[i]))
			threshold = (enum log_level)i;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > threshold)
		return;
	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
	exit(125);
}
