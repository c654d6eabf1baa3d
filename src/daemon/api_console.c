/* SPDX-License-Identifier: MIT */
/*
 * /1.0/machines/FED/NAME/console: a log that its monitor writes and that we only read.
 *
 * Theory of operation
 *
 * The log is two files: when console.log is full, its monitor copies it to console.log.1 and empties it.
 * A reader that finds console.log shorter than it has read goes on in console.log.1 at the same place,
 * and from its end at the beginning of console.log.
 */
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

#define CONSOLE_MAX (2 << 20) /* bytes of the past; both files together are not larger */
#define SEEK_TRIES  8         /* a rotation takes a millisecond, and comes once a megabyte */

struct console {
	struct daemon *daemon;
	char *fed, *machine; /* the machine may go */
	char *path, *old_path;
	int fd;           /* console.log; -1: there is none yet */
	int old;          /* console.log.1, while its bytes are still to come; or -1 */
	off_t at, old_at; /* read so far */
	off_t left; /* bytes still to send; what is written meanwhile is only for who follows */
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

static ssize_t read_at(int fd, off_t *at, char *buf, size_t max)
{
	ssize_t n = fd < 0 ? 0 : pread(fd, buf, max, *at);

	if (n > 0)
		*at += n;
	return n;
}

/* When console.log was emptied, or is another file: that of the machine's next life. */
static void follow_rotation(struct console *c)
{
	struct stat ours, now;

	if (c->fd < 0 || fstat(c->fd, &ours) < 0)
		return;
	if (ours.st_size < c->at)
		c->old = open(c->old_path, O_RDONLY | O_CLOEXEC);
	else if (stat(c->path, &now) == 0 && ours.st_ino != now.st_ino)
		c->old = steal_fd(&c->fd);
	else
		return;
	c->old_at = c->at;
	c->at = 0;
}

static ssize_t read_console(void *data, char *buf, size_t max)
{
	struct console *c = data;
	bool alive = is_alive(c); /* asked first: what it wrote before its end is there */
	ssize_t n;

	if (!c->follow && (off_t)max > c->left)
		max = (size_t)c->left;
	if (c->old < 0)
		follow_rotation(c);
	n = read_at(c->old, &c->old_at, buf, max);
	if (n <= 0) {
		fd_close(&c->old);
		if (c->fd < 0)
			c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
		n = read_at(c->fd, &c->at, buf, max);
	}
	if (n > 0) {
		c->left -= n;
		return n;
	}
	return c->follow && alive ? 0 : -1;
}

static void free_console(void *data)
{
	struct console *c = data;

	events_unsubscribe(c->events);
	source_remove(c->source);
	fd_close(&c->watch);
	fd_close(&c->fd);
	fd_close(&c->old);
	free(c->path);
	free(c->old_path);
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

/* Where the last `lines` lines of the text begin. */
static size_t find_lines(const char *text, size_t n, uint64_t lines)
{
	if (lines == 0)
		return n;
	/* The newline at the very end ends the last line. */
	for (size_t i = n ? n - 1 : 0; i > 0; i--)
		if (text[i - 1] == '\n' && --lines == 0)
			return i;
	return 0;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* The two files' content from a place in both to their end; false when the log was rotated meanwhile. */
static bool read_both(const struct console *c, off_t from, off_t old, char *text, size_t n)
{
	size_t n_old = from < old ? (size_t)(old - from) : 0;
	off_t at = from < old ? 0 : from - old;

	return (n_old == 0 || pread(c->old, text, n_old, from) == (ssize_t)n_old) &&
	       pread(c->fd, text + n_old, n - n_old, at) == (ssize_t)(n - n_old) &&
	       size_of(c->old) == old;
}

/*
 * The two files as one text: as many of its last bytes, and lines, as were asked for. 0, or -EAGAIN when the log was
 * rotated meanwhile.
 */
static int seek(struct console *c, off_t bytes, uint64_t lines)
{
	off_t old = size_of(c->old), all = old + size_of(c->fd);
	off_t from = all > bytes ? all - bytes : 0;

	if (lines != UINT64_MAX && all > from) {
		size_t n = (size_t)(all - from);
		cleanup_free char *text = xmalloc(n);

		if (!read_both(c, from, old, text, n))
			return -EAGAIN;
		from += (off_t)find_lines(text, n, lines);
	}
	c->old_at = from < old ? from : old;
	c->at = from > old ? from - old : 0;
	c->left = all - from;
	return 0;
}

static void seek_start(struct console *c, off_t bytes, uint64_t lines)
{
	int tries = SEEK_TRIES;

	c->fd = open(c->path, O_RDONLY | O_CLOEXEC);
	c->old = open(c->old_path, O_RDONLY | O_CLOEXEC);
	while (seek(c, bytes, lines) < 0 && --tries > 0)
		;
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
	c->path = xasprintf("%s/console.log", m->dir);
	c->old_path = xasprintf("%s/console.log.1", m->dir);
	c->follow = follow;
	c->fd = c->old = c->watch = -1;
	seek_start(c, bytes < CONSOLE_MAX ? (off_t)bytes : CONSOLE_MAX, lines);
	if (follow)
		watch(c, m->dir);
	c->stream = call_reply_stream(call, "text/plain; charset=utf-8", &ops, c);
}
