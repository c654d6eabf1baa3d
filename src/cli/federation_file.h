/* SPDX-License-Identifier: MIT */
/* The federation file that a command is about, as the daemon takes it. */
#ifndef ATOLL_FEDERATION_FILE_H
#define ATOLL_FEDERATION_FILE_H

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

/*
 * Sends the file (NULL: atoll.yaml here) to the daemon. *ret_answer as in client_call; what is wrong
 * with the file was printed then.
 */
int federation_file_post(const char *path, bool dry_run, json_t **ret_answer, struct err **err);
/* The name that the file gives its federation; faults of the file are printed. */
int federation_file_name(const char *path, char **ret_name, struct err **err);

#endif
