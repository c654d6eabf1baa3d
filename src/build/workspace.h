/* SPDX-License-Identifier: MIT */
/*
 * The builder's folders.
 *
 *	CACHE/release/KEY      verified Release files       CACHE/index/SHA256    package indexes
 *	CACHE/solv/SHA256      the same, as libsolv reads   CACHE/packages/SHA256.deb
 *	CACHE/kernel/SHA256/   unpacked kernel packages     CACHE/initramfs/KEY
 *	CACHE/tmp/…            one folder per running builder, locked by it
 *
 * Everything but tmp/ gets there by rename of a finished, checked file, so an interrupted builder
 * leaves only its folder in tmp/, and the next builder sweeps that. The whole cache may be deleted
 * whenever no builder runs.
 */
#ifndef ATOLL_BUILD_WORKSPACE_H
#define ATOLL_BUILD_WORKSPACE_H

#include <stddef.h>

#include "err.h"

struct workspace {
	char *cache;
	char *temp; /* this builder's own folder, mode 0700; gone after workspace_close */
	int lock;   /* held while temp is in use */
	unsigned int serial;
};

/* Makes the folders, sweeps what dead builders left, and takes a folder of our own. */
int workspace_open(const char *cache, struct workspace *ret, struct err **err);
void workspace_close(struct workspace *ws);

/* "CACHE/FOLDER/NAME"; the caller frees. */
char *workspace_cached(const struct workspace *ws, const char *folder, const char *name);
/* A path in temp that nobody else was given; the caller frees. */
char *workspace_temp(struct workspace *ws, const char *what);
/* Makes a file of these bytes in temp; the caller frees its path. */
int workspace_write(struct workspace *ws, const void *data, size_t len, char **ret_path,
		    struct err **err);
/* Copies a file into temp; the caller frees its path. */
int workspace_copy(struct workspace *ws, const char *source, char **ret_path, struct err **err);
/* Renames a finished file or folder of temp into the cache. A folder that is there already stays. */
int workspace_keep(const char *temp, const char *cached, struct err **err);

#endif
