/* SPDX-License-Identifier: MIT */
/*
 * Folders and links below /run and /var that programs want to find when they run, and that systemd would
 * make on other systems: of tmpfiles.d and of service units. See runtime.c for which count.
 */
#ifndef ATOLL_BUILD_RUNTIME_H
#define ATOLL_BUILD_RUNTIME_H

#include "accounts.h"
#include "package.h"
#include "tree.h"

/* What is done otherwise than a package says: with the path that it is about, or without. */
struct runtime {
	struct runtime_note {
		char *path, *text;
	} * notes;
	size_t n_notes;
};

/* Puts them all into the tree, so that the closure can tell which of them are asked for. */
int runtime_declare(const struct package_list *packages, const struct accounts *accounts,
		    struct tree *tree, struct runtime *ret, struct err **err);
/* Warnings: those about a path only when it is still there. */
void runtime_notes(const struct runtime *r, const struct tree *tree, char ***notes);
/* Whether machines can copy all that is below /run of a complete tree. */
int runtime_check(const struct tree *tree, struct err **err);
void runtime_finish(struct runtime *r);

#endif
