/* SPDX-License-Identifier: MIT */
/* A virtual machine without a monitor: what it would be told is a file of its initramfs. */
#ifndef ATOLL_STANDALONE_H
#define ATOLL_STANDALONE_H

#include "abi_wire.h"

/* NULL in *ret_start when there is no such file; else the caller's. */
int standalone_read(struct wire_start **ret_start, struct err **err);

#endif
