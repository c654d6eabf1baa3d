/* SPDX-License-Identifier: MIT */
/* Owns the folder `volumes` of a machine. */
#include "volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define VOLUME_DEFAULT (UINT64_C(1) << 30) /* of a disk whose size is not said */

char *volume_path(const char *dir, const char *name, enum kind kind)
{
	return xasprintf("%s/volumes/%s%s", dir, name, kind == KIND_LIGHT ? "" : ".img");
}

/* An empty file system costs some tens of milliseconds, once in a volume's life. */
static int make_file_system(const char *path, struct err **err)
{
	char program[] = "mke2fs", type[] = "-t", ext4[] = "ext4", quiet[] = "-q", force[] = "-F";
	cleanup_free char *file = xstrdup(path);
	char *argv[] = { program, type, ext4, quiet, force, file, NULL };
	char search[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { search, NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int status, r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	r = posix_spawn(&pid, "/sbin/mke2fs", &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return err_set_errno(err, r, "mke2fs (package e2fsprogs)");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, EIO, "mke2fs %s failed (exit code %d)", path,
			       WEXITSTATUS(status));
	return 0;
}

/* Under another name first: a disk under its own name has a file system. */
static int make_disk(const char *path, uint64_t size, struct err **err)
{
	cleanup_free char *temp = xasprintf("%s.new", path);
	cleanup_fd int fd = open(temp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", temp);
	if (ftruncate(fd, (off_t)(size ? size : VOLUME_DEFAULT)) < 0)
		r = err_set_errno(err, errno, "%s", temp);
	else
		r = make_file_system(temp, err);
	if (r == 0 && (fsync(fd) < 0 || rename(temp, path) < 0))
		r = err_set_errno(err, errno, "%s", path);
	if (r < 0)
		unlink(temp);
	return r;
}

int volume_prepare(const char *dir, const struct fed_volume *volume, enum kind kind,
		   struct err **err)
{
	bool light = kind == KIND_LIGHT;
	cleanup_free char *path = volume_path(dir, volume->name, kind);
	cleanup_free char *other = volume_path(dir, volume->name, light ? KIND_MICRO : KIND_LIGHT);
	cleanup_free char *parent = xasprintf("%s/volumes", dir);
	int r;

	if (file_exists(path))
		return 0;
	if (file_exists(other))
		return err_set(
			err, EEXIST,
			"volume \"%s\" is a %s (%s), which kind %s cannot use; move its data "
			"to %s, or remove it",
			volume->name, light ? "disk" : "folder", other, kind_name(kind), path);
	r = dir_make(parent, 0700, err);
	if (r == 0)
		r = light ? dir_make(path, 0755, err) : make_disk(path, volume->size, err);
	return r < 0 ? err_prefix(err, "volume \"%s\"", volume->name) : 0;
}
