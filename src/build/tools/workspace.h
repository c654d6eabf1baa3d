/* SPDX-License-Identifier: MIT */
/*
 * The builder's folders.
 *
 *	CACHE/release/KEY      verified Release files       CACHE/index/SHA256    package indexes
 *	CACHE/solv/SHA256.N    the same, as libsolv reads   CACHE/packages/SHA256.deb
 *	CACHE/unpacked/SHA256  what is in those (unpacked.h)
 *	CACHE/kernel/SHA256/   unpacked kernel packages     CACHE/initramfs/KEY
 *	CACHE/java/KEY         modules that jlink linked
 *	CACHE/tmp/…            one folder per running builder, locked by it
 *
 * Everything but tmp/ gets there by rename of a finished, checked file, so an interrupted builder
 * leaves only its folder in tmp/, and the next builder sweeps that. The whole cache may be deleted
 * whenever no builder runs.
 */
#ifndef ATOLL_BUILD_WORKSPACE_H
#define ATOLL_BUILD_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct workspace {
	char *cache;
	char *temp;        /* this builder's own folder, mode 0700; gone after workspace_close */
	int lock;          /* held while temp is in use */
	int unpacked_lock; /* shared while we read what is unpacked: who removes some of it is alone */
	_Atomic unsigned int serial; /* threads ask for names */
};

#define WORKSPACE_INIT                                                                             \
	{                                                                                          \
		.lock = -1, .unpacked_lock = -1                                                    \
	}

/* Makes the folders, sweeps what dead builders left, and takes a folder of our own. */
int workspace_open(const char *cache, struct workspace *ret, struct err **err);
/* Without a cache, for who only needs room: a folder in $TMPDIR, or in /var/tmp. */
int workspace_open_apart(struct workspace *ret, struct err **err);
void workspace_close(struct workspace *ws);

/* "CACHE/FOLDER/NAME"; the caller frees. */
char *workspace_cached(const struct workspace *ws, const char *folder, const char *name);
/*
 * Of packages that are unpacked, the cache keeps as many bytes; those used longest ago go first, when a
 * workspace is closed and no other builder is at work.
 */
#define WORKSPACE_UNPACKED_MAX ((uint64_t)4 << 30)

/* A path in temp that nobody else was given; the caller frees. */
char *workspace_temp(struct workspace *ws, const char *what);
/* Makes a file of these bytes in temp; the caller frees its path. */
int workspace_write(struct workspace *ws, const void *data, size_t len, char **ret_path,
		    struct err **err);
/*
 * The same for a piece of a file, once for each: whoever asks for it again gets the same file. The caller
 * frees its path.
 */
int workspace_piece(struct workspace *ws, const char *file, uint64_t at, uint64_t len,
		    char **ret_path, struct err **err);
/* Copies a file into temp; the caller frees its path. */
int workspace_copy(struct workspace *ws, const char *source, char **ret_path, struct err **err);
/* Renames a finished file or folder of temp into the cache. A folder that is there already stays. */
int workspace_keep(const char *temp, const char *cached, struct err **err);

/*
 * Makes us the only builder that makes something in the cache until *ret_fd is closed: "packages" is a folder, all that
 * is in it, "kernel/KEY" one thing there; the lock is CACHE/WHAT.lock. -EWOULDBLOCK: another one is at it, and `wait` is false.
 */
int workspace_alone(const struct workspace *ws, const char *what, bool wait, int *ret_fd,
		    struct err **err);

#endif
