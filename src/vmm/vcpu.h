/* SPDX-License-Identifier: MIT */
/*
 * The virtual processors, a thread each. vcpu.c runs them and serves their exits, vcpu_x86.c gives them
 * their first state.
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdint.h>

#include "boot.h"
#include "bus.h"
#include "err.h"
#include "vm.h"

#define VCPU_REASONS 64 /* KVM_EXIT_…; higher ones count as the last */

/* Why the guest ended on a processor. */
enum vcpu_end {
	VCPU_SHUTDOWN, /* triple fault */
	VCPU_FAILED, /* KVM could not go on: the guest's state is impossible, or the host's KVM fails */
};

struct vcpus;

struct vcpus_config {
	const struct vm *vm;
	unsigned int n;
	struct boot_entry entry;
	const struct bus *mmio, *pio;
	/*
	 * The lock of all devices. A processor takes it around every access to a bus; vcpus_pause and
	 * vcpus_stop are called with it and let it go while they wait.
	 */
	void (*lock)(void *data);
	void (*unlock)(void *data);
	/* On a processor's thread, under the lock; detail is one line. */
	void (*ended)(enum vcpu_end end, const char *detail, void *data);
	/* First thing of each thread: its system call filter; 0 or -errno. */
	int (*isolate)(void *data);
	void *data;
};

int vcpus_create(const struct vcpus_config *config, struct vcpus **ret, struct err **err);
/* Makes the threads, paused: returns when all of them are isolated, or the first failed to be. */
int vcpus_start(struct vcpus *v, struct err **err);
/* Returns when no processor runs guest code any more. */
void vcpus_pause(struct vcpus *v);
void vcpus_resume(struct vcpus *v);
/* Ends the threads and waits for them. */
void vcpus_stop(struct vcpus *v);
void vcpus_destroy(struct vcpus *v); /* stopped, or never started; accepts NULL */

/* How often guests came out of KVM to us, by reason, all processors together. */
void vcpus_exits(const struct vcpus *v, uint64_t ret_counts[VCPU_REASONS]);
/* "mmio", "io", …; NULL for a reason without a name. */
const char *vcpu_reason_name(unsigned int reason);
/*
 * KVM's own statistics of a processor (stats.h), which stay ours; -1: this kernel has none. Under the
 * machine's lock, as vcpus_pause.
 */
int vcpus_stats_fd(struct vcpus *v, unsigned int cpu);
/* CLOCK_MONOTONIC of the first guest instruction; 0: not yet. */
int64_t vcpus_entry_ns(const struct vcpus *v);

#endif
