/* SPDX-License-Identifier: MIT */
/* The signed head of a suite: its Release file, verified. Nothing unsigned gets past this stage. */
#ifndef ATOLL_BUILD_RELEASE_H
#define ATOLL_BUILD_RELEASE_H

#include <stdint.h>
#include <time.h>

#include "deb822.h"
#include "sha256.h"
#include "sources.h"
#include "workspace.h"

struct release {
	struct deb822 text; /* one stanza */
};

/* A file that the Release vouches for. */
struct release_file {
	char sha256[SHA256_HEX + 1];
	uint64_t size;
};

/*
 * Gives the Release of a source: from the cache when it is younger than an hour, else fetched and
 * verified (InRelease, or Release with Release.gpg). When the server cannot be reached the cached
 * one is used, and *ret_stale says why. A signature that does not verify is an error and leaves the
 * cache as it was. One that was fetched before `since` is fetched anew whatever its age.
 */
int release_load(struct workspace *ws, const char *apt_dir, const struct source *s,
		 const struct timespec *since, struct release *ret, char **ret_stale,
		 struct err **err);
void release_finish(struct release *r);

const char *release_field(const struct release *r, const char *name);
/* Finds a file by its path below dists/SUITE; -ENOENT. */
int release_find(const struct release *r, const char *path, struct release_file *ret);
/* Whether it is past its Valid-Until. */
bool release_expired(const struct release *r);

#endif
