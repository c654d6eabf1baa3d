/* SPDX-License-Identifier: MIT */
/* From what was built to an image in the store. */
#ifndef ATOLL_BUILD_PACK_H
#define ATOLL_BUILD_PACK_H

#include "origins.h"
#include "package.h"
#include "recipe.h"
#include "store.h"
#include "tree.h"
#include "verity.h"

struct pack {
	const struct recipe *recipe;
	const char *arch;
	const char *input; /* the build's key */
	const struct tree *tree;
	char *const *modules;       /* paths in the image, in load order */
	const char *kernel_version; /* NULL: no virtual machine runs it */
	/* Files; all but the first may be NULL. */
	const char *rootfs, *kernel, *vmlinux, *initramfs, *drivers;
	const struct verity *verity;
	const char *tested; /* as the manifest's; or NULL */ /* of rootfs */
};

/* Sets those blobs of an image, but the root file system, that the store has already. Writes nothing. */
int pack_find(struct store *store, const struct pack *pack, struct store_image *image,
	      struct err **err);
/* Writes the others, then the image under the recipe's name. */
int pack_image(struct store *store, const struct pack *pack, struct origins *origins,
	       struct store_image *image, struct err **err);

/* Whether the store has the whole image that a build with this key would make. */
bool pack_is_there(struct store *store, const char *name, const char *arch, const char *input,
		   bool tested);

#endif
