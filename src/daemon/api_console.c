/* SPDX-License-Identifier: MIT */
/* /1.0/machines/FED/NAME/console: a log that its monitor writes, rotates, and that we only read. */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "events.h"
#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

#define CONSOLE_MAX (1 << 20) /* bytes of the past; the log is not larger */

struct console {
	struct daemon *daemon;
	char *fed, *machine; /* the machine may go */
	char *path;
	int fd; /* -1: there is no log yet */
	bool follow;
	int watch; /* inotify on the machine's folder; -1 when not following */
	struct source *source;
	struct subscriber *events; /* a machine's end is no change of a file */
	struct http_stream *stream;
};

static bool is_alive(const struct console *c)
{
	struct fed *f = model_fed(c->daemon, c->fed);
	struct machine *m = f ? fed_find_machine(f, c->machine) : NULL;

	return m && machine_alive(m);
}

/* Whether the path is another file than the one we read: the log was rotated. */
static bool rotated(const struct console *c)
{
	struct stat ours, now;

	return c->fd >= 0 && fstat(c->fd, &ours) == 0 && stat(c->path, &now) == 0 &&
	       ours.st_ino != now.st_ino;
}

static ssize_t read_console(void *data, char *buf, size_t max)
{
	struct console *c = data;
	ssize_t n;

	for (int i = 0; i < 2; i++) {
		bool alive = is_alive(c); /* asked first: what it wrote before its end is there */

		if (c->fd < 0)
			c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
		n = c->fd < 0 ? 0 : read(c->fd, buf, max);
		if (n > 0)
			return n;
		if (!c->follow || !alive)
			return -1;
		if (!rotated(c))
			return 0;
		fd_close(&c->fd);
	}
	return 0;
}

static void free_console(void *data)
{
	struct console *c = data;

	events_unsubscribe(c->events);
	source_remove(c->source);
	fd_close(&c->watch);
	fd_close(&c->fd);
	free(c->path);
	free(c->fed);
	free(c->machine);
	free(c);
}

static const struct stream_ops ops = { .read = read_console, .free = free_console };

static void handle_watch(int fd, uint32_t events, void *data)
{
	struct console *c = data;
	char drop[4096];

	(void)events;
	while (read(fd, drop, sizeof(drop)) > 0)
		;
	http_stream_wake(c->stream);
}

static void handle_event(void *data)
{
	struct console *c = data;

	buf_clear(subscriber_queue(c->events));
	if (c->stream)
		http_stream_wake(c->stream);
}

/* Where the last `lines` lines begin in what is behind `from`. */
static off_t find_lines(int fd, off_t from, off_t size, uint64_t lines)
{
	cleanup_free char *text = xmalloc((size_t)(size - from) + 1);
	ssize_t n = pread(fd, text, (size_t)(size - from), from);

	if (n <= 0)
		return from;
	if (lines == 0)
		return from + n;
	/* The newline at the very end ends the last line. */
	for (ssize_t i = n - 1; i > 0; i--)
		if (text[i - 1] == '\n' && --lines == 0)
			return from + i;
	return from;
}

static void seek_start(struct console *c, uint64_t bytes, uint64_t lines)
{
	struct stat st;
	off_t from;

	c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
	if (c->fd < 0 || fstat(c->fd, &st) < 0)
		return;
	from = st.st_size > (off_t)bytes ? st.st_size - (off_t)bytes : 0;
	if (lines != UINT64_MAX && st.st_size > from)
		from = find_lines(c->fd, from, st.st_size, lines);
	lseek(c->fd, from, SEEK_SET);
}

static void watch(struct console *c, const char *dir)
{
	c->events = events_subscribe(c->daemon->events, 1u << EVENT_LIFECYCLE, handle_event, c);
	c->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (c->watch < 0)
		return;
	inotify_add_watch(c->watch, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE);
	c->source = loop_add_fd(c->daemon->loop, c->watch, EPOLLIN, handle_watch, c);
}

void handle_console(struct call *call)
{
	const struct request *r = &call->request;
	struct machine *m = api_machine(call);
	uint64_t bytes, lines, follow;
	struct err *err = NULL;
	struct console *c;

	if (!m)
		return;
	if (request_query_u64(r, "bytes", INT64_MAX, CONSOLE_MAX, &bytes, &err) < 0 ||
	    request_query_u64(r, "lines", UINT32_MAX, UINT64_MAX, &lines, &err) < 0 ||
	    request_query_u64(r, "follow", 1, 0, &follow, &err) < 0) {
		call_reply_error(call, err, NULL);
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->daemon = call->daemon;
	c->fed = xstrdup(m->fed->name);
	c->machine = xstrdup(m->name);
	bytes = bytes < CONSOLE_MAX ? bytes : CONSOLE_MAX;
	c->path = xasprintf("%s/console.log", m->dir);
	c->follow = follow;
	c->fd = c->watch = -1;
	seek_start(c, bytes, lines);
	if (follow)
		watch(c, m->dir);
	c->stream = call_reply_stream(call, "text/plain; charset=utf-8", &ops, c);
}
