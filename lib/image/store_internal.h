/* SPDX-License-Identifier: MIT */
/* What the store's files (store.c, blobs.c, images.c, gc.c) share. */
#ifndef ATOLL_STORE_INTERNAL_H
#define ATOLL_STORE_INTERNAL_H

#include <stdbool.h>

#include "oci.h"
#include "store.h"

struct store {
	char *path;
	/*
	 * A shared lock that is held from this handle's first new blob until it is closed: gc, which
	 * takes it alone, then never deletes what a build is about to name in the index. -1: no blob
	 * was written yet.
	 */
	int writing;
	bool unsynced; /* blobs have names that are not on disk yet: the index waits for them */
};

#define STORE_INDEX_LOCK  "index.lock"
#define STORE_WRITER_LOCK "writers.lock"

char *store_path(const struct store *s, const char *name);
/* Opens a lock file and locks it: LOCK_SH, LOCK_EX, or with LOCK_NB. The lock ends with the fd. */
int store_lock(struct store *s, const char *name, int how, int *ret_fd, struct err **err);
/* "STORE: WHAT: strerror", and for permissions and space what to do about it. Returns -code. */
int store_error(const struct store *s, int code, const char *what, struct err **err);

char *store_blob_path(const struct store *s, const char *digest);
/* Puts the names of blobs on disk. */
int store_sync_blobs(struct store *s);
/* A whole small blob that has to be as its digest says. */
int store_read_blob(struct store *s, const char *digest, size_t max, struct buf *out,
		    struct err **err);
/* As store_add_bytes (store.h), as what an index or manifest says of it. */
int store_add_described(struct store *s, const void *data, size_t len, struct oci_descriptor *ret,
			struct err **err);

/* Sets the signatures of the image in the index; -ESTALE when it is another one by now. */
int store_set_signatures(struct store *s, const struct store_image *image, char *const *signatures,
			 struct err **err);

int store_read_index(struct store *s, struct oci_index **ret, struct err **err);
int store_write_index(struct store *s, const struct oci_index *index, struct err **err);
int store_read_manifest(struct store *s, const struct oci_entry *e, struct oci_manifest **ret,
			struct err **err);

static inline void index_cleanup(struct oci_index **index)
{
	oci_index_free(*index);
}
#define cleanup_index __attribute__((cleanup(index_cleanup)))

static inline void manifest_cleanup(struct oci_manifest **m)
{
	oci_manifest_free(*m);
}
#define cleanup_manifest __attribute__((cleanup(manifest_cleanup)))

#endif
