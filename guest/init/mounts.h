/* SPDX-License-Identifier: MIT */
/* File systems of a running machine: those of the kernel, and its volumes. */
#ifndef ATOLL_MOUNTS_H
#define ATOLL_MOUNTS_H

#include "abi_machine.h"
#include "err.h"

/* VM: /proc, /sys and /dev, below the folder `root` ("" for the running root). */
int mounts_kernel(const char *root, struct err **err);
/* VM: the rest of what programs expect: /dev/pts, /dev/shm, /run, /tmp. */
int mounts_runtime(struct err **err);
/*
 * Makes a folder of Atoll's own, /run/NAME[/NAME]. It fails where that would be anywhere but in the tmpfs of /run, or
 * would not be root's alone: images and volumes are foreign, and what is written there is secrets.
 */
int mounts_own(const char *path, int *ret_fd, struct err **err);
/* The links in /dev that no kernel makes: fd, stdin, stdout, stderr. */
void mounts_link_dev(void);

/* VM: mounts a volume by its disk's serial; a fresh one gets the owner and mode that `m` says. */
int mounts_volume(const struct guest_mount *m, struct err **err);
/* VM: writes out and unmounts all volumes: for the power off. */
void mounts_finish(void);

#endif
