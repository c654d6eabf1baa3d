/* SPDX-License-Identifier: MIT */
/* Which machines were started from which image, as their own configurations say: no daemon is asked. */
#ifndef ATOLL_MACHINE_IMAGES_H
#define ATOLL_MACHINE_IMAGES_H

#include "err.h"
#include "store.h"

struct machine_image {
	char *name;                  /* "FEDERATION/NAME" */
	char rootfs[DIGEST_LEN + 1]; /* "" when it cannot be told */
};

struct machine_images {
	struct machine_image *items; /* sorted by name */
	size_t n;
};

int machine_images_read(struct machine_images *ret, struct err **err);
void machine_images_finish(struct machine_images *m);

#endif
