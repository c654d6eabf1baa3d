/* SPDX-License-Identifier: MIT */
/*
 * The light machine in which a test runs. It has no more rights than whoever builds: its user namespace
 * comes first and owns all others, so nothing of it needs root.
 *
 *	builder                              the machine's first process
 *	files in a folder, their owner set
 *	clone3(user, mount, PID, net, …) ──▶ waits for its ids
 *	writes the id maps               ──▶ becomes root of the namespace
 *	                                     overlay: the files below, a tmpfs above
 *	                                     owners and modes in the upper layer; pivots to it
 *	                                     watches folders
 *	takes the inotify descriptor     ◀── sends it
 *	await returns                    ◀── executes atoll-init
 *
 * Root gives it a range of ids that nobody has; anybody else those that newuidmap(1) grants, or else
 * one, their own: then all files are root's, and there is no other user to become.
 */
#include "trial_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "abi_wire.h"
#include "command.h"
#include "fd.h"
#include "guest_init.h"
#include "mem.h"
#include "mount.h"
#include "skeleton.h"
#include "str.h"
#include "userns.h"

#define SUBID_MAX (1 << 20)
#define TTY_GROUP "gid=5" /* Debian's group "tty" */

static const char *const devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
				       "/dev/random", "/dev/urandom", "/dev/tty" };

/* --- in the machine --- */

static int become_root(const struct trial_root *root, struct err **err)
{
	/* Before: the folder's parents are open to its owner alone. */
	if (chdir(root->dir) < 0)
		return err_set_errno(err, errno, "%s", root->dir);
	/* Where only one id is mapped, groups are the kernel's to keep. */
	if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 ||
	    setresuid(0, 0, 0) < 0)
		return err_set_errno(err, errno, "cannot become root of the user namespace");
	return 0;
}

static int attach(int mount, const char *path, struct err **err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_set_errno(err, errno, "%s", path);
	return mount_attach(mount, path, err);
}

static int add(const char *type, const char *path, const char *const *options, uint64_t attr,
	       struct err **err)
{
	cleanup_fd int mount = -1;
	int r = mount_new(type, options, attr, &mount, err);

	return r < 0 ? r : attach(mount, path, err);
}

