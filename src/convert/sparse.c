/* SPDX-License-Identifier: MIT */
#include "sparse.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copy.h"
#include "fd.h"
#include "mem.h"

int sparse_read(const struct sparse *s, size_t i, void *block, struct err **err)
{
	ssize_t n = pread(s->fd, block, s->block, (off_t)(i * s->block));

	if (n < 0)
		return err_set_errno(err, errno, "reading");
	memset((char *)block + n, 0, s->block - (size_t)n);
	return 0;
}

static int find_full(struct sparse *s, struct err **err)
{
	cleanup_free char *block = xmalloc(s->block);
	off_t at = 0;

	while ((at = lseek(s->fd, at, SEEK_DATA)) >= 0) {
		size_t i = (size_t)at / s->block;
		int r = sparse_read(s, i, block, err);

		if (r < 0)
			return r;
		s->full[i] = block[0] || memcmp(block, block + 1, s->block - 1) != 0;
		s->n_full += s->full[i];
		at = (off_t)((i + 1) * s->block);
	}
	return errno == ENXIO ? 0 : err_set_errno(err, errno, "reading");
}

int sparse_open(int fd, size_t block, struct sparse *ret, struct err **err)
{
	struct sparse s = { .fd = fd, .block = block };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0) {
		close(fd);
		return err_set_errno(err, errno, "reading");
	}
	s.size = (uint64_t)st.st_size;
	s.n = (size_t)((s.size + block - 1) / block);
	s.full = xcalloc(s.n + 1, sizeof(*s.full));
	r = find_full(&s, err);
	if (r < 0)
		sparse_close(&s);
	else
		*ret = s;
	return r;
}

void sparse_close(struct sparse *s)
{
	fd_close(&s->fd);
	free(s->full);
}

int sparse_copy(const struct sparse *s, int to, uint64_t at, struct err **err)
{
	cleanup_free char *block = xmalloc(s->block);
	int r = 0;

	for (size_t i = 0; i < s->n && r == 0; i++) {
		if (!s->full[i])
			continue;
		r = sparse_read(s, i, block, err);
		if (r == 0)
			r = copy_write_at(to, at, block, s->block, err);
		at += s->block;
	}
	return r;
}
