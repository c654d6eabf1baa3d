/* SPDX-License-Identifier: MIT */
/* Atoll's own programs that go into appliances, and the architectures they are for. */
#ifndef ATOLL_BUILD_PROGRAMS_H
#define ATOLL_BUILD_PROGRAMS_H

#include "err.h"

#define PROGRAM_INIT "atoll-init" /* the first process of a machine */

/*
 * Finds one of our programs for an architecture; the caller frees *ret_path. -ENOEXEC when it is
 * there but for another architecture.
 */
int program_find(const char *name, const char *arch, char **ret_path, struct err **err);

#endif
