/* SPDX-License-Identifier: MIT */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define CHUNK 65536

int copy_bytes(int from, int to, uint64_t len, struct err **err)
{
	cleanup_free char *chunk = xmalloc(CHUNK);
	int r = 0;

	while (r == 0 && len) {
		size_t n = len < CHUNK ? len : CHUNK;

		r = fd_read_exact(from, chunk, n);
		if (r < 0)
			return err_set_errno(err, -r, "reading");
		r = fd_write_all(to, chunk, n);
		if (r < 0)
			return err_set_errno(err, -r, "writing");
		len -= n;
	}
	return r;
}

int copy_write_at(int to, uint64_t at, const void *data, size_t len, struct err **err)
{
	while (len) {
		ssize_t n = pwrite(to, data, len, (off_t)at);

		if (n <= 0)
			return err_set_errno(err, n < 0 ? errno : ENOSPC, "writing");
		data = (const char *)data + n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static bool is_zero(const char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

int copy_file_to(const char *path, int to, uint64_t at, struct err **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *chunk = xmalloc(CHUNK);
	ssize_t n;
	int r = 0;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	while (r == 0 && (n = read(fd, chunk, CHUNK)) != 0) {
		if (n < 0)
			return err_set_errno(err, errno, "%s", path);
		if (!is_zero(chunk, (size_t)n))
			r = copy_write_at(to, at, chunk, (size_t)n, err);
		at += (uint64_t)n;
	}
	return r;
}
