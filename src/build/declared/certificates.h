/* SPDX-License-Identifier: MIT */
/*
 * What update-ca-certificates(8) and its hooks would have made of the certificates that packages and the recipe
 * bring: the bundle, and where a runtime of Java looks for one, its key store.
 */
#ifndef ATOLL_BUILD_CERTIFICATES_H
#define ATOLL_BUILD_CERTIFICATES_H

#include "tree.h"
#include "workspace.h"

/* Puts them into the tree, for the closure to keep when something asks; the recipe's own files stay. */
int certificates_make(struct workspace *ws, struct tree *tree, struct err **err);

#endif
