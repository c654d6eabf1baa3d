/* SPDX-License-Identifier: MIT */
/* Descriptors and files. Descriptors start at -1 and are always CLOEXEC. */
#ifndef ATOLL_FD_H
#define ATOLL_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "buf.h"
#include "err.h"

/* Closes if open, and sets -1. Keeps errno. */
void fd_close(int *fd);
#define cleanup_fd __attribute__((cleanup(fd_close)))

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/*
 * Opens /dev/null in place of a standard descriptor that is closed, so that nothing opened later gets
 * its number. The first thing of a program that others start.
 */
void fd_secure_std(void);
/*
 * At a program's end: an error when anything that it printed could not be written. What was more than a buffer failed on the way
 * to a full disk, and is no longer there to be flushed.
 */
int fd_flush_stdout(struct err **err);

int fd_set_nonblock(int fd, bool on);
int fd_set_cloexec(int fd, bool on);

/* All of it, through EINTR and short writes, on a blocking descriptor; 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t len);
/* Exactly len bytes; -ENODATA at an early end. */
int fd_read_exact(int fd, void *data, size_t len);
/* To the end; -EFBIG beyond max bytes. Appends to out. */
int fd_read_all(int fd, size_t max, struct buf *out);

/* A whole file, with the path in the error. */
int file_read(const char *path, size_t max, struct buf *out, struct err **err);
/*
 * Replaces a file as one step: a temporary beside it, fsync, rename. On failure the old one is as
 * it was and nothing is left over.
 */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
		      struct err **err);
bool file_exists(const char *path);

/* mkdir -p; mode for those it makes. */
int dir_make(const char *path, mode_t mode, struct err **err);
/* rm -rf that stays on one file system and follows no link; no error when it is not there. */
int dir_remove(const char *path, struct err **err);

/*
 * A unix socket bound and listening at path (type SOCK_STREAM or SOCK_SEQPACKET), mode as given. A socket
 * at which nobody listens any more is replaced; -EADDRINUSE when somebody does, -EINVAL for another file.
 * Of several that ask for one path at once, one gets it.
 */
int unix_listen(const char *path, int type, mode_t mode, int *ret_fd, struct err **err);
/*
 * Removes the socket that had this inode, once nobody listens at it: by then, the path (and even the
 * inode's number) may be another's.
 */
void unix_remove(const char *path, int type, ino_t inode);
int unix_connect(const char *path, int type, int *ret_fd, struct err **err);

#endif
