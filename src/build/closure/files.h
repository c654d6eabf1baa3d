/* SPDX-License-Identifier: MIT */
/* What the recipe itself brings: its files, and Atoll's own guest programs. */
#ifndef ATOLL_BUILD_FILES_H
#define ATOLL_BUILD_FILES_H

#include "accounts.h"
#include "recipe.h"
#include "sha256.h"
#include "tree.h"
#include "workspace.h"

/*
 * Adds the contents of all that the recipe brings to the digest: the part of a build's key that is
 * not in the recipe's text. Finds missing files before anything is fetched.
 */
int files_digest(const struct recipe *recipe, struct sha256 *digest, struct err **err);

/* Puts them into the tree, over what packages have there. */
int files_put(struct workspace *ws, const struct recipe *recipe, const struct accounts *accounts,
	      struct tree *tree, struct err **err);

#endif
