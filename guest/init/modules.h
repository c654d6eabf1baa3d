/* SPDX-License-Identifier: MIT */
/* Kernel modules. */
#ifndef ATOLL_MODULES_H
#define ATOLL_MODULES_H

#include "err.h"

/* Loads one module's file; one that the kernel has already is fine, and one for what this machine has not. */
int module_load(const char *path, struct err **err);

/* Loads the modules that DIR/load names, one file name of DIR on each line, in that order. */
int modules_load_listed(const char *dir, struct err **err);

#endif
