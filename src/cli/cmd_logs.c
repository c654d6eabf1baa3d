/* SPDX-License-Identifier: MIT */
/* atoll logs MACHINE: what the machine printed on its console. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "fd.h"
#include "mem.h"
#include "term.h"

#define CONSOLE_MAX (1 << 20) /* what the daemon gives at most: a whole log */

static int copy(struct http *h, bool safe, struct err **err)
{
	uint8_t chunk[16384];

	for (;;) {
		size_t n;
		int r = http_read(h, chunk, sizeof(chunk), &n, err);

		if (r < 0 || n == 0)
			return r;
		if (safe)
			n = text_make_safe(chunk, n);
		r = fd_write_all(STDOUT_FILENO, chunk, n);
		if (r < 0)
			return r == -EPIPE ? 0 : err_set_errno(err, -r, "standard output");
	}
}

int cmd_logs(const struct args *args)
{
	bool follow = args_has(args, "follow");
	bool safe = isatty(STDOUT_FILENO) && !args_has(args, "raw");
	cleanup_free char *suffix = NULL, *path = NULL, *lines_part = NULL;
	cleanup_err struct err *err = NULL;
	unsigned long lines = 0;
	struct http h;
	int fd, r;

	if (args_number(args, "lines", 1000000, &lines, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	lines_part = args_has(args, "lines") ? xasprintf("&lines=%lu", lines) : xstrdup("");
	suffix = xasprintf("/console?follow=%d&bytes=%d%s", follow, CONSOLE_MAX, lines_part);
	if (client_machine_path(args->words[0], suffix, &path, &err) < 0 ||
	    client_open(path, &h, &err) < 0)
		return report_error(err);
	fd = h.fd;
	r = copy(&h, safe, &err);
	http_finish(&h);
	close(fd);
	return r < 0 ? report_error(err) : 0;
}
