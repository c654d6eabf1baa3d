/* SPDX-License-Identifier: MIT */
/*
 * The virtual processors, a thread each. vcpu.c runs them and serves their exits, vcpu_x86.c gives them
 * their first state.
 *
 * States of all together: PAUSED (threads wait) ⇄ RUNNING → ENDED. Exits that reach us are counted by
 * reason in the thread's own struct, which others read while the thread writes (atomics).
 */
#ifndef VMM_VCPU_H
#define VMM_VCPU_H

#include <stdint.h>

#include "boot.h"
#include "bus.h"
#include "err.h"
#include "vm.h"

#define VCPU_REASONS 64 /* KVM_EXIT_…; higher ones count as the last */

/* Why the guest ended by itself on a processor. */
enum vcpu_end {
	VCPU_SHUTDOWN, /* triple fault */
	VCPU_FAILED,   /* KVM could not go on: a fault of the guest's state, or of the host's KVM */
};

struct vcpus;

struct vcpus_config {
	struct vm *vm;
	unsigned int n;
	const struct boot_entry *entry;
	struct bus *mmio, *pio;
	/* Taken around every access to a bus. */
	void (*lock)(void *data);
	void (*unlock)(void *data);
	/* Called once, on a vCPU's thread, under the lock. `detail` is one line. */
	void (*ended)(enum vcpu_end end, const char *detail, void *data);
	/* First thing of each thread: its system call filter. */
	int (*isolate)(void *data);
	void *data;
};

int vcpus_create(const struct vcpus_config *config, struct vcpus **ret, struct err **err);
/* Makes the threads, which wait paused. */
int vcpus_start(struct vcpus *v, struct err **err);
/* Returns when no processor runs guest code any more. */
void vcpus_pause(struct vcpus *v);
void vcpus_resume(struct vcpus *v);
/* Ends the threads and waits for them. */
void vcpus_stop(struct vcpus *v);
void vcpus_destroy(struct vcpus *v); /* accepts NULL */

/* Sums over all processors; VCPU_REASONS counts. */
void vcpus_exits(const struct vcpus *v, uint64_t *ret_counts);
/* Of KVM's own statistics, which have no names of ours: descriptors of KVM_GET_STATS_FD, or -1. */
int vcpus_stats_fd(const struct vcpus *v, unsigned int cpu);
int64_t vcpus_entry_ns(
	const struct vcpus *v); /* CLOCK_MONOTONIC of the first KVM_RUN; 0: not yet */

#endif
