/* SPDX-License-Identifier: MIT */
/* Whose signature under an index counts, and checking it with gpgv. */
#ifndef ATOLL_BUILD_KEYRING_H
#define ATOLL_BUILD_KEYRING_H

#include "buf.h"
#include "sources.h"
#include "workspace.h"

struct keyring {
	char **files;        /* binary keyrings, some of them in the workspace's temp folder */
	char **fingerprints; /* if any: only these keys count */
	char *digest; /* over all of it: what a verified file's place in the cache depends on */
};

/*
 * The keys of a source: its Signed-By, else DIR/trusted.gpg.d, DIR/trusted.gpg and, for the host's
 * own configuration, Debian's archive keyring. Armored keys are written out as binary ones.
 */
int keyring_open(struct workspace *ws, const char *apt_dir, const struct source *s,
		 struct keyring *ret, struct err **err);
void keyring_finish(struct keyring *k);

/*
 * Verifies a clearsigned file, or a file with a detached signature, and gives the text that the
 * signature covers: nothing else of the file may be used. At least one good signature by a key of
 * the ring is needed, and no bad one.
 */
int keyring_verify_clearsigned(struct workspace *ws, const struct keyring *k, const char *file,
			       struct buf *ret_text, struct err **err);
int keyring_verify_detached(const struct keyring *k, const char *file, const char *signature,
			    struct buf *ret_text, struct err **err);

#endif
