/* SPDX-License-Identifier: MIT */
/* From what was built to an image in the store. */
#ifndef ATOLL_BUILD_PACK_H
#define ATOLL_BUILD_PACK_H

#include "bom.h"
#include "buf.h"
#include "package.h"
#include "recipe.h"
#include "store.h"
#include "tree.h"
#include "verity.h"

struct pack {
	const struct recipe *recipe;
	const char *arch;
	const char *input; /* the build's key */
	const struct package_list *packages;
	const struct tree *tree;    /* the image's files, and why each is there */
	const struct tree *left;    /* what of the packages was left out */
	char *const *modules;       /* paths in the image, in load order */
	const char *kernel_version; /* NULL: no virtual machine runs it */
	/* Files; all but the first may be NULL. */
	const char *rootfs, *kernel, *vmlinux, *initramfs, *drivers;
	const struct package *kernel_package; /* that has the kernel; or NULL */
	const struct verity *verity;
	const char *tested; /* as the manifest's; or NULL */ /* of rootfs */
};

/* What is said of the files: all that can be known before the root file system is written. */
struct description {
	struct bom bom;
	struct buf reasons;
};

/* Of a pack without its files. */
int pack_describe(const struct pack *pack, struct description *ret, struct err **err);
void description_finish(struct description *d);
/* Writes the blobs, then the image under the recipe's name. */
int pack_image(struct store *store, const struct pack *pack, struct description *d,
	       struct err **err);

/* Whether the store has the whole image that a build with this key would make. */
bool pack_is_there(struct store *store, const char *name, const char *arch, const char *input,
		   bool tested);

#endif
