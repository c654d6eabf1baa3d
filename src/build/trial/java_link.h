/* SPDX-License-Identifier: MIT */
/* The modules of a runtime of Java that an appliance needs, linked into one file by jlink(1). */
#ifndef ATOLL_BUILD_JAVA_LINK_H
#define ATOLL_BUILD_JAVA_LINK_H

#include <stdbool.h>

#include "trial.h"

/*
 * After the closure: of the files .jmod that it kept it makes the runtime's lib/modules, and leaves them out of
 * the image. Where it kept none, or all, nothing is linked.
 */
bool java_is_to_link(struct tree *tree, struct tree *left);
int java_link(const struct trial *t, struct tree *tree, struct tree *left, struct err **err);

#endif