/* The host's own: nobody but its root makes device nodes. Taken before the pivot, attached behind it. */
static int take_devices(int fds[ARRAY_SIZE(devices)], struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
		int r = mount_clone(devices[i], false, &fds[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Before the pivot: these are granted only to who still sees the host's. */
static int mount_kernel_views(struct err **err)
{
	const uint64_t attr = MOUNT_SAFE | MOUNT_ATTR_NOEXEC;

	/* Where it is not to be had (inside a container), hardly anybody misses it. */
	add("sysfs", "memory/root/sys", NULL, attr | MOUNT_ATTR_RDONLY, NULL);
	return add("proc", "memory/root/proc", NULL, attr, err);
}

static int set_owners(const struct trial_root *root, struct err **err)
{
	bool alone = root->base < 0;

	for (size_t i = 0; i < root->n_special; i++) {
		const struct tree_node *node = root->special[i];
		cleanup_free char *path = xasprintf("memory/root/%s", node->path);

		if (lchown(path, node->uid, node->gid) < 0 && !(alone && errno == EINVAL))
			return err_set_errno(err, errno, "%s", path);
		if (!S_ISLNK(node->mode) && chmod(path, node->mode & 07777) < 0)
			return err_set_errno(err, errno, "%s", path);
	}
	return 0;
}

/* The files below, a tmpfs above. "user." attributes are those that a user namespace may set. */
static int make_root(const struct trial_root *root, struct err **err)
{
	static const char *const options[] = { "lowerdir=lower", "upperdir=memory/upper",
					       "workdir=memory/work", "userxattr", NULL };
	static const char *const memory[] = { "mode=755", NULL };
	cleanup_fd int overlay = -1;
	int r = add("tmpfs", "memory", memory, 0, err);

	if (r < 0)
		return r;
	if (mkdir("memory/upper", 0755) < 0 || mkdir("memory/work", 0755) < 0 ||
	    mkdir("memory/root", 0755) < 0)
		return err_set_errno(err, errno, "memory");
	r = mount_new("overlay", options, 0, &overlay, err);
	if (r == 0)
		r = mount_attach(overlay, "memory/root", err);
	if (r == 0)
		r = set_owners(root, err);
	if (r == 0)
		r = mount_kernel_views(err);
	return r < 0 ? r : mount_pivot("memory/root", err);
}

static int make_dev(const int fds[ARRAY_SIZE(devices)], struct err **err)
{
	static const char *const options[] = { "mode=755", NULL };
	static const char *const pts[] = { "mode=620", "ptmxmode=666", TTY_GROUP, NULL };
	static const char *const shm[] = { "mode=1777", NULL };
	int r = add("tmpfs", "/dev", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);

	for (size_t i = 0; i < ARRAY_SIZE(devices) && r == 0; i++) {
		cleanup_fd int file = open(devices[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

		r = file < 0 ? err_set_errno(err, errno, "%s", devices[i])
			     : mount_attach(fds[i], devices[i], err);
	}
	if (r == 0)
		r = add("tmpfs", "/dev/shm", shm, MOUNT_SAFE, err);
	/* Its group is none where only one id is mapped. */
	if (r == 0 &&
	    add("devpts", "/dev/pts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, NULL) < 0)
		r = add("devpts", "/dev/pts", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, err);
	if (r == 0 && symlink("pts/ptmx", "/dev/ptmx") < 0)
		r = err_set_errno(err, errno, "/dev/ptmx");
	return r;
}

/* `made`: the builder's folder for what is made, or -1. */
static int mount_all(const int fds[ARRAY_SIZE(devices)], int made, struct err **err)
{
	static const char *const tmp[] = { "mode=1777", NULL }, *const run[] = { "mode=755", NULL };
	cleanup_fd int image = skeleton_open("/run");
	int r = make_dev(fds, err);

	if (r == 0)
		r = add("tmpfs", "/tmp", tmp, MOUNT_SAFE, err);
	if (r == 0)
		r = add("tmpfs", "/run", run, MOUNT_SAFE, err);
	if (r == 0)
		r = skeleton_copy(image, "/run", err);
	if (r == 0 && made >= 0)
		r = attach(made, TRIAL_MADE, err);
	return r;
}

static int watch(const struct trial_root *root, int channel, struct err **err)
{
	struct trial_watch *w = root->watch;
	cleanup_fd int fd = -1;
	int r;

	if (!w)
		return 0;
	fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return err_set_errno(err, errno, "inotify");
	for (size_t i = 0; i < w->n; i++) {
		cleanup_free char *path = xasprintf("/%s", w->folders[i]);

		w->numbers[i] = inotify_add_watch(fd, path, IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW);
		if (w->numbers[i] < 0 && errno == ENOSPC)
			return err_set(err, ENOSPC,
				       "%zu folders are to be watched: raise "
				       "fs.inotify.max_user_watches (sysctl)",
				       w->n);
		if (w->numbers[i] < 0)
			return err_set_errno(err, errno, "cannot watch %s", path);
	}
	r = process_send_fd(channel, fd);
	return r < 0 ? err_set_errno(err, -r, "cannot pass what is watched") : 0;
}

static int run_init(const struct trial_root *root, struct err **err)
{
	const struct guest_init g = {
		.init = root->init,
		.wire = root->wire,
		.wire_fd = WIRE_LIGHT_FD,
		.console = root->console,
		.capabilities = root->recipe->capabilities,
	};

	return guest_init_run(&g, err);
}

static int handle_child(int channel, void *data, struct err **err)
{
	const struct trial_root *root = data;
	const char *name = root->recipe->name;
	int fds[ARRAY_SIZE(devices)], made = -1, r = process_wait_notify(channel);

	if (r < 0)
		return err_set_errno(err, -r, "the builder went away");
	umask(0);
	if (setsid() < 0)
		return err_set_errno(err, errno, "setsid");
	r = become_root(root, err);
	if (r == 0)
		r = mount_make_private(err);
	if (r == 0)
		r = take_devices(fds, err);
	if (r == 0 && root->makes)
		r = mount_clone("made", false, &made, err);
	if (r == 0)
		r = make_root(root, err);
	if (r == 0)
		r = mount_all(fds, made, err);
	if (r == 0)
		r = watch(root, channel, err);
	if (r == 0 && sethostname(name, strlen(name)) < 0)
		r = err_set_errno(err, errno, "host name");
	return r < 0 ? r : run_init(root, err);
}

/* --- in the builder --- */

static int write_proc(pid_t pid, const char *file, const char *text, struct err **err)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", pid, file);
	cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

/* The first range of at least IDS_COUNT - 1 that /etc/subuid or subgid grants us: subuid(5). */
static bool find_range(const char *file, unsigned long *ret_first)
{
	const struct passwd *me = getpwuid(getuid());
	cleanup_free char *number = xasprintf("%u", getuid());
	cleanup_buf struct buf text = BUF_INIT;
	char *rest, *line;

	if (file_read(file, SUBID_MAX, &text, NULL) < 0)
		return false;
	buf_append(&text, "", 1);
	rest = (char *)buf_bytes(&text);
	while ((line = strsep(&rest, "\n"))) {
		unsigned long first, count;
		const char *who = strsep(&line, ":");

		if (line && sscanf(line, "%lu:%lu", &first, &count) == 2 &&
		    count >= IDS_COUNT - 1 &&
		    (str_eq(who, number) || (me && str_eq(who, me->pw_name)))) {
			*ret_first = first;
			return true;
		}
	}
	return false;
}

static bool run_helper(const char *program, pid_t pid, unsigned int own, unsigned long first)
{
	cleanup_free char *p = xasprintf("%d", pid), *me = xasprintf("%u", own);
	cleanup_free char *from = xasprintf("%lu", first), *count = xasprintf("%u", IDS_COUNT - 1);
	const char *const argv[] = { program, p, "0", me, "1", "1", from, count, NULL };
	struct command c = { .argv = argv, .package = "uidmap" };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	int status;

	return command_run(&c, &out, &errors, &status, NULL) == 0 && status == 0;
}

static int map_one(pid_t pid, struct err **err)
{
	cleanup_free char *uid = xasprintf("0 %u 1\n", getuid());
	cleanup_free char *gid = xasprintf("0 %u 1\n", getgid());
	int r = write_proc(pid, "setgroups", "deny", err);

	if (r == 0)
		r = write_proc(pid, "gid_map", gid, err);
	return r < 0 ? r : write_proc(pid, "uid_map", uid, err);
}

static int map_ids(struct trial_root *root, pid_t pid, struct err **err)
{
	unsigned long uids, gids;
	cleanup_free char *map = xasprintf("0 %d %u\n", root->base, IDS_COUNT);
	int r;

	if (root->base >= 0) {
		r = write_proc(pid, "uid_map", map, err);
		return r < 0 ? r : write_proc(pid, "gid_map", map, err);
	}
	if (find_range("/etc/subuid", &uids) && find_range("/etc/subgid", &gids) &&
	    run_helper("newuidmap", pid, getuid(), uids) &&
	    run_helper("newgidmap", pid, getgid(), gids))
		return 0;
	return map_one(pid, err);
}

int trial_root_start(struct trial_root *root, struct process *ret, struct err **err)
{
	const uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
			       CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	struct process child = PROCESS_INIT;
	int r = process_spawn(flags, -1, handle_child, root, &child, err);

	if (r < 0)
		return r;
	r = map_ids(root, child.pid, err);
	if (r == 0 && (r = process_notify(child.channel)) < 0)
		err_set_errno(err, -r, "the machine's first process");
	if (r == 0 && root->watch)
		r = process_recv_fd(&child, &root->watch->fd, err);
	if (r < 0) {
		process_destroy(&child);
		return r;
	}
	r = process_await(&child, err);
	if (r == 0)
		*ret = child;
	return r;
}
