/* SPDX-License-Identifier: MIT */
/* A folder of a cache within bounds. */
#ifndef ATOLL_BUILD_TRIM_H
#define ATOLL_BUILD_TRIM_H

#include <stdint.h>

/*
 * Removes the regular files of a folder, beginning with those of the oldest mtime, until the others have at
 * most `max` bytes. Names that begin with a dot are none of its business. What cannot be removed stays.
 */
void trim_folder(const char *path, uint64_t max);

#endif
