/* SPDX-License-Identifier: MIT */
/*
 * The file that an export makes. It has no name until it is whole, so that whatever happens nothing
 * half-written is left.
 */
#ifndef ATOLL_CONVERT_OUTPUT_H
#define ATOLL_CONVERT_OUTPUT_H

#include <stdbool.h>

#include "err.h"

struct output {
	const char *path;
	char *temp; /* NULL: the file has no name yet */
	int fd;
	bool force;
};

/* -EEXIST when something is there, unless force. */
int output_begin(struct output *o, const char *path, bool force, struct err **err);
/* Syncs, and gives it its name. */
int output_end(struct output *o, struct err **err);
/* Nothing stays of what was not ended. */
void output_finish(struct output *o);

#endif
