/* SPDX-License-Identifier: MIT */
/*
 * The bill of materials: which files an image holds, from which packages, from which source packages, and
 * under which licences. bom.c gathers; bom_spdx.c and bom_cyclonedx.c write it in the two formats that
 * other tools read. The same image gives the same bytes: there is no time and no number by chance in it.
 */
#ifndef ATOLL_BUILD_BOM_H
#define ATOLL_BUILD_BOM_H

#include <jansson.h>

#include "buf.h"
#include "err.h"
#include "package.h"
#include "tree.h"

struct bom_file {
	const struct tree_node *node;
	char sha1[41], sha256[65];
};

/* A package of which the image holds a file, or its kernel. */
struct bom_package {
	const struct package *package;
	char *licence;          /* SPDX expression, or NULL: unknown */
	struct bom_file *files; /* sorted by path */
	size_t n;
};

struct bom {
	const char *name, *version, *arch, *base;
	char rootfs[65];              /* sha256 of the root file system's blob */
	struct bom_package *packages; /* sorted by name, the kernel's among them */
	size_t n;
	struct bom_package own; /* what is of no package: the recipe's, Atoll's, declared files */
};

/* Reads every file. `kernel` may be NULL. The bom points into packages, kernel and tree. */
int bom_make(const struct tree *tree, const struct package_list *packages,
	     const struct package *kernel, struct bom *ret, struct err **err);
void bom_finish(struct bom *bom);

void bom_write_spdx(const struct bom *bom, struct buf *out);      /* SPDX 2.3, JSON */
void bom_write_cyclonedx(const struct bom *bom, struct buf *out); /* CycloneDX 1.4, JSON */

/* For both writers */

/* "pkg:deb/debian/NAME@VERSION?arch=ARCH&distro=bookworm", of what is known of the base; the caller frees. */
char *bom_purl(const struct bom *bom, const char *name, const char *version, const char *arch);
/* Of the binary package's source: what is known of it. */
const char *bom_source(const struct package *p);
const char *bom_source_version(const struct package *p);
/* A path in JSON: bytes that are no UTF-8 are %XX. */
json_t *bom_path(const char *prefix, const char *path);
/* Sorted keys, one line for all. */
void bom_dump(json_t *o, struct buf *out);

#endif
