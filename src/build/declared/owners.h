/* SPDX-License-Identifier: MIT */
/*
 * Owners and modes that scripts of packages give to what their packages have: the commands are read as data. What the
 * recipe and every appliance have stays as it is.
 */
#ifndef ATOLL_BUILD_OWNERS_H
#define ATOLL_BUILD_OWNERS_H

#include "accounts.h"
#include "package.h"
#include "tree.h"

#define OWNER_SAME UINT32_MAX /* chown(2) */

/* Folders, and files of /etc and /var; behind runtime_declare, for folders that are only declared are among them. */
void owners_apply(const struct package_list *packages, const struct accounts *accounts,
		  struct tree *tree);

/* As chown(1) is told them: "user", "user:group", "user.group", ":group". -ENOENT: nobody is of that name. */
int owners_read(const struct accounts *accounts, const char *word, uint32_t *ret_uid,
		uint32_t *ret_gid);

#endif
