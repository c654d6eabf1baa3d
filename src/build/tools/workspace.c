/* SPDX-License-Identifier: MIT */
#include "workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "fd.h"
#include "mem.h"
#include "str.h"
#include "trim.h"

#define COPY_MAX (256 << 20)

static const char *const folders[] = { "release", "index",     "solv", "packages", "unpacked",
				       "kernel",  "initramfs", "java", "drivers",  "tmp" };

static int make_folders(const char *cache, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_free char *path = xasprintf("%s/%s", cache, folders[i]);
		int r = dir_make(path, 0755, err);

		if (r < 0)
			return err_prefix(err, "cache");
	}
	return 0;
}

static int open_lock(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* Removes one builder's folder if nobody holds its lock. */
static void sweep_one(const char *tmp, const char *name)
{
	cleanup_free char *dir = xasprintf("%s/%s", tmp, name);
	cleanup_free char *lock = xasprintf("%s/lock", dir);
	cleanup_fd int fd = open_lock(lock);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	dir_remove(dir, NULL);
}

static void sweep(const char *tmp)
{
	DIR *dir = opendir(tmp);
	struct dirent *entry;

	if (!dir)
		return;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			sweep_one(tmp, entry->d_name);
	closedir(dir);
}

/* The lock over tmp/ keeps a sweeper away from a folder that is made but not locked yet. */
static int take_folder(const char *tmp, struct workspace *ws, struct err **err)
{
	cleanup_free char *guard_path = xasprintf("%s/.lock", tmp);
	cleanup_free char *temp = xasprintf("%s/build.XXXXXX", tmp);
	cleanup_fd int guard = open_lock(guard_path);
	cleanup_free char *lock = NULL;

	if (guard < 0 || flock(guard, LOCK_EX) < 0)
		return err_set_errno(err, errno, "%s", guard_path);
	sweep(tmp);
	if (!mkdtemp(temp))
		return err_set_errno(err, errno, "%s", temp);
	lock = xasprintf("%s/lock", temp);
	ws->lock = open_lock(lock);
	if (ws->lock < 0 || flock(ws->lock, LOCK_EX) < 0) {
		int code = errno;

		fd_close(&ws->lock);
		dir_remove(temp, NULL);
		return err_set_errno(err, code, "%s", lock);
	}
	ws->temp = steal_ptr(temp);
	return 0;
}

/* Before anything is there to be seen: who trims meanwhile leaves what we need. */
static int lock_unpacked(const char *cache, struct workspace *ws, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/unpacked/.lock", cache);

	ws->unpacked_lock = open_lock(path);
	if (ws->unpacked_lock >= 0 && flock(ws->unpacked_lock, LOCK_SH) == 0)
		return 0;
	return err_set_errno(err, errno, "%s", path);
}

static int open_cache(const char *cache, struct workspace *ws, struct err **err)
{
	cleanup_free char *tmp = xasprintf("%s/tmp", cache);
	int r = make_folders(cache, err);

	if (r == 0)
		r = lock_unpacked(cache, ws, err);
	return r < 0 ? r : take_folder(tmp, ws, err);
}

int workspace_open(const char *cache, struct workspace *ret, struct err **err)
{
	struct workspace ws = WORKSPACE_INIT;
	cleanup_err struct err *own = NULL;
	struct stat st;
	int r = open_cache(cache, &ws, &own);

	if (r < 0) {
		fd_close(&ws.unpacked_lock);
		if ((r == -EACCES || r == -EPERM) && stat(cache, &st) == 0)
			return err_set(err, -r,
				       "cache %s: permission denied; it belongs to user %u: run as "
				       "that user, or set ATOLL_ROOT to a folder of your own",
				       cache, (unsigned int)st.st_uid);
		return err_set(err, -r, "%s", err_msg(own));
	}
	ws.cache = xstrdup(cache);
	*ret = ws;
	return 0;
}

int workspace_open_apart(struct workspace *ret, struct err **err)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *temp = xasprintf("%s/atoll.XXXXXX", tmp && *tmp ? tmp : "/var/tmp");

	if (!mkdtemp(temp))
		return err_set_errno(err, errno, "%s", temp);
	*ret = (struct workspace)WORKSPACE_INIT;
	ret->temp = steal_ptr(temp);
	return 0;
}

static void trim_unpacked(const struct workspace *ws)
{
	cleanup_free char *path = xasprintf("%s/unpacked", ws->cache);

	if (flock(ws->unpacked_lock, LOCK_EX | LOCK_NB) == 0)
		trim_folder(path, WORKSPACE_UNPACKED_MAX);
}

void workspace_close(struct workspace *ws)
{
	if (ws->unpacked_lock >= 0)
		trim_unpacked(ws);
	fd_close(&ws->unpacked_lock);
	if (ws->temp)
		dir_remove(ws->temp, NULL);
	fd_close(&ws->lock);
	free(steal_ptr(ws->temp));
	free(steal_ptr(ws->cache));
}

char *workspace_cached(const struct workspace *ws, const char *folder, const char *name)
{
	return xasprintf("%s/%s/%s", ws->cache, folder, name);
}

char *workspace_temp(struct workspace *ws, const char *what)
{
	return xasprintf("%s/%s.%u", ws->temp, what, ws->serial++);
}

int workspace_write(struct workspace *ws, const void *data, size_t len, char **ret_path,
		    struct err **err)
{
	cleanup_free char *path = workspace_temp(ws, "text");
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, data, len);

	if (r < 0)
		return err_set_errno(err, -r, "%s", path);
	*ret_path = steal_ptr(path);
	return 0;
}

/* From one descriptor to another, by the kernel. */
static int copy_range(int in, uint64_t at, uint64_t len, int out)
{
	while (len) {
		off_t from = (off_t)at;
		ssize_t n = sendfile(out, in, &from, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		at += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return 0;
}

int workspace_piece(struct workspace *ws, const char *file, uint64_t at, uint64_t len,
		    char **ret_path, struct err **err)
{
	const char *slash = strrchr(file, '/');
	cleanup_free char *path = xasprintf("%s/%s.%" PRIx64, ws->temp, slash + 1, at);
	cleanup_fd int in = -1, out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = 0;

	if (out >= 0) {
		in = open(file, O_RDONLY | O_CLOEXEC);
		r = in < 0 ? -errno : copy_range(in, at, len, out);
		if (r < 0)
			unlink(path);
	} else if (errno != EEXIST) {
		r = -errno;
	}
	if (r < 0)
		return err_set_errno(err, -r, "%s", path);
	*ret_path = steal_ptr(path);
	return 0;
}

int workspace_copy(struct workspace *ws, const char *source, char **ret_path, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = file_read(source, COPY_MAX, &bytes, err);

	return r < 0 ? r : workspace_write(ws, buf_bytes(&bytes), bytes.len, ret_path, err);
}

int workspace_keep(const char *temp, const char *cached, struct err **err)
{
	if (rename(temp, cached) == 0)
		return 0;
	/* Another builder was faster; what it kept has the same name, thus the same contents. */
	if (errno == ENOTEMPTY || errno == EEXIST)
		return dir_remove(temp, err);
	return err_set_errno(err, errno, "%s", cached);
}

int workspace_alone(const struct workspace *ws, const char *what, bool wait, int *ret_fd,
		    struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s.lock", ws->cache, what);
	cleanup_fd int fd = open_lock(path);

	if (fd < 0 || flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB) < 0)
		return err_set_errno(err, errno, "%s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}
