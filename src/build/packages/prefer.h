/* SPDX-License-Identifier: MIT */
/*
 * Choices that Debian's packages leave open, made as apt makes them; libsolv by itself takes what
 * comes to fewer packages.
 */
#ifndef ATOLL_BUILD_PREFER_H
#define ATOLL_BUILD_PREFER_H

#include <solv/pool.h>
#include <solv/repo.h>

/*
 * A dependency on "libsystemd0" would also be met by another package that provides the name. Where
 * there is a package of the name, only it counts. Before pool_createwhatprovides.
 */
void prefer_real_packages(Pool *pool);

/* The dependencies as they were, for every repository. */
struct alternatives {
	Id **saved;
	int n;
};

/*
 * Of "a | b", leaves the alternative that is among `names` or provided by one of them, else the
 * first that exists at all.
 */
void alternatives_prefer_first(Pool *pool, char *const *names, struct alternatives *ret_saved);
void alternatives_restore(Pool *pool, struct alternatives *saved);

#endif
