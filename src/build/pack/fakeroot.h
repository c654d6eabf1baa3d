/* SPDX-License-Identifier: MIT */
/*
 * fakeroot(1) for one program: what it sees of files' owners and modes is what a state file says.
 *
 * The script of that name leaves its daemon behind when it is killed; here the daemon is a child of
 * ours like any other, and ends with us whatever happens.
 */
#ifndef ATOLL_BUILD_FAKEROOT_H
#define ATOLL_BUILD_FAKEROOT_H

#include <sys/types.h>

#include "err.h"

struct fakeroot {
	pid_t pid;
	char *library; /* for the program's LD_PRELOAD */
	char *key;     /* for its FAKEROOTKEY */
};

/* state: a file in fakeroot's save format. */
int fakeroot_start(const char *state, struct fakeroot *ret, struct err **err);
void fakeroot_stop(struct fakeroot *f);

#endif
