/* SPDX-License-Identifier: MIT */
/*
 * Owns: what a light machine's file system is made of. Runs in the child, with the host's root's
 * rights and a mount namespace of its own; see kind_light.c for when.
 *
 * Only a descriptor can be reached of the host once the root has been changed, and everything but
 * the root itself is mounted after that: the image's symbolic links then lead nowhere but into the
 * image.
 *
 * /proc/sys needs no mask: for its files only the host's root is root, and the guest's may write
 * just what belongs to its own network, IPC and user namespaces.
 */
#include "kind_light.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "mount.h"
#include "skeleton.h"
#include "str.h"

#define GUEST_TTY_GROUP 5 /* Debian's group "tty" */

/* Information about the host, and kernel code that only an attacker would reach. */
static const char *const masked_files[] = {
	"/proc/kcore",         "/proc/keys",        "/proc/key-users",     "/proc/kallsyms",
	"/proc/timer_list",    "/proc/sched_debug", "/proc/latency_stats", "/proc/interrupts",
	"/proc/sysrq-trigger", "/proc/cmdline",     "/proc/modules",
};
static const char *const masked_folders[] = {
	"/proc/acpi",
	"/proc/asound",
	"/proc/bus",
	"/proc/driver",
	"/proc/fs",
	"/proc/irq",
	"/proc/scsi",
	"/sys/firmware",
	"/sys/devices/virtual/dmi",
	"/sys/devices/virtual/powercap",
};

static const struct {
	const char *path;
	unsigned int major, minor;
} devices[] = {
	{ "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct {
	const char *path, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
	{ "/dev/ptmx", "pts/ptmx" },
};

/* mkdir -p in the new root; what it makes is the guest's root's. */
static int make_folder(const char *path, uid_t base, struct err **err)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set_errno(err, ENAMETOOLONG, "%s", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] && path[i] != '/')
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0755) == 0) {
			if (lchown(part, base, base) < 0)
				return err_set_errno(err, errno, "%s", part);
		} else if (errno != EEXIST) {
			return err_set_errno(err, errno, "%s", part);
		}
	}
	return 0;
}

/* A file system of a type at a path of the guest. */
static int add(const char *type, const char *path, char *const *options, uint64_t attr, uid_t base,
	       struct err **err)
{
	cleanup_fd int mount = -1;
	int r = mount_new(type, (const char *const *)options, attr, &mount, err);

	if (r == 0)
		r = make_folder(path, base, err);
	if (r == 0)
		r = mount_attach(mount, path, err);
	return r < 0 ? err_prefix(err, "%s", path) : 0;
}

/* bytes 0: the kernel's default of half of the host's memory. */
static int add_tmpfs(const char *path, mode_t mode, uint64_t bytes, uint64_t attr, uid_t base,
		     struct err **err)
{
	cleanup_strv char **options = NULL;

	strv_take(&options, xasprintf("mode=%o", mode));
	strv_take(&options, xasprintf("uid=%u", base));
	strv_take(&options, xasprintf("gid=%u", base));
	if (bytes)
		strv_take(&options, xasprintf("size=%llu", (unsigned long long)bytes));
	return add("tmpfs", path, options, attr, base, err);
}

static int make_device_nodes(uid_t base, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		if (mknod(devices[i].path, S_IFCHR | 0666,
			  makedev(devices[i].major, devices[i].minor)) < 0 ||
		    lchown(devices[i].path, base, base) < 0)
			return err_set_errno(err, errno, "%s", devices[i].path);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlink(links[i].target, links[i].path) < 0)
			return err_set_errno(err, errno, "%s", links[i].path);
	return 0;
}

