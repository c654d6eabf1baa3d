/* SPDX-License-Identifier: MIT */
/* QEMU's command line. Pure: looks at nothing but its arguments. */
#ifndef ATOLL_QEMU_ARGS_H
#define ATOLL_QEMU_ARGS_H

#include "qemu_board.h"
#include "vm_process.h"

#define QEMU_OVMF_CODE "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define QEMU_OVMF_VARS "/usr/share/OVMF/OVMF_VARS_4M.fd"

/*
 * The arguments as a strv, the caller's to free; -EINVAL when the configuration holds what cannot
 * be said to QEMU. tsc_khz: the host's time stamp counter, for a board with .tsc; 0: not known.
 */
int qemu_arguments(const struct machine_config *config, const struct qemu_board *board,
		   const struct vm_fds *fds, unsigned long tsc_khz, char ***ret_argv,
		   struct err **err);

#endif
