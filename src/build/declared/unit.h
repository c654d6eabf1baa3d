/* SPDX-License-Identifier: MIT */
/*
 * A service unit, systemd.service(5), as far as it says which program it is for and which folders that
 * wants. Foreign bytes.
 */
#ifndef ATOLL_BUILD_UNIT_H
#define ATOLL_BUILD_UNIT_H

#include "tmpfiles.h"

struct unit {
	char **commands; /* the words of all ExecStart= */
	char *command;   /* the first of them, without what is systemd's alone; NULL: none */
	struct tmpfiles folders;
};

/* `name` is the unit's file name. */
void unit_read(const char *text, const char *name, struct unit *ret);
void unit_finish(struct unit *u);

#endif
