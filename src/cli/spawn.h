/* SPDX-License-Identifier: MIT */
/* Starting the daemon when a command needs it. */
#ifndef ATOLL_SPAWN_H
#define ATOLL_SPAWN_H

#include "err.h"

/*
 * Starts atolld, apart from this terminal, and connects to its socket once it listens. When it dies
 * instead, the error has the last line of its log.
 */
int spawn_daemon(const char *socket, int *ret_fd, struct err **err);

#endif
