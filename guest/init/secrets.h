/* SPDX-License-Identifier: MIT */
/* The machine's secrets: files for their owners alone, in memory. */
#ifndef ATOLL_INIT_SECRETS_H
#define ATOLL_INIT_SECRETS_H

#include "abi_wire.h"
#include "err.h"

/* Makes /run/secrets/NAME of each; a secret without an owner is `user`'s (NULL: root). */
int secrets_place(const struct msg_records *secrets, const char *user, struct err **err);

#endif
