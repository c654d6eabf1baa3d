/* SPDX-License-Identifier: MIT */
/*
 * What a kernel has for the disks and NICs of other hypervisors, and of computers: modules that Atoll's own
 * machines have no use for. An archive for the initramfs of exported media (atoll-convert(1)), compressed
 * with zstd, which all appliances with that kernel share:
 *
 *	/drivers/NAME.ko
 *	/drivers/load     a line for each kind of device: "PATTERN FILE…", a pattern of modaliases and the
 *	                  files to load for such a device, in order
 */
#ifndef ATOLL_BUILD_DRIVERS_H
#define ATOLL_BUILD_DRIVERS_H

#include "kernel.h"

/* Makes it unless the cache has it. The caller frees *ret_path; NULL for a kernel without modules. */
int drivers_make(struct workspace *ws, const struct kernel *kernel, char **ret_path,
		 struct err **err);

#endif
