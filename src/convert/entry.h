/* SPDX-License-Identifier: MIT */
/* Whether an image has what its config says is run. */
#ifndef ATOLL_CONVERT_ENTRY_H
#define ATOLL_CONVERT_ENTRY_H

#include "appliance.h"
#include "tree.h"

/* A line for each thing that keeps a machine from starting: no command, none that is there, no folder to begin in. */
void entry_check(const struct appliance *a, const struct tree *tree, char ***notes);

#endif
