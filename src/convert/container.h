/* SPDX-License-Identifier: MIT */
/* What the formats for container programs have in common: one layer, and a config. */
#ifndef ATOLL_CONVERT_CONTAINER_H
#define ATOLL_CONVERT_CONTAINER_H

#include "format.h"
#include "oci.h"

/* A file of the workspace and what it is called. */
struct container_blob {
	char *path;
	char digest[DIGEST_LEN + 1];
	uint64_t size;
};

/* The root file system as a tar. */
int container_layer(struct export *x, struct container_blob *ret, struct err **err);
/* The same, compressed with gzip, which every container program reads. */
int container_compress(struct export *x, const struct container_blob *layer,
		       struct container_blob *ret, struct err **err);
void container_blob_finish(struct container_blob *b);

/* An image config (image-spec 1.0, config.md) of an appliance with that layer. */
void container_config(const struct appliance *a, const struct container_blob *layer,
		      struct buf *out);

#endif
