/* SPDX-License-Identifier: MIT */
/*
 * Locks: RECIPE.lock beside a recipe (recipe.lock for recipe.yaml) pins the packages of an appliance by
 * name, version and digest, for each architecture apart. A build with a lock takes exactly those and
 * asks no index. One line for each, so that version control shows what moved:
 *
 *	atoll-lock 1
 *	for ARCH BASE
 *	asked PACKAGE…                                  the recipe's packages
 *	package NAME VERSION ARCH SHA256 PATH SOURCE
 *	accounts …                                      the package of Debian's users
 *	kernel …                                        when a virtual machine may run it
 *
 * A recipe is foreign, and so is its lock: reading is bounded and checks everything.
 */
#ifndef ATOLL_BUILD_LOCK_H
#define ATOLL_BUILD_LOCK_H

#include <stdbool.h>

#include "buf.h"
#include "package.h"
#include "recipe.h"
#include "resolve.h"
#include "sources.h"
#include "workspace.h"

/* Of one architecture. */
struct lock {
	char *arch, *base;
	char **asked; /* sorted */
	struct package_list packages;
	struct package users, kernel; /* kernel.name NULL: without */
};

struct lock_file {
	struct lock *items;
	size_t n;
};

/* The caller frees. */
char *lock_path(const char *recipe_file);
/* All of them; none when there is no such file. -EBADMSG names the line. */
int lock_file_read(const char *path, struct lock_file *ret, struct err **err);
int lock_file_parse(const char *name, const char *text, size_t len, struct lock_file *ret,
		    struct err **err);
void lock_file_format(const struct lock_file *file, const char *recipe_file, struct buf *out);
void lock_file_finish(struct lock_file *file);
/* For an architecture; NULL when it is not locked. */
struct lock *lock_file_find(const struct lock_file *file, const char *arch);
/* What a lock for this recipe would have been asked for: its packages, sorted. */
char **lock_asked(const struct recipe *recipe);
/* In place of the one for that architecture; takes *lock over. */
void lock_file_put(struct lock_file *file, struct lock *lock);
void lock_finish(struct lock *lock);

/* -EINVAL, with what to do, when the lock was made for something else than this recipe is by now. */
int lock_check(const struct lock *lock, const struct recipe *recipe, bool with_kernel,
	       struct err **err);
/* Where the packages are fetched from: the pool of every source, one after the other. */
void lock_set_urls(struct lock *lock, const struct source_list *sources,
		   const struct workspace *ws);
/* Puts before an error why a package of the lock was not found, as far as the indexes tell. */
void lock_explain(const struct package_list *packages, const char *recipe_file, struct universe *u,
		  struct err **err);

#endif
