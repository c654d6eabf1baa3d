/* SPDX-License-Identifier: MIT */
/* The machine's secrets on their way from the daemon's pipe to the wire: in memory, and not for long. */
#ifndef ATOLL_MONITOR_SECRETS_H
#define ATOLL_MONITOR_SECRETS_H

#include "abi_wire.h"
#include "err.h"

/* Standard input as another descriptor, which no program that is started gets; /dev/null in its place. */
int secrets_take(int *ret_fd, struct err **err);
/*
 * Reads what abi_machine.h says of the pipe; *ret is a list of struct wire_secret in the order of the
 * configuration's. The caller: secrets_free.
 */
int secrets_receive(int fd, const struct machine_config *config, struct msg_records *ret,
		    struct err **err);
void secrets_free(struct msg_records *list);

#endif
