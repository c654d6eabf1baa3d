/* SPDX-License-Identifier: MIT */
/*
 * Signatures of images. What is signed are the bytes of the image's OCI manifest: it has the digests of
 * everything else, so `minisign -V` says the same of that blob as we do. They stand in index.json, in
 * the image's annotation vnd.atoll.signatures, one of each key; a build that gives the same bytes again
 * keeps them.
 */
#ifndef ATOLL_SIGNATURE_H
#define ATOLL_SIGNATURE_H

#include "keyfile.h"
#include "store.h"

/* Signs, in place of an older signature of that key. */
int signature_add(struct store *s, const struct store_image *image,
		  const struct minisign_secret *key, struct err **err);
/* Takes a signature that another program made; it is not verified. */
int signature_put(struct store *s, const struct store_image *image, const char *text, size_t len,
		  struct err **err);
/* Whether the image has a signature that says that it is of this key. */
bool signature_is_there(const struct store_image *image, const uint8_t id[MINISIGN_ID]);

/*
 * Whether the image is what one of these keys signed, under the name that it has in the store: 0, and
 * that key in *ret_key; -EKEYREJECTED, with what to do, when it is not signed, by none of them, or
 * wrongly. Without any key everything is let through, with *ret_key NULL.
 */
int signature_check(struct store *s, const struct store_image *image,
		    const struct trusted_keys *keys, const struct trusted_key **ret_key,
		    struct err **err);

#endif
