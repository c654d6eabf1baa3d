/* SPDX-License-Identifier: MIT */
/* What a kind asks of the host: its free memory, its clock, what a process uses. */
#ifndef ATOLL_HOST_H
#define ATOLL_HOST_H

#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* -ENOMEM when the host has not that many bytes to give. */
int host_check_memory(uint64_t bytes, struct err **err);
/* Rate of the time stamp counter in kHz, measured in a few milliseconds; 0 where there is none. */
unsigned long host_tsc_khz(void);
/* Resident bytes and nanoseconds of one process; 0 for one that is gone. */
void host_process_usage(pid_t pid, uint64_t *ret_memory, uint64_t *ret_cpu);

#endif
