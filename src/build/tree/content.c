/* SPDX-License-Identifier: MIT */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fd.h"

/* Opens what a node's bytes are in, and tells how many they are. */
static int open_content(const struct tree_node *node, int *ret_fd, uint64_t *ret_len,
			struct err **err)
{
	cleanup_fd int fd = open(node->content, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set_errno(err, errno, "%s", node->content);
	*ret_len = node->content_at ? node->content_len : (uint64_t)st.st_size;
	*ret_fd = steal_fd(&fd);
	return 0;
}

int content_size(const struct tree_node *node, uint64_t *ret, struct err **err)
{
	cleanup_fd int fd = -1;

	*ret = node->content_at ? node->content_len : 0;
	return node->content_at || !node->content ? 0 : open_content(node, &fd, ret, err);
}

/* Anonymous memory below, of which the file covers all but what follows its end. */
static void *map(int fd, uint64_t at, size_t len, size_t room)
{
	void *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (base != MAP_FAILED && len &&
	    mmap(base, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, (off_t)at) ==
		    MAP_FAILED) {
		int code = errno;

		munmap(base, room);
		errno = code;
		return MAP_FAILED;
	}
	return base;
}

int content_map(const struct tree_node *node, struct content *ret, struct err **err)
{
	size_t skip = node->content_at % (size_t)sysconf(_SC_PAGESIZE);
	cleanup_fd int fd = -1;
	uint64_t len = 0;
	void *base;
	int r = node->content ? open_content(node, &fd, &len, err) : 0;

	if (r < 0)
		return r;
	/* Behind a piece stands a NUL of its own (unpacked.h), maybe on the next page. */
	base = map(fd, node->content_at - skip, skip + len + (node->content_at > 0),
		   skip + len + 1);
	if (base == MAP_FAILED)
		return err_set_errno(err, errno, "%s", node->content);
	*ret = (struct content){
		.data = (char *)base + skip, .len = len, .base = base, .room = skip + len + 1
	};
	return 0;
}

void content_unmap(struct content *c)
{
	munmap(c->base, c->room);
}

int content_read(const struct tree_node *node, size_t max, struct buf *out, struct err **err)
{
	cleanup_fd int fd = -1;
	uint64_t len = 0, at = 0;
	int r = node->content ? open_content(node, &fd, &len, err) : 0;

	if (r < 0)
		return r;
	if (len > max)
		return err_set(err, EFBIG, "%s: longer than %zu bytes", node->content, max);
	while (at < len) {
		ssize_t n = pread(fd, buf_reserve(out, len - at), len - at,
				  (off_t)(node->content_at + at));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_errno(err, n < 0 ? errno : ENODATA, "%s", node->content);
		buf_commit(out, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

int content_compare(const void *a, const void *b)
{
	const struct tree_node *x = a, *y = b;
	int r = strcmp(x->content, y->content);

	return r ? r : (x->content_at > y->content_at) - (x->content_at < y->content_at);
}

bool content_is_one(const struct tree_node *a, const struct tree_node *b)
{
	return a == b || (a->content && b->content && content_compare(a, b) == 0);
}

bool content_same(const struct tree_node *a, const struct tree_node *b)
{
	struct content x, y;
	bool same;

	if (content_is_one(a, b))
		return true;
	if (content_map(a, &x, NULL) < 0)
		return false;
	if (content_map(b, &y, NULL) < 0) {
		content_unmap(&x);
		return false;
	}
	same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
	content_unmap(&x);
	content_unmap(&y);
	return same;
}
