/* SPDX-License-Identifier: MIT */
/*
 * What the maintainer scripts of packages would have made, as data: standard folders and links,
 * system files, alternatives. Tables, not code, wherever possible.
 */
#ifndef ATOLL_BUILD_DECLARE_H
#define ATOLL_BUILD_DECLARE_H

#include "accounts.h"
#include "package.h"
#include "recipe.h"
#include "tree.h"
#include "workspace.h"

/*
 * What is "atoll"'s is for every appliance; what stands for a package's script is that package's.
 * Standard folders, links and files; users; alternatives; folders for the volumes.
 */
int declare_system(struct workspace *ws, const struct recipe *recipe,
		   const struct package_list *packages, const struct accounts *accounts,
		   struct tree *tree, struct err **err);

#endif
