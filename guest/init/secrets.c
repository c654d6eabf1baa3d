/* SPDX-License-Identifier: MIT */
/*
 * The files are in the tmpfs of /run, whose pages a host may swap out, and ramfs, which it may not, cannot be
 * mounted in a light machine by anybody but its monitor and has no bound. So each file is mapped here and locked
 * into memory before anything is in it, for as long as this process lives, that is the machine.
 */
#include "secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"
#include "mounts.h"
#include "passwd.h"
#include "str.h"

static bool is_file_name(const char *s)
{
	return s && *s && !strchr(s, '/') && !str_eq(s, ".") && !str_eq(s, "..");
}

/* The mapping stays, to keep the lock, but shows nothing, and is in no dump of this process. */
static int fill(int fd, const struct msg_bytes *data)
{
	void *page;

	if (ftruncate(fd, (off_t)data->len) < 0)
		return -errno;
	page = mmap(NULL, data->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || mlock(page, data->len) < 0)
		return -errno;
	memcpy(page, data->data, data->len);
	if (madvise(page, data->len, MADV_DONTDUMP) < 0 || mprotect(page, data->len, PROT_NONE) < 0)
		return -errno;
	return 0;
}

static int place(int dir, const struct wire_secret *s, const char *user, struct err **err)
{
	cleanup_free char *path = NULL;
	cleanup_fd int fd = -1;
	struct user owner;
	int r;

	if (!is_file_name(s->name) || !s->data.len)
		return err_set(err, EINVAL, "secret \"%s\": a file's name and bytes are expected",
			       s->name ? s->name : "");
	r = user_find(s->owner ? s->owner : user, &owner, err);
	if (r < 0)
		return err_prefix(err, "secret \"%s\"", s->name);
	path = xasprintf(WIRE_SECRETS_DIR "/%s", s->name);
	fd = openat(dir, s->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = fill(fd, &s->data);
	if (r == 0 && fchown(fd, owner.uid, owner.gid) < 0)
		r = -errno;
	return r < 0 ? err_set_errno(err, -r, "%s", path) : 0;
}

int secrets_place(const struct msg_records *secrets, const char *user, struct err **err)
{
	cleanup_fd int dir = -1;
	int r = secrets->n ? mounts_own(WIRE_SECRETS_DIR, &dir, err) : 0;

	MSG_EACH (const struct wire_secret, s, secrets)
		if (r == 0)
			r = place(dir, s, user, err);
	return r;
}
