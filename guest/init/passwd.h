/* SPDX-License-Identifier: MIT */
/*
 * Users of the image. The C library's functions for this load plug-ins of the image's libc, which a
 * static program cannot; the files are simple enough.
 */
#ifndef ATOLL_PASSWD_H
#define ATOLL_PASSWD_H

#include <sys/types.h>

#include "err.h"

#define USER_MAX_GROUPS 64
#define USER_HOME_MAX   256

struct user {
	uid_t uid;
	gid_t gid;
	char home[USER_HOME_MAX];
	gid_t groups[USER_MAX_GROUPS]; /* supplementary; beyond the bound they are left out */
	size_t n_groups;
};

/*
 * The user of this name or uid (NULL: 0) from /etc/passwd and /etc/group. A uid that is not listed
 * is its own group, at home in "/". -EINVAL for a name that is not listed.
 */
int user_find(const char *name, struct user *ret_user, struct err **err);

/*
 * The parsers, for tests. passwd: passwd(5)'s text; finds `name` or, when that is all digits, the
 * uid. group: adds the groups of group(5)'s text that list `name` to the user's. Lines that break
 * the format are skipped. -ENOENT when there is no such user.
 */
int user_parse_passwd(const char *text, const char *name, struct user *ret_user, char **ret_name);
void user_parse_group(const char *text, const char *name, struct user *user);

#endif
