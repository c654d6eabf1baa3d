/* SPDX-License-Identifier: MIT */
/* The package indexes that serve a base and an architecture, verified and in the cache. */
#ifndef ATOLL_BUILD_INDEX_H
#define ATOLL_BUILD_INDEX_H

#include <time.h>

#include "fetch.h"
#include "sources.h"

struct index_part {
	char *uri; /* what package paths are relative to */
	char *suite;
	char *path;                  /* Packages.xz in the cache */
	char sha256[SHA256_HEX + 1]; /* of that file */
};

struct index {
	struct index_part *parts; /* in the order of the sources */
	size_t n;
	char **notes; /* what the user should know: expired, stale */
};

/*
 * Loads the Release of each source, passes over those whose origin is not Debian, and fetches the
 * package indexes that the cache does not have.
 */
int index_load(struct workspace *ws, const char *apt_dir, const struct source_list *sources,
	       const char *arch, const struct timespec *since, fetch_progress_fn progress,
	       void *data, struct index *ret, struct err **err);
void index_finish(struct index *index);

#endif
