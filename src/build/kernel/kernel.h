/* SPDX-License-Identifier: MIT */
/* Debian's kernels, which all appliances of an architecture share. The tiny one: tiny.h. */
#ifndef ATOLL_BUILD_KERNEL_H
#define ATOLL_BUILD_KERNEL_H

#include <stdbool.h>

#include "recipe.h"
#include "resolve.h"
#include "workspace.h"

#define KERNEL_DEFAULT "cloud"
#define KERNEL_TINY    "tiny"

/*
 * An unpacked kernel package in the cache:
 *
 *	DIR/vmlinuz   DIR/vmlinux   DIR/modules/    the package's /lib/modules/VERSION
 */
struct kernel {
	char *version; /* "6.1.0-56-cloud-amd64" */
	char *dir;
	char *vmlinux; /* the ELF file in vmlinuz, in the cache; NULL: there is none with a PVH entry */
	char *key;     /* the package's digest, or tiny's key */
	bool monolithic; /* all that virtual machines need is built in */
};

/* "cloud", "generic" or "tiny". */
const char *kernel_wanted(const struct recipe *recipe);
/* Whether a package is what kernel_resolve finds for that kernel, now or in another version. */
bool kernel_is(const char *kernel, const char *arch, const char *package);
/* The other way round: the kernel that it is of; NULL: of none. */
const char *kernel_of(const char *package, const char *arch);
/* The package that has the kernel ("cloud", "generic"), or tiny's source, for an architecture. */
int kernel_resolve(struct universe *u, const char *kernel, const char *arch, struct package *ret,
		   struct err **err);
/* Unpacks it into the cache unless it is there. The .deb is there already. */
int kernel_open(struct workspace *ws, const struct package *package, struct kernel *ret,
		struct err **err);
/* One that is in the cache. */
int kernel_read(struct workspace *ws, const char *key, struct kernel *ret, struct err **err);
void kernel_finish(struct kernel *k);
/* Whether kernel_open has nothing to unpack. */
bool kernel_is_cached(const struct workspace *ws, const struct package *package);

#endif
