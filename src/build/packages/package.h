/* SPDX-License-Identifier: MIT */
/* A Debian package as the index describes it, and lists of them. */
#ifndef ATOLL_BUILD_PACKAGE_H
#define ATOLL_BUILD_PACKAGE_H

#include <stddef.h>
#include <stdint.h>

#include "scripts.h"
#include "sha256.h"
#include "unpacked.h"

struct package {
	char *name, *version, *arch;
	char *source;         /* name of the source package */
	char *source_version; /* once it is unpacked (unpack.h): libsolv does not tell; or NULL */
	char *path;           /* below the source's URI */
	char *url;            /* where it is fetched from */
	char **mirrors;       /* further places; a strv, or NULL */
	/* Names of packages, once it is unpacked: that it asks for, would like (Recommends, Suggests), stands for. */
	char **depends, **likes, **provides;
	char sha256[SHA256_HEX + 1];
	uint64_t size;
	struct script script; /* what its postinst would do, once it is unpacked */
	char *deb;            /* the file in the cache, there once it is fetched */
	struct unpacked
		*unpacked; /* what is in it, once that is in the cache (unpack.h); or NULL */
};

struct package_list {
	struct package *items;
	size_t n;
};

void package_finish(struct package *p);
/* "NAME (VERSION)", as a control file has it; NULL or without either, it is the package's own. */
void package_set_source(struct package *p, const char *source);
void package_list_finish(struct package_list *list);
/* Takes *p over. */
void package_list_take(struct package_list *list, struct package *p);
/* By name, in a sorted list; NULL when absent. */
const struct package *package_list_find(const struct package_list *list, const char *name);
void package_list_sort(struct package_list *list); /* by name */

#endif
