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
};

/* kvm: an open /dev/kvm, taken over, on failure too. */
int vm_create(int kvm, const struct memory *m, struct vm *ret, struct err **err);
void vm_destroy(struct vm *vm);

/* An eventfd that raises an interrupt, as an edge; 0 or -errno. */
int vm_irqfd(const struct vm *vm, int eventfd, unsigned int gsi);
/* An eventfd that a guest's write of 4 bytes with this value signals, and that is all it does. */
int vm_ioeventfd(const struct vm *vm, int eventfd, uint64_t gpa, uint32_t value);

#endif
