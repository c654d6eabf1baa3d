/* SPDX-License-Identifier: MIT */
/* Volumes: what a machine keeps. A folder for a light machine, a disk (ext4) for the other kinds. */
#ifndef ATOLL_VOLUMES_H
#define ATOLL_VOLUMES_H

#include <stdint.h>

#include "err.h"
#include "federation.h"

/* DIR/volumes/NAME, or DIR/volumes/NAME.img. The caller frees. */
char *volume_path(const char *dir, const char *name, enum kind kind);

/*
 * Makes the volume when it is not there. One that was made in the other form is refused, since the
 * machine would come up without its data. A disk that became larger in the file is not grown.
 */
int volume_prepare(const char *dir, const struct fed_volume *volume, enum kind kind,
		   struct err **err);

#endif
