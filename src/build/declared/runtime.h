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

/* Folders whose owner nobody is, so that they are root's. */
struct runtime {
	struct runtime_unowned {
		char *path, *note;
	} * unowned;
	size_t n_unowned;
};

/* Puts them all into the tree, so that the closure can tell which of them are asked for. */
int runtime_declare(const struct package_list *packages, const struct accounts *accounts,
		    struct tree *tree, struct runtime *ret, struct err **err);
/* Warnings about those that are still there. */
void runtime_notes(const struct runtime *r, const struct tree *tree, char ***notes);
void runtime_finish(struct runtime *r);

#endif
