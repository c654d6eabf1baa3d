/* SPDX-License-Identifier: MIT */
/*
 * Owns: mounts by the kernel's descriptor-based calls, and loop devices for old kernels. Not: what
 * is mounted where.
 */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "str.h"

#define LOOP_TRIES 64 /* others may take the free device that the kernel named to us */

/* The kernel's own words on what it refused ("e overlay: …"): one line of the context's log. */
static int context_error(int fs, int code, const char *what, struct err **err)
{
	char line[256];
	ssize_t n = read(fs, line, sizeof(line) - 1);

	if (n <= 2)
		return err_set_errno(err, code, "cannot mount %s", what);
	line[n] = 0;
	line[strcspn(line, "\n")] = 0;
	return err_set_errno(err, code, "cannot mount %s: %s", what, line + 2);
}

static int set_option(int fs, const char *option)
{
	char key[64];
	size_t len = strcspn(option, "=");

	if (!option[len])
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	if (len >= sizeof(key)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(key, option, len);
	key[len] = 0;
	return fsconfig(fs, FSCONFIG_SET_STRING, key, option + len + 1, 0);
}

int mount_new(const char *type, const char *const *options, uint64_t attr, int *ret_mount,
	      struct err **err)
{
	cleanup_fd int fs = fsopen(type, FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return err_set_errno(err, errno, "cannot mount %s", type);
	for (; options && *options; options++)
		if (set_option(fs, *options) < 0)
			return context_error(fs, errno, type, err);
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_error(fs, errno, type, err);
	mount = fsmount(fs, FSMOUNT_CLOEXEC, attr);
	if (mount < 0)
		return context_error(fs, errno, type, err);
	*ret_mount = mount;
	return 0;
}

static int mount_erofs(const char *source, int *ret_mount, struct err **err)
{
	cleanup_fd int fs = fsopen("erofs", FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return err_set_errno(err, errno, "cannot mount erofs");
	if (fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return context_error(fs, errno, source, err);
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);
	if (mount < 0)
		return context_error(fs, errno, source, err);
	*ret_mount = mount;
	return 0;
}

/* The device goes away with its last user: our descriptor or the mount. */
static int loop_open(const char *path, int control, char *device, size_t room, int *ret_fd,
		     struct err **err)
{
	cleanup_fd int file = open(path, O_RDONLY | O_CLOEXEC);
	struct loop_config config = {
		.fd = file,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
	};

	if (file < 0)
		return err_set_errno(err, errno, "%s", path);
	strncpy((char *)config.info.lo_file_name, path, LO_NAME_SIZE - 1);
	for (int tries = 0; tries < LOOP_TRIES; tries++) {
		cleanup_fd int fd = -1;
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		if (n < 0)
			return err_set_errno(err, errno, "/dev/loop-control: no free loop device");
		snprintf(device, room, "/dev/loop%d", n);
		fd = open(device, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return err_set_errno(err, errno, "%s", device);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			*ret_fd = steal_fd(&fd);
			return 0;
		}
		if (errno != EBUSY)
			return err_set_errno(err, errno, "%s: cannot attach %s", device, path);
	}
	return err_set(err, EBUSY, "%s: no loop device stayed free", path);
}

int mount_image(const char *path, int *ret_mount, struct err **err)
{
	cleanup_fd int control = -1, loop = -1;
	cleanup_err struct err *direct = NULL;
	char device[32];
	int r = mount_erofs(path, ret_mount, &direct);

	/* A kernel that wants a block device says so; whatever else is wrong stays wrong. */
	if (r != -ENOTBLK)
		return r < 0 ? err_set(err, -r, "%s", err_msg(direct)) : 0;
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		return err_set_errno(err, errno, "/dev/loop-control (to mount %s)", path);
	r = loop_open(path, control, device, sizeof(device), &loop, err);
	if (r < 0)
		return r;
	r = mount_erofs(device, ret_mount, err);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

int mount_clone(const char *path, bool recursive, int *ret_mount, struct err **err)
{
	int fd = open_tree(AT_FDCWD, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0));

	if (fd < 0)
		return err_set_errno(err, errno, "%s: cannot clone the mount", path);
	*ret_mount = fd;
	return 0;
}

static int set_attr(int mount, bool recursive, struct mount_attr *attr)
{
	return mount_setattr(mount, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attr,
			     sizeof(*attr));
}

int mount_set(int mount, uint64_t attr, bool recursive, struct err **err)
{
	struct mount_attr set = { .attr_set = attr };

	if (set_attr(mount, recursive, &set) < 0)
		return err_set_errno(err, errno, "cannot restrict a mount");
	return 0;
}

int mount_idmap(int mount, int user, struct err **err)
{
	struct mount_attr set = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = user };

	if (set_attr(mount, false, &set) < 0)
		return err_set_errno(err, errno, "cannot map the ids of a mount%s",
				     errno == EINVAL ? " (does its file system support it?)" : "");
	return 0;
}

int mount_attach(int mount, const char *path, struct err **err)
{
	if (move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_set_errno(err, errno, "%s: cannot attach a mount", path);
	return 0;
}

int mount_bind(const char *from, const char *to, struct err **err)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return err_set_errno(err, errno, "%s: cannot bind to %s", from, to);
	return 0;
}

int mount_make_private(struct err **err)
{
	struct mount_attr set = { .propagation = MS_PRIVATE };

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &set, sizeof(set)) < 0)
		return err_set_errno(err, errno, "cannot make the mounts private");
	return 0;
}

int mount_pivot(const char *path, struct err **err)
{
	/* pivot_root(".", "."), see its manual page: the old root ends up on top of the new one */
	if (chdir(path) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_set_errno(err, errno, "%s: cannot make it the root", path);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_set_errno(err, errno, "cannot leave the old root");
	return 0;
}
