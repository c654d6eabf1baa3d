/* SPDX-License-Identifier: MIT */
/*
 * Landlock: from here on, this process reaches only the listed parts of the file system. A second
 * wall behind the mount namespace for our own processes; where the kernel has none it is skipped.
 */
#ifndef ATOLL_LANDLOCK_H
#define ATOLL_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum landlock_access {
	LANDLOCK_READ,  /* read files, list folders */
	LANDLOCK_WRITE, /* READ, and write, make, remove and rename below */
	LANDLOCK_EXEC,  /* READ, and execute */
};

struct landlock_rule {
	const char *path; /* a folder with all below, or a file; one that is not there is skipped */
	enum landlock_access access;
};

/* Needs no_new_privs. 0 also where there is no Landlock (a debug line says so). */
int landlock_enter(const struct landlock_rule *rules, size_t n, struct err **err);
bool landlock_available(void);

#endif