static int make_dev(uid_t base, uint64_t bytes, struct err **err)
{
	cleanup_strv char **options = NULL;
	int r = add_tmpfs("/dev", 0755, 1 << 16, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, base, err);

	if (r == 0)
		r = make_device_nodes(base, err);
	if (r < 0)
		return r;
	strv_append(&options, "mode=620");
	strv_append(&options, "ptmxmode=666");
	strv_take(&options, xasprintf("gid=%u", base + GUEST_TTY_GROUP));
	r = add("devpts", "/dev/pts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, base, err);
	return r < 0 ? r : add_tmpfs("/dev/shm", 01777, bytes, MOUNT_SAFE, base, err);
}

#define EMPTY_FOLDER "/dev/.empty" /* removed again: what is bound of it stays */

static int mask(struct err **err)
{
	int r = 0;

	if (mkdir(EMPTY_FOLDER, 0555) < 0)
		return err_set_errno(err, errno, EMPTY_FOLDER);
	for (size_t i = 0; i < ARRAY_SIZE(masked_files) && r == 0; i++)
		if (access(masked_files[i], F_OK) == 0)
			r = mount_bind("/dev/null", masked_files[i], err);
	for (size_t i = 0; i < ARRAY_SIZE(masked_folders) && r == 0; i++)
		if (access(masked_folders[i], F_OK) == 0)
			r = mount_bind(EMPTY_FOLDER, masked_folders[i], err);
	if (r == 0 && rmdir(EMPTY_FOLDER) < 0)
		r = err_set_errno(err, errno, EMPTY_FOLDER);
	return r;
}

static int make_kernel_views(uid_t base, struct err **err)
{
	const uint64_t attr = MOUNT_SAFE | MOUNT_ATTR_NOEXEC;
	int r = add("proc", "/proc", NULL, attr, base, err);

	if (r == 0)
		r = add("sysfs", "/sys", NULL, attr | MOUNT_ATTR_RDONLY, base, err);
	return r < 0 ? r : mask(err);
}

static int attach_volumes(const struct light_plan *plan, struct err **err)
{
	size_t i = 0;
	int r = 0;

	MSG_EACH (struct machine_volume, volume, &plan->config->volumes) {
		r = make_folder(volume->target, plan->base, err);
		if (r == 0)
			r = mount_attach(plan->volumes[i++], volume->target, err);
		if (r < 0)
			return err_prefix(err, "volume \"%s\"", volume->name);
	}
	return 0;
}

/*
 * The image below, a tmpfs above. Both are mounted in a scratch file system that covers the machine's
 * folder, here only; the overlay holds what it needs of them when the old root goes.
 */
static int make_root(const struct light_plan *plan, uint64_t bytes, struct err **err)
{
	static const char *const folders[] = { "lower", "upper", "work", "root" };
	static const char *const options[] = { "lowerdir=lower", "upperdir=upper", "workdir=work",
					       NULL };
	cleanup_fd int root = -1;
	int r = add_tmpfs(plan->dir, 0755, bytes, 0, plan->base, err);

	if (r < 0)
		return r;
	if (chdir(plan->dir) < 0)
		return err_set_errno(err, errno, "%s", plan->dir);
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (mkdir(folders[i], 0755) < 0 || lchown(folders[i], plan->base, plan->base) < 0)
			return err_set_errno(err, errno, "%s/%s", plan->dir, folders[i]);
	r = mount_attach(plan->image, "lower", err);
	if (r == 0)
		r = mount_new("overlay", options, MOUNT_ATTR_NODEV, &root, err);
	if (r == 0)
		r = mount_attach(root, "root", err);
	return r < 0 ? r : mount_pivot("root", err);
}

static int make_run(uint64_t bytes, uid_t base, struct err **err)
{
	cleanup_fd int image = skeleton_open("/run");
	int r = add_tmpfs("/run", 0755, bytes, MOUNT_SAFE, base, err);

	return r < 0 ? r : skeleton_copy(image, "/run", err);
}

int light_root_enter(const struct light_plan *plan, struct err **err)
{
	uint64_t bytes = plan->config->memory / 2;
	uid_t base = plan->base;
	int r = make_root(plan, bytes, err);

	if (r == 0)
		r = make_dev(base, bytes, err);
	if (r == 0)
		r = make_kernel_views(base, err);
	if (r == 0)
		r = add_tmpfs("/tmp", 01777, bytes, MOUNT_SAFE, base, err);
	if (r == 0)
		r = make_run(bytes, base, err);
	return r < 0 ? r : attach_volumes(plan, err);
}
