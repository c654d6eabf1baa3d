/* SPDX-License-Identifier: MIT */
/*
 * Owns: the order in which a process of ours locks itself in, and the small root it may get. Not:
 * what each program needs (they bring a jail_spec).
 */
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "mount.h"

/* Covered in our own mount namespace while the root is being built; every system has it. */
#define ROOT_PLACE "/dev"

/* Makes `path` below the new root, as a folder or an empty file to mount on. */
static int make_place(const char *path, bool folder, char *place, struct err **err)
{
	cleanup_fd int fd = -1;
	char *slash;
	int r;

	if (snprintf(place, PATH_MAX, ROOT_PLACE "%s", path) >= PATH_MAX)
		return err_set_errno(err, ENAMETOOLONG, "%s", path);
	if (folder)
		return dir_make(place, 0755, err);
	slash = strrchr(place, '/');
	*slash = 0;
	r = dir_make(place, 0755, err);
	*slash = '/';
	if (r < 0)
		return r;
	fd = open(place, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
	return fd < 0 ? err_set_errno(err, errno, "%s", place) : 0;
}

/* A bind's source, taken before the new root covers anything; -1 for an optional one not there. */
static int take_source(const struct jail_bind *b, int *ret_tree, struct err **err)
{
	uint64_t attr = MOUNT_ATTR_NOSUID | (b->device ? 0 : MOUNT_ATTR_NODEV) |
			(b->writable ? 0 : MOUNT_ATTR_RDONLY);
	cleanup_fd int tree = -1;
	int r;

	if (b->optional && access(b->path, F_OK) < 0 && errno == ENOENT)
		return 0;
	r = mount_clone(b->path, true, &tree, err);
	if (r == 0)
		r = mount_set(tree, attr, true, err);
	if (r < 0)
		return err_prefix(err, "%s", b->path);
	*ret_tree = steal_fd(&tree);
	return 0;
}

static int attach(int tree, const char *path, struct err **err)
{
	char place[PATH_MAX];
	struct stat st;
	int r;

	if (tree < 0)
		return 0;
	if (fstat(tree, &st) < 0)
		return err_set_errno(err, errno, "%s", path);
	r = make_place(path, S_ISDIR(st.st_mode), place, err);
	return r < 0 ? r : mount_attach(tree, place, err);
}

static int make_proc(struct err **err)
{
	cleanup_fd int proc = -1;
	int r = mount_new("proc", NULL, MOUNT_SAFE | MOUNT_ATTR_NOEXEC, &proc, err);

	return r < 0 ? r : attach(proc, "/proc", err);
}

/* All that is bound: what the spec lists, then the devices. */
static size_t list_binds(const struct jail_spec *spec, struct jail_bind *binds)
{
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					       "/dev/urandom" };
	size_t n = 0;

	for (size_t i = 0; i < spec->n_binds; i++)
		binds[n++] = spec->binds[i];
	for (size_t i = 0; spec->devices && i < ARRAY_SIZE(devices); i++)
		binds[n++] =
			(struct jail_bind){ .path = devices[i], .writable = true, .device = true };
	return n;
}

static int build_root(int root, const struct jail_bind *binds, const int *trees, size_t n,
		      bool proc, struct err **err)
{
	int r = mount_attach(root, ROOT_PLACE, err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = attach(trees[i], binds[i].path, err);
	if (r == 0 && proc)
		r = make_proc(err);
	if (r == 0)
		r = mount_pivot(ROOT_PLACE, err);
	return r < 0 ? r : mount_set(root, MOUNT_ATTR_RDONLY, false, err);
}

static int make_root(const struct jail_spec *spec, struct err **err)
{
	static const char *const options[] = { "size=1M", "mode=755", NULL };
	struct jail_bind binds[JAIL_BINDS_MAX + 8];
	int trees[ARRAY_SIZE(binds)];
	cleanup_fd int root = -1;
	size_t n;
	int r;

	if (spec->n_binds > JAIL_BINDS_MAX)
		return err_set(err, E2BIG, "more than %d binds", JAIL_BINDS_MAX);
	n = list_binds(spec, binds);
	for (size_t i = 0; i < n; i++)
		trees[i] = -1;
	r = mount_new("tmpfs", options, MOUNT_SAFE, &root, err);
	for (size_t i = 0; i < n && r == 0; i++)
		r = take_source(&binds[i], &trees[i], err);
	if (r == 0)
		r = build_root(root, binds, trees, n, spec->proc, err);
	for (size_t i = 0; i < n; i++)
		fd_close(&trees[i]);
	return r;
}

static int set_rlimits(const struct jail_spec *spec, struct err **err)
{
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		rlim_t value = spec->rlimits[i].value;
		struct rlimit limit;

		/* Only ever down: raising a hard limit is root's, and not what a jail is for. */
		if (getrlimit(spec->rlimits[i].resource, &limit) == 0 && limit.rlim_max < value)
			value = limit.rlim_max;
		limit = (struct rlimit){ value, value };
		if (setrlimit(spec->rlimits[i].resource, &limit) < 0)
			return err_set_errno(err, errno, "cannot set resource limit %d",
					     spec->rlimits[i].resource);
	}
	return 0;
}

/* Capabilities survive for jail_seal to choose from, but only the permitted ones. */
static int become(uid_t uid, struct err **err)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_set_errno(err, errno, "cannot become user %u", uid);
	return 0;
}

int jail_isolate(const struct jail_spec *spec, struct err **err)
{
	int r = 0;

	if (spec->namespaces && unshare(spec->namespaces) < 0)
		return err_set_errno(err, errno, "cannot make namespaces");
	if (spec->namespaces & CLONE_NEWNS)
		r = mount_make_private(err);
	if (r == 0 && (spec->n_binds || spec->empty_root))
		r = make_root(spec, err);
	if (r == 0)
		r = set_rlimits(spec, err);
	if (r == 0 && spec->uid != JAIL_KEEP_ID)
		r = become(spec->uid, err);
	return r < 0 ? err_prefix(err, "jail") : 0;
}

int jail_seal(const struct jail_spec *spec, struct err **err)
{
	int r = spec->no_exec ? caps_drop_no_exec(spec->keep, err) : caps_drop(spec->keep, err);

	if (r == 0 && !spec->no_exec && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_set_errno(err, errno, "no_new_privs");
	if (r == 0 && spec->n_rules)
		r = landlock_enter(spec->rules, spec->n_rules, err);
	if (r == 0 && spec->filter)
		r = seccomp_enter(spec->filter, err);
	return r < 0 ? err_prefix(err, "jail") : 0;
}

int jail_enter(const struct jail_spec *spec, struct err **err)
{
	int r = jail_isolate(spec, err);

	return r < 0 ? r : jail_seal(spec, err);
}
