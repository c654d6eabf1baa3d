/* SPDX-License-Identifier: MIT */
/*
 * Users and groups of an appliance: those that every Debian system has (base-passwd's master files)
 * and the recipe's own. Nobody has a password.
 */
#ifndef ATOLL_BUILD_ACCOUNTS_H
#define ATOLL_BUILD_ACCOUNTS_H

#include "recipe.h"
#include "tree.h"
#include "workspace.h"

struct account {
	char *name;
	uint32_t uid, gid;
	char *about, *home, *shell;
};

struct account_group {
	char *name;
	uint32_t gid;
};

struct accounts {
	struct account *users;
	size_t n_users;
	struct account_group *groups;
	size_t n_groups;
};

/* Reads the two master files; their texts. */
int accounts_read(const char *passwd, const char *group, struct accounts *ret, struct err **err);
/* Adds the recipe's users, each with a group of its own. */
int accounts_add(struct accounts *a, const struct recipe *recipe, struct err **err);
void accounts_finish(struct accounts *a);

/* "user" or "user:group", by name or number; NULL is root. A user alone comes with its group. */
int accounts_find(const struct accounts *a, const char *owner, uint32_t *ret_uid, uint32_t *ret_gid,
		  struct err **err);

bool accounts_has_user(const struct accounts *a, const char *name);
bool accounts_has_group(const struct accounts *a, const char *name);

#define ACCOUNTS_DETAIL "users" /* of why they are there */

/* Puts /etc/passwd, /etc/group and /etc/shadow. */
int accounts_put(const struct accounts *a, struct workspace *ws, struct tree *tree,
		 struct err **err);

#endif
