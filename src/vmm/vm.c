/* SPDX-License-Identifier: MIT */
#include "vm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "fd.h"
#include "layout.h"
#include "mem.h"

/* What the machine cannot do without; every kernel of the last ten years has it. */
static const struct {
	int capability;
	const char *name;
} needed[] = {
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_IRQCHIP, "an interrupt controller" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
	{ KVM_CAP_EXT_CPUID, "CPUID" },
};

static int check_kvm(int kvm, struct err **err)
{
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return err_set(err, ENODEV,
			       "/dev/kvm: does not speak version %d of KVM's interface",
			       KVM_API_VERSION);
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(kvm, KVM_CHECK_EXTENSION, needed[i].capability) <= 0)
			return err_set(err, ENODEV, "/dev/kvm: this kernel's KVM has no %s",
				       needed[i].name);
	return 0;
}

static int add_memory(const struct vm *vm, const struct memory *m, struct err **err)
{
	for (size_t i = 0; i < m->n_regions; i++) {
		const struct kvm_userspace_memory_region slot = {
			.slot = (uint32_t)i,
			.guest_phys_addr = m->regions[i].base,
			.memory_size = m->regions[i].size,
			.userspace_addr = (uintptr_t)m->regions[i].host,
		};

		if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
			return err_set_errno(err, errno, "KVM takes no memory of %llu MiB",
					     (unsigned long long)slot.memory_size >> 20);
	}
	return 0;
}

static int make_vm(struct vm *vm, const struct memory *m, struct err **err)
{
	uint64_t identity = LAYOUT_IDENTITY;
	int r = check_kvm(vm->kvm, err);

	if (r < 0)
		return r;
	do
		vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return err_set_errno(err, errno, "KVM makes no virtual machine");
	r = add_memory(vm, m, err);
	if (r < 0)
		return r;
	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
	    ioctl(vm->fd, KVM_SET_TSS_ADDR, LAYOUT_TSS) < 0 ||
	    ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0)
		return err_set_errno(err, errno, "KVM makes no interrupt controller");
	return 0;
}

int vm_create(int kvm, const struct memory *m, struct vm *ret, struct err **err)
{
	struct vm vm = { .kvm = kvm, .fd = -1 };
	int r = make_vm(&vm, m, err);

	if (r < 0)
		vm_destroy(&vm);
	else
		*ret = vm;
	return r;
}

void vm_destroy(struct vm *vm)
{
	fd_close(&vm->fd);
	fd_close(&vm->kvm);
}

int vm_irqfd(const struct vm *vm, int eventfd, unsigned int gsi)
{
	const struct kvm_irqfd irqfd = { .fd = (uint32_t)eventfd, .gsi = gsi };

	return ioctl(vm->fd, KVM_IRQFD, &irqfd) < 0 ? -errno : 0;
}

int vm_ioeventfd(const struct vm *vm, int eventfd, uint64_t gpa, uint32_t value)
{
	const struct kvm_ioeventfd doorbell = {
		.addr = gpa,
		.len = sizeof(value),
		.fd = eventfd,
		.datamatch = value,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &doorbell) < 0 ? -errno : 0;
}
