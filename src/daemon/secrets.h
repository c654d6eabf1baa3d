/* SPDX-License-Identifier: MIT */
/*
 * Machines' secrets: files of the host that are read at each start, and go to the machine's monitor by a pipe. The
 * daemon keeps a digest of each, by which a plan sees that one changed; no more of it is in any file of ours.
 */
#ifndef ATOLL_DAEMON_SECRETS_H
#define ATOLL_DAEMON_SECRETS_H

#include "err.h"
#include "federation.h"

/* Reads all files of a federation: their digests, and in diags what is wrong with which. */
void secrets_check(struct federation *f, struct diag_list *diags);
/* The same for one machine; the first fault is the error. */
int secrets_check_machine(const struct federation *f, struct fed_machine *m, struct err **err);
/*
 * Reads those of one machine anew. *ret_fd is the end of a pipe that holds them all as abi_machine.h has it, the
 * caller's; -1 when the machine has none.
 */
int secrets_open(const struct federation *f, struct fed_machine *m, int *ret_fd, struct err **err);

#endif
