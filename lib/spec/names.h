/* SPDX-License-Identifier: MIT */
/* What recipes and federations call things: the fixed names, and the forms of free ones. */
#ifndef ATOLL_NAMES_H
#define ATOLL_NAMES_H

#include <stdbool.h>

/* NULL-terminated. */
extern const char *const kind_names[];       /* by enum kind */
extern const char *const arch_names[];       /* Debian's, of those that appliances can be for */
extern const char *const capability_names[]; /* capabilities(7), lower case, without "cap_" */

/* Debian's name for the architecture that this program was built for. */
const char *arch_host(void);

/*
 * An absolute path in the one form that it has: no empty, "." or ".." part and no '/' at its end, less
 * than 1024 bytes. The root itself is none.
 */
bool name_is_path(const char *s);
/* The same, relative. */
bool name_is_relative(const char *s);
/* A user's or group's name as Debian allows it. */
bool name_is_user(const char *s);
/* A secret's name: a file's name of letters, digits, '-', '_' and '.', that begins with one of the first two. */
bool name_is_secret(const char *s);
/* A package's name, as Debian Policy 5.6.1 has it. */
bool name_is_package(const char *s);

#endif
