/* SPDX-License-Identifier: MIT */
/*
 * Owns the console's descriptor and both log files. The files were opened before the monitor gave
 * up its view of the file system, so a full log is not renamed: its bytes are copied to the old one.
 */
#include "console.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

#define CHUNK 16384 /* read at a time: what a flooding guest gets of one round of the loop */

struct console {
	int fd, log, old;
	size_t size;  /* of log */
	size_t slice; /* bytes read in this slice of time */
	bool failed;  /* a write failed; said once */
	struct source *source;
	struct source *timer; /* begins the next slice; armed while there was output in this one */
};

static void report(struct console *c, const char *what)
{
	if (!c->failed)
		log_warn("%s: %m; output of the guest is lost", what);
	c->failed = true;
}

/* Moves the log's content to the old log and begins anew. */
static void rotate(struct console *c)
{
	char chunk[CHUNK];
	off_t at = 0;
	ssize_t n;

	if (ftruncate(c->old, 0) < 0)
		report(c, "console.log.1");
	while ((n = pread(c->log, chunk, sizeof(chunk), at)) > 0) {
		if (pwrite(c->old, chunk, (size_t)n, at) != n) {
			report(c, "console.log.1");
			break;
		}
		at += n;
	}
	if (ftruncate(c->log, 0) < 0)
		report(c, "console.log");
	else
		c->size = 0;
}

static void keep(struct console *c, const char *data, size_t n)
{
	ssize_t written;

	if (c->size + n > CONSOLE_MAX)
		rotate(c);
	if (c->size + n > CONSOLE_MAX)
		return; /* the log could not be emptied */
	written = pwrite(c->log, data, n, (off_t)c->size);
	if (written < 0)
		report(c, "console.log");
	else
		c->size += (size_t)written;
}

/* Reads once; the number of bytes, 0 at the end, -1 when there is nothing now. */
static ssize_t take(struct console *c)
{
	char chunk[CHUNK];
	ssize_t n = read(c->fd, chunk, sizeof(chunk));

	if (n > 0)
		keep(c, chunk, (size_t)n);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		n = 0; /* a pseudo terminal reports its end as EIO, a socket as ECONNRESET */
	return n;
}

static void handle_output(int fd, uint32_t events, void *data)
{
	struct console *c = data;
	ssize_t n = take(c);

	(void)fd;
	(void)events;
	if (n == 0) {
		source_clear(c->source);
		return;
	}
	if (n > 0) {
		if (c->slice == 0)
			source_arm(c->timer, CONSOLE_SLICE_MS);
		c->slice += (size_t)n;
	}
	if (c->slice >= CONSOLE_SLICE)
		source_set_events(c->source, 0);
}

static void handle_slice(void *data)
{
	struct console *c = data;

	c->slice = 0;
	if (c->source)
		source_set_events(c->source, EPOLLIN);
}

struct console *console_create(struct loop *loop, int fd, int log, int old)
{
	struct console *c = xcalloc(1, sizeof(*c));
	struct stat st;

	c->fd = fd;
	c->log = log;
	c->old = old;
	if (fstat(log, &st) == 0)
		c->size = (size_t)st.st_size;
	if (fd_set_nonblock(fd, true) < 0)
		log_warn("console: %m");
	c->timer = loop_add_timer(loop, handle_slice, c);
	c->source = loop_add_fd(loop, fd, EPOLLIN, handle_output, c);
	return c;
}

void console_drain(struct console *c)
{
	size_t left = CONSOLE_MAX;

	while (c->source && left) {
		ssize_t n = take(c);

		if (n <= 0)
			break;
		left -= (size_t)n < left ? (size_t)n : left;
	}
}

void console_last_line(const struct console *c, char *ret_line, size_t size)
{
	size_t room = size - 1, from = c->size > room ? c->size - room : 0, len, start;
	ssize_t n = pread(c->log, ret_line, room, (off_t)from);

	for (len = n > 0 ? (size_t)n : 0; len && strchr("\r\n ", ret_line[len - 1]); len--)
		;
	for (start = len; start && ret_line[start - 1] != '\n'; start--)
		;
	len -= start;
	memmove(ret_line, ret_line + start, len);
	ret_line[len] = '\0';
	for (char *p = ret_line; *p; p++)
		*p = *p >= ' ' && *p <= '~' ? *p : '?';
}

void console_destroy(struct console *c)
{
	if (!c)
		return;
	source_clear(c->source);
	source_clear(c->timer);
	fd_close(&c->fd);
	fd_close(&c->log);
	fd_close(&c->old);
	free(c);
}
