/* SPDX-License-Identifier: MIT */
/* Child processes of the daemon: started without any of its descriptors, reaped by the loop. */
#ifndef ATOLL_CHILDREN_H
#define ATOLL_CHILDREN_H

#include <sys/types.h>

#include "err.h"
#include "loop.h"

struct children;

/* status is that of waitpid. */
typedef void (*child_fn)(pid_t pid, int status, void *data);

struct children *children_create(struct loop *loop);
/* Children run on; their callbacks are forgotten. Accepts NULL. */
void children_destroy(struct children *c);

/*
 * Starts argv[0] in a session of its own. Standard input is `input`, or /dev/null for -1, output and error
 * go to output (the caller keeps both). done is called once, from the loop.
 */
int children_spawn(struct children *c, char *const *argv, int input, int output, child_fn done,
		   void *data, pid_t *ret_pid, struct err **err);
/* done will not be called; the child is still reaped. */
void children_forget(struct children *c, pid_t pid);

/* "exit code 3" or "signal 9": what waitpid said. Static buffer. */
const char *child_status(int status);

#endif
