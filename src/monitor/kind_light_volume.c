/* SPDX-License-Identifier: MIT */
/*
 * Owns: a light machine's volumes, which are folders of the host. On the disk their files belong to
 * the ids that the guest sees (0..65535), whatever host ids the machine runs with this time.
 *
 * That makes files of "root" out of the guest's root's: the folder above a volume is therefore
 * closed to all but the host's root, and the guest's mount honours neither setuid nor devices.
 */
#include "kind_light.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "mount.h"
#include "str.h"

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	bool empty = true;
	struct dirent *e;

	if (!dir) {
		fd_close(&copy);
		return false;
	}
	while (empty && (e = readdir(dir)))
		empty = str_eq(e->d_name, ".") || str_eq(e->d_name, "..");
	closedir(dir);
	return empty;
}

static int make_folder(const char *path, struct err **err)
{
	cleanup_free char *above = xstrdup(path);
	char *slash = strrchr(above, '/');

	if (path[0] != '/' || !slash)
		return err_set(err, EINVAL, "%s: not an absolute path", path);
	*slash = 0;
	if (*above && dir_make(above, 0700, err) < 0)
		return -EIO;
	return dir_make(path, 0755, err);
}

/* Only while it is empty: later it is the guest's to change. */
static int give(const struct machine_volume *volume, struct err **err)
{
	cleanup_fd int fd = open(volume->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_set_errno(err, errno, "%s", volume->path);
	if (!is_empty(fd))
		return 0;
	if (fchown(fd, volume->owner, volume->group) < 0 ||
	    fchmod(fd, volume->mode ? volume->mode & 07777 : 0755) < 0)
		return err_set_errno(err, errno, "%s", volume->path);
	return 0;
}

int light_volume_open(const struct machine_volume *volume, int user, int *ret_mount,
		      struct err **err)
{
	cleanup_fd int tree = -1;
	int r;

	if (!volume->target || volume->target[0] != '/')
		return err_set(err, EINVAL, "it has no absolute path in the guest");
	r = make_folder(volume->path, err);
	if (r == 0)
		r = give(volume, err);
	if (r == 0)
		r = mount_clone(volume->path, false, &tree, err);
	if (r == 0)
		r = mount_set(tree, MOUNT_SAFE, false, err);
	if (r == 0)
		r = mount_idmap(tree, user, err);
	if (r < 0)
		return r;
	*ret_mount = steal_fd(&tree);
	return 0;
}
