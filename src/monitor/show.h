/* SPDX-License-Identifier: MIT */
#ifndef ATOLL_SHOW_H
#define ATOLL_SHOW_H

#include "err.h"

/* Prints the typed message in a file (a machine's config or exit) for people. */
int show_file(const char *path, struct err **err);

#endif
