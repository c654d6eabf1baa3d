/* SPDX-License-Identifier: MIT */
/*
 * Caches that maintainer scripts and triggers of packages would have made: of MIME types, settings'
 * schemas, image loaders, fonts and icons. See caches.c for the theory.
 */
#ifndef ATOLL_BUILD_CACHES_H
#define ATOLL_BUILD_CACHES_H

#include "tree.h"
#include "workspace.h"

/*
 * Puts an empty file for each cache that can be made of what is in the tree and that programs ask
 * for by its name, so that the closure can tell whether any does.
 */
void caches_declare(struct tree *tree);

/*
 * Makes the caches that the image needs: those that were declared and are still in the tree, out of
 * what the packages had (`left` is what the image does not have of it), and those of plugins, fonts
 * and icons that the image has. Notes are warnings for the user.
 */
int caches_make(struct workspace *ws, struct tree *tree, const struct tree *left, char ***notes,
		struct err **err);

/* The lines of gdk-pixbuf's loaders.cache about a loader by its file's name; NULL: not known. */
const char *caches_pixbuf_loader(const char *name);

#endif
