/* SPDX-License-Identifier: MIT */
#include "timeline.h"

#include <stdio.h>

#include "machine.h"
#include "mem.h"

static void print(const struct machine *m, const char *what, int64_t ns)
{
	const int64_t us = (ns - m->launch_ns) / 1000;

	if (ns)
		fprintf(stderr, "%8lld.%03d ms  %s\n", (long long)us / 1000, (int)(us % 1000),
			what);
}

void timeline_print(const struct machine *m)
{
	print(m, "virtual machine complete", m->kvm_ns);
	print(m, "first instruction of the guest", vcpus_entry_ns(m->vcpus));
	for (size_t phase = 0; phase < PLATFORM_STAMPS; phase++) {
		char what[32];

		snprintf(what, sizeof(what), "timestamp %zu", phase);
		print(m, what, m->platform.stamps[phase]);
	}
}
