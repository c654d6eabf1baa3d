/* SPDX-License-Identifier: MIT */
/*
 * The JSON of an OCI image layout, from and to memory: index.json, image manifests, image configs
 * (image-spec 1.0: image-index.md, manifest.md, config.md). Files are store.c's and blobs.c's.
 *
 * index.json may hold images that are not ours (skopeo wrote them): they are kept as they are. Ours
 * have the annotation vnd.atoll.arch.
 */
#ifndef ATOLL_OCI_H
#define ATOLL_OCI_H

#include <jansson.h>
#include <stdint.h>

#include "appliance.h"
#include "oci_digest.h"

#define OCI_INDEX_MAX      (4 << 20)
#define OCI_MANIFEST_MAX   (1 << 20)
#define OCI_MAX_IMAGES     4096
#define OCI_MAX_LAYERS     128
#define OCI_SIGNATURES_MAX 16384 /* bytes of all signatures of an image */

struct oci_descriptor {
	char *media_type;
	char digest[DIGEST_LEN + 1];
	uint64_t size;
};

/* An image of ours in the index; the strings are the entry's. */
struct oci_entry {
	char *name, *arch;
	struct oci_descriptor manifest;
	int64_t created;
	char *input;       /* or NULL */
	char **signatures; /* a strv, or NULL */
};

/* An index: the JSON as it is, and every image in it. Those without name and arch are not ours. */
struct oci_index {
	json_t *json;
	struct oci_entry *entries; /* as json's "manifests", item by item */
	size_t n;
};

int oci_index_parse(const void *text, size_t len, struct oci_index **ret, struct err **err);
struct oci_index *oci_index_new(void);
void oci_index_free(struct oci_index *index);
/* Replaces entry i's signatures. */
void oci_index_sign(struct oci_index *index, size_t i, char *const *signatures);
/* Takes entry i out. */
void oci_index_remove(struct oci_index *index, size_t i);
/* Puts an image of ours at the end; copies. */
void oci_index_add(struct oci_index *index, const struct oci_entry *e);
void oci_index_write(const struct oci_index *index, struct buf *out);

struct oci_manifest {
	struct oci_descriptor config;
	struct oci_descriptor layers[OCI_MAX_LAYERS];
	size_t n_layers;
};

int oci_manifest_parse(const void *text, size_t len, struct oci_manifest **ret, struct err **err);
void oci_manifest_free(struct oci_manifest *m); /* accepts NULL */
void oci_manifest_write(const struct oci_manifest *m, const struct appliance *a, struct buf *out);
/* The layer of that media type, or NULL. */
const struct oci_descriptor *oci_manifest_layer(const struct oci_manifest *m, const char *type);

/* The standard config of an image with these layers, none of them compressed. */
void oci_config_write(const struct oci_manifest *m, const struct appliance *a, struct buf *out);

#define OCI_MEDIA_CONFIG   "application/vnd.oci.image.config.v1+json"
#define OCI_MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_MEDIA_INDEX    "application/vnd.oci.image.index.v1+json"

#endif
