/* SPDX-License-Identifier: MIT */
/* All that is counted of a machine, as a message: for the control socket. */
#ifndef VMM_COUNTERS_H
#define VMM_COUNTERS_H

#include "abi_vmm.h"

struct machine;

/* The caller frees: msg_free(&vmm_statistics_type, …). */
struct vmm_statistics *counters_collect(struct machine *m);
/* Its times alone: no processor and no file is asked. */
struct vmm_statistics *counters_times(const struct machine *m);

#endif
