/* SPDX-License-Identifier: MIT */
/* From packages to the tree of their files. No script of a package is run, and none is kept. */
#ifndef ATOLL_BUILD_UNPACK_H
#define ATOLL_BUILD_UNPACK_H

#include "package.h"
#include "tree.h"
#include "workspace.h"

/*
 * Adds the files of all packages (their .deb files are there). Two packages with the same path are
 * an error, unless both have the same file there or one says that it replaces the other.
 * Packages learn what they depend on, and of their scripts what nothing stands in for.
 */
int unpack_packages(struct workspace *ws, struct package_list *packages, struct tree *tree,
		    struct err **err);

/* Takes a single regular file out of a package, into a file of the workspace. */
int unpack_file(struct workspace *ws, const struct package *package, const char *path,
		char **ret_content, struct err **err);

#endif
