/* SPDX-License-Identifier: MIT */
#include "fakeroot.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "fd.h"
#include "mem.h"

#define DAEMON  "faked-sysv"
#define LIBRARY "/usr/lib/*/libfakeroot/libfakeroot-sysv.so"
#define PACKAGE "fakeroot"

static char *find_library(struct err **err)
{
	glob_t found;
	char *path = NULL;

	if (glob(LIBRARY, 0, NULL, &found) == 0)
		path = xstrdup(found.gl_pathv[0]);
	else
		err_set(err, ENOENT, "%s is not there; install the package " PACKAGE, LIBRARY);
	globfree(&found);
	return path;
}

/* The daemon says KEY:PID in a line once it has read its state and can be asked. */
static int read_key(int fd, char **ret_key, struct err **err)
{
	char line[64];
	size_t n = 0;

	while (n + 1 < sizeof(line) && read(fd, &line[n], 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	if (!strchr(line, ':'))
		return err_set(err, EIO, DAEMON " (package " PACKAGE ") does not start");
	*ret_key = xstrndup(line, strcspn(line, ":"));
	return 0;
}

int fakeroot_start(const char *state, struct fakeroot *ret, struct err **err)
{
	static const char *const argv[] = { DAEMON, "--foreground", "--load", NULL };
	cleanup_fd int in = open(state, O_RDONLY | O_CLOEXEC), out = -1;
	struct command c = { .argv = argv, .package = PACKAGE, .in = in };
	struct fakeroot f = { .library = find_library(err) };
	int r;

	if (!f.library)
		return -ENOENT;
	r = in < 0 ? err_set_errno(err, errno, "%s", state) : 0;
	if (r == 0)
		r = command_start(&c, &f.pid, &out, err);
	if (r == 0)
		r = read_key(out, &f.key, err);
	if (r < 0) {
		fakeroot_stop(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void fakeroot_stop(struct fakeroot *f)
{
	if (f->pid > 0)
		command_stop(f->pid);
	free(f->library);
	free(f->key);
}
