/* SPDX-License-Identifier: MIT */
/* The first state of an x86-64 processor: what it says it is (CPUID), its registers, its clocks. */
#ifndef VMM_VCPU_X86_H
#define VMM_VCPU_X86_H

#include "boot.h"
#include "err.h"
#include "vm.h"

struct cpuid; /* what KVM supports on this host, asked once for all processors */

int cpuid_read(const struct vm *vm, struct cpuid **ret, struct err **err);
void cpuid_free(struct cpuid *c);

/*
 * fd: processor `index` of n, fresh. Processor 0 gets the registers of the entry, the others wait for
 * it to wake them (INIT, SIPI).
 */
int vcpu_x86_setup(int fd, unsigned int index, unsigned int n, struct cpuid *cpuid,
		   const struct boot_entry *entry, struct err **err);

#endif
