/* SPDX-License-Identifier: MIT */
#include "skeleton.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static const char *const own[] = { "atoll", "secrets" };

struct copy {
	unsigned int n, depth;
};

static int copy_below(struct copy *c, int from, int to);

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	target[n] = '\0';
	if (symlinkat(target, to, name) < 0 ||
	    fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

/* The mode last: until then it is nobody else's, and a change of owner may take bits from it. */
static int copy_folder(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	cleanup_fd int below = openat(from, name, FOLDER | O_NOFOLLOW), made = -1;
	int r;

	if (below < 0 || mkdirat(to, name, 0700) < 0)
		return -errno;
	made = openat(to, name, FOLDER | O_NOFOLLOW);
	if (made < 0)
		return -errno;
	r = copy_below(c, below, made);
	if (r == 0 &&
	    (fchown(made, st->st_uid, st->st_gid) < 0 || fchmod(made, st->st_mode & 07777) < 0))
		r = -errno;
	return r;
}

static int copy_one(struct copy *c, int from, int to, const char *name)
{
	struct stat st;

	if (c->depth == 1 && skeleton_is_own(name))
		return 0;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return 0;
	if (++c->n > SKELETON_MAX)
		return -E2BIG;
	return S_ISLNK(st.st_mode) ? copy_link(from, to, name, &st)
				   : copy_folder(c, from, to, name, &st);
}

static int copy_below(struct copy *c, int from, int to)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 0), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return -errno;
	if (++c->depth > SKELETON_DEPTH)
		r = -E2BIG;
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = copy_one(c, from, to, e->d_name);
	c->depth--;
	closedir(dir);
	return r;
}

bool skeleton_is_own(const char *path)
{
	size_t n = strcspn(path, "/");

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (strncmp(path, own[i], n) == 0 && !own[i][n])
			return true;
	return false;
}

int skeleton_open(const char *path)
{
	return open(path, FOLDER);
}

int skeleton_copy(int from, const char *to, struct err **err)
{
	struct copy c = { 0 };
	cleanup_fd int fd = -1;
	int r;

	if (from < 0)
		return 0;
	fd = open(to, FOLDER);
	r = fd < 0 ? -errno : copy_below(&c, from, fd);
	if (r == -E2BIG)
		return err_set(err, -r,
			       "the image has more than %u folders and links below %s, or folders "
			       "more than %u deep in one another; a machine copies no more of them",
			       SKELETON_MAX, to, SKELETON_DEPTH);
	return r < 0 ? err_set_errno(err, -r, "the image's folders below %s", to) : 0;
}
