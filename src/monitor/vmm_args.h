/* SPDX-License-Identifier: MIT */
/* atoll-vmm's command line (atoll-vmm(8)). Pure: looks at nothing but its arguments. */
#ifndef ATOLL_VMM_ARGS_H
#define ATOLL_VMM_ARGS_H

#include "vm_process.h"

/*
 * The arguments as a strv, the caller's to free; -EINVAL when the configuration holds what cannot
 * be said. program: its path; uid: whom it runs as.
 */
int vmm_arguments(const struct machine_config *config, const char *program, uid_t uid,
		  const struct vm_fds *fds, char ***ret_argv, struct err **err);

#endif
