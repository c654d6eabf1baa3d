/* SPDX-License-Identifier: MIT */
/* The privileged half of a monitor (halves.h): starts the guest, keeps it, and writes its end down. */
#ifndef ATOLL_KEEPER_H
#define ATOLL_KEEPER_H

#include <stdint.h>

#include "err.h"

/*
 * Runs the machine whose folder is dir from its start to its end. 0 when it ended, in whatever way,
 * and the folder's file `exit` says how; else -errno.
 */
int keeper_run(const char *dir, int64_t launched, struct err **err);

#endif
