/* SPDX-License-Identifier: MIT */
/*
 * The recipe's `test:`: does the appliance do its work, and does it open a file that the closure left
 * out? See trial.c for the theory; the parts are trial_root.c (the machine's namespaces and root, and
 * what is opened there) and trial_machine.c (what happens in it).
 */
#ifndef ATOLL_BUILD_TRIAL_H
#define ATOLL_BUILD_TRIAL_H

#include "package.h"
#include "recipe.h"
#include "tree.h"
#include "workspace.h"

struct trial {
	struct workspace *ws;
	const struct recipe *recipe;
	const struct package_list *packages;
	const struct tree *tree, *left; /* what is in the image, what of its packages is not */
	const char *arch;
	const char *init; /* atoll-init's path */
};

/*
 * Runs it. -EINVAL: it fails, or asks for what is left out; the notes say more, for people. Other
 * errors are this computer's, which cannot run it.
 */
int trial_run(const struct trial *t, char ***notes, struct err **err);

/*
 * Runs a program of the packages, on all their files, in a machine of the same kind: no network, no rights, and nothing
 * that it changes stays, but for what it makes below TRIAL_MADE. `made`, a path below that, is moved to `dest`.
 */
#define TRIAL_MADE "/tmp/made"
int trial_make(const struct trial *t, char **argv, const char *made, const char *dest,
	       struct err **err);

/* A digest of all that decides about its result but the image itself, whose root hash is given. */
int trial_digest(const struct trial *t, const char *verity, char hex[65], struct err **err);

#endif
