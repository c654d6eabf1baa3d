/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine as KVM sees it: memory slots, interrupt controllers, eventfds. Memory is
 * registered before the interrupt controllers are made: the other order costs KVM milliseconds.
 */
#ifndef VMM_VM_H
#define VMM_VM_H

#include <stdint.h>

#include "err.h"
#include "memory.h"

struct vm {
	int kvm; /* /dev/kvm */
	int fd;
	uint64_t ioctls; /* of ours, for the ledger in bench/ */
};

/* kvm: an open /dev/kvm, taken over. */
int vm_create(int kvm, const struct memory *m, struct vm *ret, struct err **err);
void vm_destroy(struct vm *vm);

/* An eventfd that raises an interrupt; one that a guest's 4-byte write of value at gpa signals. */
int vm_irqfd(struct vm *vm, int eventfd, unsigned int gsi);
int vm_ioeventfd(struct vm *vm, int eventfd, uint64_t gpa, uint32_t value);

#endif
