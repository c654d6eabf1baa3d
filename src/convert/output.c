/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define MODE 0644

static int already(const char *path, struct err **err)
{
	return err_set(err, EEXIST, "%s is there already; --force replaces it, -o names another",
		       path);
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* A file system that has no files without names gets one with a name that nobody looks for. */
static int open_named(struct output *o)
{
	o->temp = xasprintf("%s.%d.part", o->path, (int)getpid());
	o->fd = open(o->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, MODE);
	return o->fd < 0 ? -errno : 0;
}

static int open_file(struct output *o)
{
	cleanup_free char *folder = folder_of(o->path);

	o->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, MODE);
	if (o->fd >= 0)
		return 0;
	return errno == EOPNOTSUPP || errno == EISDIR ? open_named(o) : -errno;
}

int output_begin(struct output *o, const char *path, bool force, struct err **err)
{
	struct stat st;
	int r;

	*o = (struct output){ .path = path, .fd = -1, .force = force };
	if (lstat(path, &st) == 0) {
		if (!force)
			return already(path, err);
		if (!S_ISREG(st.st_mode))
			return err_set(err, EEXIST, "%s is not a file; it is not replaced", path);
	}
	r = open_file(o);
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

/* linkat(2) replaces nothing, so a file that is to be replaced gets its successor by rename. */
static int give_name(struct output *o)
{
	cleanup_free char *from = xasprintf("/proc/self/fd/%d", o->fd);

	if (!o->temp) {
		if (!o->force)
			return linkat(AT_FDCWD, from, AT_FDCWD, o->path, AT_SYMLINK_FOLLOW) < 0
				       ? -errno
				       : 0;
		o->temp = xasprintf("%s.%d.part", o->path, (int)getpid());
		if (linkat(AT_FDCWD, from, AT_FDCWD, o->temp, AT_SYMLINK_FOLLOW) < 0)
			return -errno;
	}
	if (renameat2(AT_FDCWD, o->temp, AT_FDCWD, o->path, o->force ? 0 : RENAME_NOREPLACE) < 0)
		return -errno;
	free(steal_ptr(o->temp));
	return 0;
}

int output_end(struct output *o, struct err **err)
{
	int r = fsync(o->fd) < 0 ? -errno : give_name(o);

	if (r == -EEXIST)
		return already(o->path, err);
	return r < 0 ? err_set_errno(err, -r, "%s", o->path) : 0;
}

void output_finish(struct output *o)
{
	if (o->temp)
		unlink(o->temp);
	free(steal_ptr(o->temp));
	fd_close(&o->fd);
}
