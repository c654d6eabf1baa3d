/* SPDX-License-Identifier: MIT */
/* A VM's devices by what the host calls them. They may still be appearing: each call waits a while. */
#ifndef ATOLL_DEVICES_H
#define ATOLL_DEVICES_H

#include "err.h"

/*
 * The disk with this virtio-blk serial, or for "PARTLABEL=NAME" (abi_wire.h) the partition of that name:
 * *ret_path is its node ("/dev/vda"), owned by the caller.
 */
int device_find_disk(const char *serial, char **ret_path, struct err **err);

/* The virtio-console port of this name, opened, with the host connected to its other side. */
int device_open_port(const char *name, int *ret_fd, struct err **err);

#endif
