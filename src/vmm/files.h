/* SPDX-License-Identifier: MIT */
/* Opens what the options name, while the host is still in reach. */
#ifndef VMM_FILES_H
#define VMM_FILES_H

#include "machine.h"

/* Closes what we inherited and no option names: a careless parent's files are not for the machine. */
void files_close_inherited(const struct options *options);
/* All descriptors are CLOEXEC. On failure nothing stays open or bound. */
int files_open(const struct options *options, struct machine_files *ret, struct err **err);
void files_close(struct machine_files *files);
/*
 * Removes the control socket that files_open bound, if it is still that one; when the start was refused, the
 * serial port's file too, if it was made for it.
 */
void files_unlink(const struct options *options, const struct machine_files *files, bool refused);

#endif
