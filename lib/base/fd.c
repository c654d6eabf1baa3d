/* SPDX-License-Identifier: MIT */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "mem.h"

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void fd_secure_std(void)
{
	int fd;

	/* The lowest free number is what open takes. Where there is no /dev/null, nothing is gained. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_read_exact(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int fd_flush_stdout(struct err **err)
{
	int r = ferror(stdout) ? -EIO : 0;

	if (fflush(stdout) != 0)
		r = -errno;
	return r < 0 ? err_set_errno(err, -r, "standard output: it could not be written") : 0;
}

int fd_read_all(int fd, size_t max, struct buf *out)
{
	size_t got = 0;

	for (;;) {
		ssize_t n = read(fd, buf_reserve(out, 65536), 65536);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		got += (size_t)n;
		if (got > max)
			return -EFBIG;
		buf_commit(out, (size_t)n);
	}
}

int file_read(const char *path, size_t max, struct buf *out, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = fd_read_all(fd, max, out);
	if (r == -EFBIG)
		return err_set(err, EFBIG, "%s: longer than %zu bytes", path, max);
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err **err)
{
	cleanup_free char *temp = xasprintf("%s.new.XXXXXX", path);
	cleanup_fd int fd = mkostemp(temp, O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = fd_write_all(fd, data, len);
	if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0))
		r = -errno;
	if (r < 0) {
		unlink(temp);
		return err_set_errno(err, -r, "%s", path);
	}
	return 0;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int dir_make(const char *path, mode_t mode, struct err **err)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return err_set_errno(err, errno, "%s", copy);
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return err_set_errno(err, errno, "%s", copy);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path) < 0 && errno != ENOENT ? errno : 0;
}

int dir_remove(const char *path, struct err **err)
{
	int r = nftw(path, remove_one, 32, FTW_DEPTH | FTW_MOUNT | FTW_PHYS);

	if (r < 0)
		r = errno == ENOENT ? 0 : errno;
	return r ? err_set_errno(err, r, "%s", path) : 0;
}

#define CONNECT_S 5

static int fill_address(const char *path, struct sockaddr_un *addr, struct err **err)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(addr->sun_path))
		return err_set(err, ENAMETOOLONG, "%s: a socket's path has at most %zu characters",
			       path, sizeof(addr->sun_path) - 1);
	strcpy(addr->sun_path, path);
	return 0;
}

#define LOCK_TRIES 500 /* of 10 ms */

/*
 * Who looks at the socket of a path and then replaces it, does both under a lock of its folder: else two of
 * us find the same old one, and the second removes what the first has bound. A folder that we may not read
 * has no lock for us: *ret_fd is -1.
 */
static int lock_folder(const char *path, int *ret_fd, struct err **err)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + (slash == path),
			 path);
	*ret_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return errno == EACCES ? 0 : err_set_errno(err, errno, "%s", path);
	for (unsigned int i = 0; flock(*ret_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			break; /* a file system without locks */
		if (i == LOCK_TRIES) {
			fd_close(ret_fd);
			return err_set(err, EBUSY, "%s: another program keeps the folder locked",
				       path);
		}
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return 0;
}

/* -EADDRINUSE when somebody listens at a socket (or seems to), 0 when nobody does any more. */
static int probe(int type, const struct sockaddr_un *addr)
{
	cleanup_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return 0;
}

/* What stands at the path may only be a socket that nobody listens at any more. Under the lock. */
static int remove_stale(const char *path, int type, const struct sockaddr_un *addr,
			struct err **err)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set_errno(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, EINVAL, "%s: is there already, and is no socket", path);
	r = probe(type, addr);
	if (r == -EADDRINUSE)
		return err_set(err, EADDRINUSE, "%s: somebody listens there already", path);
	if (r < 0)
		return err_set_errno(err, -r, "%s", path);
	return unlink(path) < 0 ? err_set_errno(err, errno, "%s", path) : 0;
}

int unix_listen(const char *path, int type, mode_t mode, int *ret_fd, struct err **err)
{
	cleanup_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	cleanup_fd int lock = -1;
	struct sockaddr_un addr;
	int r = fill_address(path, &addr, err);

	if (r < 0)
		return r;
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = lock_folder(path, &lock, err);
	if (r == 0)
		r = remove_stale(path, type, &addr, err);
	if (r < 0)
		return r;
	/* The mode is in force from the first moment: fchmod before bind sets the node's. */
	if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    chmod(path, mode) < 0 || listen(fd, 64) < 0)
		return err_set_errno(err, errno, "%s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

void unix_remove(const char *path, int type, ino_t inode)
{
	cleanup_fd int lock = -1;
	struct sockaddr_un addr;
	struct stat st;

	if (fill_address(path, &addr, NULL) < 0 || lock_folder(path, &lock, NULL) < 0)
		return;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode)
		remove_stale(path, type, &addr, NULL);
}

int unix_connect(const char *path, int type, int *ret_fd, struct err **err)
{
	/* A listener whose queue is full makes connect wait as a send does: not for ever. */
	const struct timeval limit = { .tv_sec = CONNECT_S }, none = { 0 };
	cleanup_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	int r = fill_address(path, &addr, err);

	if (r < 0)
		return r;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0)
		return err_set_errno(err, errno, "%s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}
