/* SPDX-License-Identifier: MIT */
/* Debian's cloud kernel, which all appliances of an architecture share. */
#ifndef ATOLL_BUILD_KERNEL_H
#define ATOLL_BUILD_KERNEL_H

#include <stdbool.h>

#include "resolve.h"
#include "workspace.h"

/*
 * An unpacked kernel package in the cache:
 *
 *	DIR/vmlinuz   DIR/vmlinux   DIR/modules/    the package's /lib/modules/VERSION
 */
struct kernel {
	char *version; /* "6.1.0-56-cloud-amd64" */
	char *dir;
	char *vmlinux; /* the ELF file in vmlinuz, in the cache; NULL: there is none with a PVH entry */
	char *key;     /* the package's digest */
};

/* The package that has the kernel for an architecture. */
int kernel_resolve(struct universe *u, const char *arch, struct package *ret, struct err **err);
/* Unpacks it into the cache unless it is there. The .deb is there already. */
int kernel_open(struct workspace *ws, const struct package *package, struct kernel *ret,
		struct err **err);
void kernel_finish(struct kernel *k);
/* Whether kernel_open has nothing to unpack. */
bool kernel_is_cached(const struct workspace *ws, const struct package *package);

#endif
