/* SPDX-License-Identifier: MIT */
/* A machine's statistics for people and for programs, on standard output. */
#ifndef VMM_ASK_STATS_H
#define VMM_ASK_STATS_H

#include "abi_vmm.h"

void ask_stats_print(const struct vmm_statistics *s);
void ask_stats_print_json(const struct vmm_statistics *s);

#endif
