/* SPDX-License-Identifier: MIT */
/*
 * The JSON of container images as others write it: which blobs an image is made of, and what is to run
 * (image-spec 1.0: image-index.md, manifest.md, config.md; Docker's manifest.json). Foreign bytes:
 * bounded.
 */
#ifndef ATOLL_CONVERT_CONTAINER_READ_H
#define ATOLL_CONVERT_CONTAINER_READ_H

#include "appliance.h"
#include "tree.h"

#define CONTAINER_JSON_MAX   (4 << 20)
#define CONTAINER_LAYERS_MAX 128

/* What of an index or manifest.json is of use. */
struct container_image {
	char *name;    /* as it was tagged, or NULL */
	char *config;  /* file in the archive or layout */
	char **layers; /* files, the lowest first; a strv */
	char **diff_ids; /* digests of the layers as they are unpacked, in hex; a strv, or NULL: the config has none */
	bool digests; /* the files' names are their digests */
};

void container_image_finish(struct container_image *image);

/* Reads a file of the archive or layout. */
typedef int (*container_file_fn)(void *data, const char *name, struct buf *out, struct err **err);

/* index.json, and what it leads to. Of several images the one for `arch` (Debian's) is taken. */
int container_read_index(const struct buf *text, const char *arch, container_file_fn fn, void *data,
			 struct container_image *ret, struct err **err);
/* Docker's manifest.json; the first image. */
int container_read_docker(const struct buf *text, struct container_image *ret, struct err **err);

/*
 * Fills in what the config says: command, environment, user, ports, volumes, architecture, and the image's
 * diff_ids, as many as it has layers.
 */
int container_read_config(const struct buf *text, struct container_image *image,
			  struct appliance *a, struct err **err);

#endif
