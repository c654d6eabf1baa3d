/* SPDX-License-Identifier: MIT */
/*
 * The tiny kernel: Debian's kernel source, built with appliances/kernel/tiny.{config,patch}. It is
 * made once for a source package, both files and a compiler, and kept in the store as the image "kernel-tiny", so
 * that it outlives the cache.
 */
#ifndef ATOLL_BUILD_TINY_H
#define ATOLL_BUILD_TINY_H

#include <stdbool.h>

#include "kernel.h"
#include "progress.h"
#include "sha256.h"
#include "store.h"

/* Adds to a key what decides about the kernel, but for the compiler. */
int tiny_key(const struct package *source, struct sha256 *key, struct err **err);
/* Whether tiny_open does without the source package. */
bool tiny_is_made(const struct workspace *ws, struct store *store, const struct package *source);
/* Builds it unless cache or store have it. The error names packages that building it needs. */
int tiny_open(struct workspace *ws, struct store *store, const struct package *source,
	      struct progress *progress, struct kernel *ret, struct err **err);

/* Of tiny_source.c: unpacks what the build needs of the source package to a new folder. */
int tiny_unpack_source(const struct package *source, const char *dir, struct err **err);

#endif
