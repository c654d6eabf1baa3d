/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

static const char *program_name = "atoll";
static enum log_level threshold = LOG_LEVEL_INFO;

/* What is foreign in it (a file's name, a guest's word) must not speak to the terminal. */
static void make_safe(char *s)
{
	for (; *s; s++)
		if (((unsigned char)*s < ' ' && *s != '\n' && *s != '\t') || *s == 0x7f)
			*s = '?';
}

__attribute__((format(printf, 1, 0))) static void write_line(const char *fmt, va_list ap)
{
	cleanup_free char *text = NULL;
	char line[512];
	va_list again;
	int head = snprintf(line, sizeof(line), "%s: ", program_name), n;

	va_copy(again, ap);
	n = head + vsnprintf(line + head, sizeof(line) - head, fmt, ap);
	make_safe(line);
	if (n + 1 < (int)sizeof(line)) {
		/* No allocation: threads log whose system call filter has none. */
		line[n++] = '\n';
	} else {
		text = xvasprintf(fmt, again);
	}
	va_end(again);
	/* One write per line, so that lines of several processes do not mix. */
	if (text) {
		make_safe(text);
		dprintf(STDERR_FILENO, "%s: %s\n", program_name, text);
	} else {
		fd_write_all(STDERR_FILENO, line, (size_t)n);
	}
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
