/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "loop.h"
#include "mem.h"
#include "str.h"

#define REDRAW_MS 100

void progress_init(struct progress *p, const char *name, bool quiet)
{
	*p = (struct progress){
		.name = xstrdup(name),
		.live = !quiet && isatty(STDOUT_FILENO),
		.quiet = quiet,
		.started = clock_ms(),
	};
}

void progress_finish(struct progress *p)
{
	progress_clear(p);
	free(steal_ptr(p->name));
}

void progress_clear(struct progress *p)
{
	if (p->live)
		fputs("\r\033[K", stdout);
	fflush(stdout);
}

void progress_stage(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->live)
		return;
	progress_clear(p);
	printf("%s: ", p->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fputs(" …", stdout);
	fflush(stdout);
}

void progress_bytes(uint64_t done, uint64_t total, void *data)
{
	struct progress *p = data;
	char a[16], b[16];
	int64_t now;

	if (!p->live)
		return;
	now = clock_ms();
	if (now - p->shown < REDRAW_MS)
		return;
	p->shown = now;
	if (total)
		progress_stage(p, "fetching %s of %s", str_from_size(done, a),
			       str_from_size(total, b));
	else
		progress_stage(p, "fetching %s", str_from_size(done, a));
}

void progress_result(struct progress *p, const char *fmt, ...)
{
	va_list ap;

	progress_clear(p);
	if (p->quiet)
		return;
	printf("%s: ", p->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}
