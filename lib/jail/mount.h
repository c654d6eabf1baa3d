/* SPDX-License-Identifier: MIT */
/*
 * Mounts as descriptors (open_tree(2), fsopen(2), Linux 5.2 and later): a mount is made detached,
 * configured, and only then attached, so that no half-made one is ever seen, and one that is not
 * attached vanishes with its descriptor.
 */
#ifndef ATOLL_MOUNT_H
#define ATOLL_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "mount_api.h"

/* For what a guest may write to: no privilege or device comes out of it. */
#define MOUNT_SAFE (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/*
 * A new file system of a type, with options as "key=value" words or "key" flags, NULL-terminated
 * (NULL: none); attr of MOUNT_ATTR_*.
 */
int mount_new(const char *type, const char *const *options, uint64_t attr, int *ret_mount,
	      struct err **err);

/*
 * An EROFS image, read-only: straight from the file where the kernel can (6.12), else over a loop
 * device that the kernel frees with the last mount.
 */
int mount_image(const char *path, int *ret_mount, struct err **err);

/* A copy of what is mounted at path (with all below when recursive), to be attached elsewhere. */
int mount_clone(const char *path, bool recursive, int *ret_mount, struct err **err);

/* Sets MOUNT_ATTR_* on a mount descriptor, everything below included when recursive. */
int mount_set(int mount, uint64_t attr, bool recursive, struct err **err);

/* The files of a detached mount get the ids that the user namespace maps theirs to. */
int mount_idmap(int mount, int user, struct err **err);

/* Attaches it at a path that exists. The descriptor stays open and the caller's. */
int mount_attach(int mount, const char *path, struct err **err);

/* What `from` is, at `to` as well; both exist. */
int mount_bind(const char *from, const char *to, struct err **err);

/* Nothing mounted or unmounted in this mount namespace reaches another one, or comes from one. */
int mount_make_private(struct err **err);

/*
 * Makes the mount at `path` the root and forgets the old one: what is not mounted below it is gone
 * from this mount namespace. The working directory is "/" then.
 */
int mount_pivot(const char *path, struct err **err);

#endif
