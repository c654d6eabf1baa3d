/* SPDX-License-Identifier: MIT */
/* The descriptor of a virtual machine for other hypervisors (DMTF DSP0243 1.1, "Open Virtualization Format"). */
#ifndef ATOLL_CONVERT_OVF_H
#define ATOLL_CONVERT_OVF_H

#include "store.h"

struct ovf_disk {
	const char *file;
	uint64_t file_size, capacity; /* bytes */
};

void ovf_write(const struct store_image *image, const struct ovf_disk *disk, struct buf *out);

#endif
