/* SPDX-License-Identifier: MIT */
/*
 * When the points of a start were reached, on the host's clock: from what the guest's agent says of
 * its own clock, and from what atoll-vmm says. Both may be a hostile guest's words: nothing is believed
 * to have been before the guest's start, or to be in the future.
 */
#ifndef ATOLL_TIMELINE_H
#define ATOLL_TIMELINE_H

#include <stdbool.h>

#include "abi_control.h"
#include "abi_vmm.h"
#include "abi_wire.h"

/* The guest is in state->phase, PHASE_INIT to PHASE_READY. same_clock: it runs on the host's kernel. */
void timeline_take_phase(struct control_times *times, const struct wire_state *state,
			 bool same_clock);
/* Exact where the guest's clock gave an estimate. */
void timeline_take_vmm(struct control_times *times, const struct vmm_times *vmm);

#endif
