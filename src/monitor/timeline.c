/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <time.h>

#include "loop.h"
#include "str.h"

static uint64_t boottime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The moment that was `age` before `at`, if that is not before the guest; else `otherwise`. */
static uint64_t before(const struct control_times *times, uint64_t at, uint64_t age,
		       uint64_t otherwise)
{
	return at >= times->guest && age <= at - times->guest ? at - age : otherwise;
}

/*
 * We may read of a phase late: a light machine's init runs while the monitor still locks itself in.
 * Its clock is ours, so it tells how late. A VM boots for longer than that.
 */
static uint64_t phase_time(const struct control_times *times, const struct wire_state *state,
			   bool same_clock)
{
	uint64_t now = (uint64_t)clock_ns();

	return same_clock ? before(times, now, boottime() - state->uptime, now) : now;
}

/* What was before the agent could speak. A VM's clock began with its kernel. */
static void look_back(struct control_times *times, const struct wire_state *state, bool same_clock)
{
	times->init = times->agent;
	if (state->began && state->began <= state->uptime)
		times->init =
			before(times, times->agent, state->uptime - state->began, times->agent);
	if (!same_clock)
		times->kernel = before(times, times->agent, state->uptime, 0);
}

void timeline_take_phase(struct control_times *times, const struct wire_state *state,
			 bool same_clock)
{
	uint64_t *const points[] = {
		[PHASE_INIT] = &times->agent,
		[PHASE_PREPARED] = &times->prepared,
		[PHASE_STARTED] = &times->started,
		[PHASE_READY] = &times->ready,
	};

	*points[state->phase] = phase_time(times, state, same_clock);
	if (state->phase == PHASE_INIT)
		look_back(times, state, same_clock);
}

/* What cannot have been leaves the point as it is; what just was goes behind the point before it. */
static void take(const struct control_times *times, uint64_t *point, uint64_t previous,
		 uint64_t value)
{
	if (value >= times->launch && value <= (uint64_t)clock_ns())
		*point = value > previous ? value : previous;
}

void timeline_take_vmm(struct control_times *times, const struct vmm_times *vmm)
{
	take(times, &times->kvm, times->guest, vmm->kvm);
	take(times, &times->kernel, times->kvm, vmm->entry);
	for (char **stamp = vmm->stamps; stamp && *stamp; stamp++) {
		uint64_t value;

		if (str_starts(*stamp, "1 ") && str_to_u64(*stamp + 2, UINT64_MAX, &value) == 0)
			take(times, &times->init, times->kernel, value);
	}
}
