/* SPDX-License-Identifier: MIT */
/*
 * Where the files of an image come from, as the image says it: its packages, why each file is there, its
 * bills of materials.
 */
#ifndef ATOLL_BUILD_ORIGINS_H
#define ATOLL_BUILD_ORIGINS_H

#include "bom.h"
#include "buf.h"
#include "store.h"

struct origins {
	struct bom bom;
	struct buf reasons;
};

/*
 * Of what is in the image, what was left out, and the packages, sorted; `kernel`, beside the file system, may be NULL.
 * All that can be known before the root file system is written; it points into what it was made of.
 */
int origins_make(const struct tree *tree, const struct tree *left,
		 const struct package_list *packages, const struct package *kernel,
		 struct origins *ret, struct err **err);
void origins_finish(struct origins *o);

/*
 * Stores reasons and bills as blobs of an image whose file system is stored and whose manifest is there, in
 * which it names the packages. The bills say of which base they are by o->bom.base, that may be NULL.
 */
int origins_store(struct store *store, struct origins *o, struct store_image *image,
		  struct err **err);

#endif
