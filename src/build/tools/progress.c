/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. Builds that run side by side are processes on one terminal. Each says what it does in its
 * own place of a board that all of them see, and draws the line of all places, in one write. Nobody waits for
 * anybody: a line that another changed meanwhile is drawn again by that one.
 */
#include "progress.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buf.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define REDRAW_MS 100
#define STAGE_MAX 120

struct board {
	size_t total;
	atomic_uint ended;
	char stages[PROGRESS_PLACES][STAGE_MAX]; /* "web: resolving"; empty where nothing is done */
};

static struct board own = { .total = 1 };
static struct board *board = &own;
static size_t our_place;

void progress_share(size_t total)
{
	struct board *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return; /* each draws a line of its own then, over that of the others */
	board = shared;
	board->total = total;
}

void progress_take_place(size_t place)
{
	our_place = place;
}

void progress_leave_place(size_t place)
{
	*board->stages[place] = '\0';
}

void progress_count(void)
{
	board->ended++;
}

void progress_init(struct progress *p, const char *name, bool quiet)
{
	*p = (struct progress){
		.name = xstrdup(name),
		.live = !quiet && isatty(STDOUT_FILENO),
		.quiet = quiet,
		.started = clock_ms(),
	};
}

static size_t columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

/* As much of all stages as one line of the terminal has room for: what wraps could not be taken back. */
static void draw(void)
{
	cleanup_buf struct buf line = BUF_INIT;
	const char *before = "";
	size_t room = columns();

	if (board->total > 1)
		buf_printf(&line, "%u of %zu done, ", board->ended, board->total);
	for (size_t i = 0; i < PROGRESS_PLACES; i++) {
		if (!*board->stages[i])
			continue;
		buf_printf(&line, "%s%s", before, board->stages[i]);
		before = ", ";
	}
	room = room > 3 ? room - 3 : 0;
	printf("\r\033[K");
	if (*before)
		printf("%.*s …", (int)(line.len < room ? line.len : room), buf_bytes(&line));
	fflush(stdout);
}

static void say(const char *stage)
{
	snprintf(board->stages[our_place], STAGE_MAX, "%s", stage);
}

void progress_clear(struct progress *p)
{
	if (p->live)
		fputs("\r\033[K", stdout);
	fflush(stdout);
}

void progress_finish(struct progress *p)
{
	say("");
	progress_clear(p);
	if (p->live)
		draw();
	free(steal_ptr(p->name));
}

void progress_stage(struct progress *p, const char *fmt, ...)
{
	cleanup_free char *doing = NULL, *stage = NULL;
	va_list ap;

	if (!p->live)
		return;
	va_start(ap, fmt);
	doing = xvasprintf(fmt, ap);
	va_end(ap);
	stage = xasprintf("%s: %s", p->name, doing);
	say(stage);
	draw();
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
