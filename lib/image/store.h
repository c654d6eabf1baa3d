/* SPDX-License-Identifier: MIT */
/*
 * The store: an OCI image layout (image-spec 1.0, image-layout.md) in one folder, which skopeo and
 * others read. One image per appliance name and architecture, tagged by
 * org.opencontainers.image.ref.name.
 *
 *	oci-layout  index.json  blobs/sha256/HEX  ingest/   (blobs that are being written)
 *	index.lock  writers.lock                            (see store.c)
 *
 * An image's manifest has the standard config (application/vnd.oci.image.config.v1+json) and these
 * layers: the appliance manifest, the root file system, the kernel, the same kernel as an ELF file,
 * the initramfs, drivers of hardware that Atoll's own machines do not have, and why each file is there
 * (reasons.h; media types below); blobs that several images have are stored once. Blobs are written to ingest/, synced,
 * checked and renamed; index.json is replaced as one step under a lock: an interrupted writer
 * leaves the store as it was.
 */
#ifndef ATOLL_STORE_H
#define ATOLL_STORE_H

#include "appliance.h"
#include "oci_digest.h"

#define MEDIA_APPLIANCE "application/vnd.atoll.appliance.v1+json"
#define MEDIA_ROOTFS    "application/vnd.atoll.rootfs.v1.erofs"
#define MEDIA_KERNEL    "application/vnd.atoll.kernel.v1"
#define MEDIA_VMLINUX   "application/vnd.atoll.kernel.v1.elf"
#define MEDIA_INITRAMFS "application/vnd.atoll.initramfs.v1"
#define MEDIA_DRIVERS   "application/vnd.atoll.drivers.v1+zstd"
#define MEDIA_REASONS   "application/vnd.atoll.reasons.v2+zstd"
#define MEDIA_SPDX      "application/spdx+json"
#define MEDIA_CYCLONEDX "application/vnd.cyclonedx+json"

struct store;

/* A blob of an image. path is its file in the store. */
struct store_blob {
	char digest[DIGEST_LEN + 1];
	uint64_t size;
	char *path;
};

struct store_image {
	char *name;
	char *arch;
	char digest[DIGEST_LEN + 1]; /* of the OCI manifest */
	uint64_t size;               /* bytes of its blobs, shared ones included */
	int64_t created;             /* seconds: when it came into this store */
	char *input;                 /* key of the build that made it, for cache hits; or NULL */
	struct appliance *appliance; /* NULL only in a listing, for an image with `damage` */
	char *damage;                /* in a listing: why the image cannot be used; else NULL */
	/* Digest "" when absent. vmlinux: the kernel as an ELF file with a PVH entry, uncompressed. */
	struct store_blob rootfs, kernel, vmlinux, initramfs, drivers, reasons;
	struct store_blob spdx, cyclonedx; /* the bill of materials in two formats */
	char **signatures;                 /* of the OCI manifest (signature.h); a strv */
};

/* Opens, and makes it when it is not there. The error says what to do about permissions. */
int store_open(const char *path, struct store **ret, struct err **err);
void store_close(struct store *s);

/* Writing a blob: begin, write, commit (or abort: nothing stays). -ENOSPC is reported as such. */
struct store_writer;
int store_writer_begin(struct store *s, struct store_writer **ret, struct err **err);
int store_writer_write(struct store_writer *w, const void *data, size_t len, struct err **err);
int store_writer_commit(struct store_writer *w, struct store_blob *ret_blob, struct err **err);
void store_writer_abort(struct store_writer *w); /* accepts NULL */
int store_add_bytes(struct store *s, const void *data, size_t len, struct store_blob *ret_blob,
		    struct err **err);
/* The blob that a file would become, when the store has it, undamaged; else its digest is "". */
int store_find_file(struct store *s, const char *path, struct store_blob *ret_blob,
		    struct err **err);
/* Takes a whole file in, copying; nothing is written when the store has it, undamaged. */
int store_add_file(struct store *s, const char *path, struct store_blob *ret_blob,
		   struct err **err);
void store_blob_finish(struct store_blob *b);

/* Puts an image under its name (and arch), replacing the one before. The blobs are there already.
 */
int store_put_image(struct store *s, const struct store_image *image, struct err **err);
/*
 * Finds by NAME (the host's architecture first), NAME:ARCH, or digest (at least its first 8 hex
 * digits); -ENOENT names the nearest.
 */
int store_get_image(struct store *s, const char *name, struct store_image **ret, struct err **err);
/* All, sorted by name; the array and its items are the caller's: store_images_free. */
int store_list_images(struct store *s, struct store_image ***ret, size_t *ret_n, struct err **err);
void store_image_free(struct store_image *i);
void store_images_free(struct store_image **images, size_t n);

/* Takes the name away (NAME, NAME:ARCH or digest, as above); blobs stay until gc. */
int store_remove_image(struct store *s, const char *name, struct err **err);
/*
 * Deletes blobs that no image has, and what interrupted writers left; not those in `keep` (digests),
 * in use by machines. -EBUSY while another process writes blobs; with an unreadable image nothing is
 * deleted.
 */
int store_gc(struct store *s, char *const *keep, size_t *ret_blobs, uint64_t *ret_bytes,
	     struct err **err);

/* Reads the blob through and compares: -EBADMSG "blob sha256:… is corrupted; …" with what to do. */
int store_verify_blob(struct store *s, const struct store_blob *b, struct err **err);
/* All of an image's blobs, and its root file system against the manifest's root hash. */
int store_verify_image(struct store *s, const struct store_image *i, struct err **err);

#endif
