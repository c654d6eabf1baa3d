/* SPDX-License-Identifier: MIT */
/* Mounts inside a VM; a light machine's were made by its monitor, which hands it a ready root. */
#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "devices.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "skeleton.h"
#include "str.h"

#define VOLUME_FLAGS (MS_NOSUID | MS_NODEV)
#define FOLDER       (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct place {
	const char *target, *type, *options;
	unsigned long flags;
};

static const struct place kernel_places[] = {
	{ "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "/dev", "devtmpfs", "mode=0755", MS_NOSUID },
};

static const struct place runtime_places[] = {
	{ "/dev/pts", "devpts", "mode=0620,ptmxmode=0666,gid=5", MS_NOSUID | MS_NOEXEC },
	{ "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV },
	{ "/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
};

static char **volumes; /* mounted volumes' targets, in the order of their mounting */

static int mount_places(const char *root, const struct place *places, size_t n, struct err **err)
{
	for (size_t i = 0; i < n; i++) {
		const struct place *p = &places[i];
		cleanup_free char *target = xasprintf("%s%s", root, p->target);
		int r = dir_make(target, 0755, err);

		if (r < 0)
			return r;
		/* EBUSY: a kernel with CONFIG_DEVTMPFS_MOUNT did it itself. */
		if (mount(p->type, target, p->type, p->flags, p->options) < 0 && errno != EBUSY)
			return err_set_errno(err, errno, "mounting %s on %s", p->type, target);
	}
	return 0;
}

int mounts_kernel(const char *root, struct err **err)
{
	return mount_places(root, kernel_places, ARRAY_SIZE(kernel_places), err);
}

int mounts_runtime(struct err **err)
{
	cleanup_fd int run = skeleton_open("/run");
	int r = mount_places("", runtime_places, ARRAY_SIZE(runtime_places), err);

	return r < 0 ? r : skeleton_copy(run, "/run", err);
}

/* From a folder into one that is in it and made if need be. */
static int enter_own(int *fd, const char *name)
{
	struct stat above, st;
	int below;

	if (mkdirat(*fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	below = openat(*fd, name, FOLDER);
	if (below < 0 || fstat(*fd, &above) < 0)
		return -errno;
	fd_close(fd);
	*fd = below;
	if (fstat(below, &st) < 0)
		return -errno;
	return st.st_dev != above.st_dev ? -EXDEV : st.st_uid || st.st_mode & 022 ? -EPERM : 0;
}

int mounts_own(const char *path, int *ret_fd, struct err **err)
{
	cleanup_free char *names = xstrdup(path + strlen("/run/"));
	cleanup_fd int fd = open("/run", FOLDER);
	struct statfs fs;
	int r = fd < 0 || fstatfs(fd, &fs) < 0 ? -errno : fs.f_type != TMPFS_MAGIC ? -EXDEV : 0;

	for (char *rest = names, *name; r == 0 && (name = strsep(&rest, "/"));)
		r = enter_own(&fd, name);
	if (r < 0)
		return err_set_errno(err, -r,
				     "%s is Atoll's own folder, root's and in memory, and the "
				     "image or a volume has something else there",
				     path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

void mounts_link_dev(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			log_debug("%s: %m", links[i][1]);
}

/* Nothing in it but what mke2fs makes. */
static bool is_fresh(const char *dir)
{
	DIR *d = opendir(dir);
	bool fresh = d != NULL;

	for (struct dirent *e = d ? readdir(d) : NULL; e && fresh; e = readdir(d))
		fresh = str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
			str_eq(e->d_name, "lost+found");
	if (d)
		closedir(d);
	return fresh;
}

static int own_volume(const struct guest_mount *m, struct err **err)
{
	if (!is_fresh(m->target))
		return 0;
	if (chown(m->target, (uid_t)m->owner, (gid_t)m->group) < 0 ||
	    (m->mode && chmod(m->target, (mode_t)(m->mode & 07777)) < 0))
		return err_set_errno(err, errno, "volume on %s: setting its owner", m->target);
	return 0;
}

int mounts_volume(const struct guest_mount *m, struct err **err)
{
	cleanup_free char *device = NULL;
	int r;

	if (!m->target || m->target[0] != '/' || !m->device)
		return err_set(err, EINVAL, "a volume needs an absolute target and a device");
	r = device_find_disk(m->device, &device, err);
	if (r < 0)
		return err_prefix(err, "volume on %s", m->target);
	r = dir_make(m->target, 0755, err);
	if (r < 0)
		return err_prefix(err, "volume on %s", m->target);
	if (mount(device, m->target, "ext4", VOLUME_FLAGS, NULL) < 0)
		return err_set_errno(err, errno, "volume on %s: mounting %s as ext4", m->target,
				     device);
	strv_append(&volumes, m->target);
	return own_volume(m, err);
}

void mounts_finish(void)
{
	sync();
	for (size_t i = strv_len(volumes); i-- > 0;)
		if (umount2(volumes[i], 0) < 0) {
			log_warn("volume on %s: %m; it is made read-only instead", volumes[i]);
			mount(NULL, volumes[i], NULL, MS_REMOUNT | MS_RDONLY | VOLUME_FLAGS, NULL);
		}
	strv_free(steal_ptr(volumes));
}
