/* SPDX-License-Identifier: MIT */
#include "passwd.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define FILE_MAX   (1 << 20)
#define ID_MAX     (UINT32_MAX - 1) /* -1 means "unchanged" to the kernel */
#define MAX_FIELDS 8 /* one more than either file has: it shows a line with too many */

/* passwd(5) and group(5), by column */
enum { NAME = 0, PASSWD_UID = 2, PASSWD_GID = 3, PASSWD_HOME = 5, PASSWD_FIELDS = 7 };
enum { GROUP_GID = 2, GROUP_MEMBERS = 3, GROUP_FIELDS = 4 };

/* Cuts a line at its colons; the number of fields, at most MAX_FIELDS. */
static size_t split_fields(char *line, char *fields[MAX_FIELDS])
{
	size_t n = 0;

	for (char *p = line; p && n < MAX_FIELDS; n++)
		fields[n] = strsep(&p, ":");
	return n;
}

int user_parse_passwd(const char *text, const char *name, struct user *ret_user, char **ret_name)
{
	cleanup_free char *copy = xstrdup(text);
	char *rest = copy, *line, *f[MAX_FIELDS];
	uint64_t wanted, uid, gid;
	bool by_id = str_to_u64(name, ID_MAX, &wanted) == 0;

	while ((line = strsep(&rest, "\n"))) {
		if (split_fields(line, f) != PASSWD_FIELDS || !*f[NAME] ||
		    str_to_u64(f[PASSWD_UID], ID_MAX, &uid) < 0 ||
		    str_to_u64(f[PASSWD_GID], ID_MAX, &gid) < 0)
			continue;
		if (by_id ? uid != wanted : !str_eq(f[NAME], name))
			continue;
		*ret_user = (struct user){ .uid = (uid_t)uid, .gid = (gid_t)gid };
		snprintf(ret_user->home, sizeof(ret_user->home), "%s", f[PASSWD_HOME]);
		*ret_name = xstrdup(f[NAME]);
		return 0;
	}
	return -ENOENT;
}

static bool is_member(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (str_eq(member, name))
			return true;
	return false;
}

void user_parse_group(const char *text, const char *name, struct user *user)
{
	cleanup_free char *copy = xstrdup(text);
	char *rest = copy, *line, *f[MAX_FIELDS];
	uint64_t gid;

	while ((line = strsep(&rest, "\n")) && user->n_groups < USER_MAX_GROUPS)
		if (split_fields(line, f) == GROUP_FIELDS &&
		    str_to_u64(f[GROUP_GID], ID_MAX, &gid) == 0 && gid != user->gid &&
		    is_member(f[GROUP_MEMBERS], name))
			user->groups[user->n_groups++] = (gid_t)gid;
}

static char *read_text(const char *path)
{
	cleanup_buf struct buf text = BUF_INIT;

	/* No such file, say: then nobody is listed. */
	if (file_read(path, FILE_MAX, &text, NULL) < 0)
		buf_clear(&text);
	return buf_steal_str(&text);
}

int user_find(const char *name, struct user *ret_user, struct err **err)
{
	cleanup_free char *passwd = read_text("/etc/passwd"), *group = NULL, *found = NULL;
	uint64_t id;

	if (!name || !*name)
		name = "0";
	if (user_parse_passwd(passwd, name, ret_user, &found) == 0) {
		group = read_text("/etc/group");
		user_parse_group(group, found, ret_user);
		return 0;
	}
	if (str_to_u64(name, ID_MAX, &id) < 0)
		return err_set(err, EINVAL, "user \"%s\" is not in the image's /etc/passwd", name);
	*ret_user = (struct user){ .uid = (uid_t)id, .gid = (gid_t)id, .home = "/" };
	return 0;
}
