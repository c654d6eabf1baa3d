/* SPDX-License-Identifier: MIT */
/*
 * Owns: host id slots, and making and entering user namespaces. Not: what is mounted with them
 * (mount.c).
 */
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "process.h"

/* FNV-1a: spread is all that is asked of it. */
static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

int ids_take(const char *name, const char *lock_file, struct ids *ret_ids, struct err **err)
{
	const char *path = lock_file ? lock_file : IDS_LOCK_FILE;
	cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	uint32_t start = hash(name) % IDS_SLOTS;

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	for (uint32_t i = 0; i < IDS_SLOTS; i++) {
		uint32_t slot = (start + i) % IDS_SLOTS;
		/* Of the open file description, not the process: it lives with the descriptor. */
		struct flock lock = { .l_type = F_WRLCK, .l_start = slot, .l_len = 1 };

		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			ret_ids->base = IDS_FIRST + slot * IDS_COUNT;
			ret_ids->helper = IDS_HELPER + slot;
			ret_ids->lock = steal_fd(&fd);
			return 0;
		}
		if (errno != EAGAIN && errno != EACCES)
			return err_set_errno(err, errno, "%s: cannot lock", path);
	}
	return err_set(err, EAGAIN, "%s: all %d ranges of user ids are in use", path, IDS_SLOTS);
}

void ids_release(struct ids *ids)
{
	fd_close(&ids->lock);
}

static int write_map(pid_t pid, const char *file, uid_t base, struct err **err)
{
	char path[64], map[64];
	cleanup_fd int fd = -1;
	int len = snprintf(map, sizeof(map), "0 %u %u\n", base, IDS_COUNT);

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, map, len) != len)
		return err_set_errno(err, errno, "%s: cannot map ids %u and up", path, base);
	return 0;
}

static int open_ns(pid_t pid, const char *name, int *ret_fd, struct err **err)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	*ret_fd = fd;
	return 0;
}

/* The namespaces need a process until descriptors hold them; this is its whole life. */
static int hold(int channel, void *data, struct err **err)
{
	(void)data;
	(void)err;
	process_wait_notify(channel);
	return 0;
}

int userns_create(uid_t base, int *ret_user, int *ret_net, struct process *ret_holder,
		  struct err **err)
{
	struct process holder = PROCESS_INIT;
	cleanup_fd int user = -1, net = -1;
	int r;

	r = process_spawn(CLONE_NEWUSER | (ret_net ? CLONE_NEWNET : 0), -1, hold, NULL, &holder,
			  err);
	if (r < 0)
		return err_prefix(err, "user namespace");
	r = write_map(holder.pid, "uid_map", base, err);
	if (r == 0)
		r = write_map(holder.pid, "gid_map", base, err);
	if (r == 0)
		r = open_ns(holder.pid, "user", &user, err);
	if (r == 0 && ret_net)
		r = open_ns(holder.pid, "net", &net, err);
	if (r < 0) {
		process_destroy(&holder);
		return r;
	}
	process_kill(&holder);
	*ret_holder = holder;
	*ret_user = steal_fd(&user);
	if (ret_net)
		*ret_net = steal_fd(&net);
	return 0;
}

int userns_enter(int user, struct err **err)
{
	if (setns(user, CLONE_NEWUSER) < 0)
		return err_set_errno(err, errno, "cannot enter the user namespace");
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_set_errno(err, errno, "cannot become root of the user namespace");
	return 0;
}
