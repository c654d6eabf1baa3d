/* SPDX-License-Identifier: MIT */
#include "vcpu_x86.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "layout.h"
#include "mem.h"

#define CPUID_ENTRIES 256

/* Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. */
#define LEAF1_ECX_VMX          (1u << 5)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_EDX_HTT          (1u << 28)
#define LEAF6_EAX_ARAT         (1u << 2)
#define LEAF6_ECX_EPB          (1u << 3)
#define LEAF80000001_ECX_SVM   (1u << 2)
#define LEVEL_THREAD           (1u << 8)
#define LEVEL_CORE             (2u << 8)

/* Of a cache, leaves 4 and 0x8000001d: its type (0: there is none), and all but who shares it. */
#define CACHE_EAX_TYPE   0x1fu
#define CACHE_EAX_OF_ONE 0x3ffu

#define MSR_MISC_ENABLE             0x1a0
#define MSR_MISC_ENABLE_FAST_STRING 1
#define MSR_MTRR_DEF_TYPE           0x2ff
#define MSR_MTRR_DEF_TYPE_WB        0x806 /* enabled, write-back */

#define CR0_PE   UINT64_C(1)
#define CR0_ET   UINT64_C(0x10)
#define CR0_PG   UINT64_C(0x80000000)
#define CR4_PAE  UINT64_C(0x20)
#define EFER_LME UINT64_C(0x100)
#define EFER_LMA UINT64_C(0x400)

#define APIC_BASE_BSP (LAYOUT_APIC | 0x900) /* enabled, on the boot processor */

struct cpuid {
	bool tsc_deadline;
	struct kvm_cpuid2 *entries; /* room for CPUID_ENTRIES */
};

static const struct kvm_cpuid_entry2 *find_entry(const struct kvm_cpuid2 *all, uint32_t function,
						 uint32_t index)
{
	for (uint32_t i = 0; i < all->nent; i++)
		if (all->entries[i].function == function && all->entries[i].index == index)
			return &all->entries[i];
	return NULL;
}

/*
 * The level of cores, which KVM offers no more since Linux 6.2: without it, each processor would be a
 * package of its own.
 */
static void add_cores(struct kvm_cpuid2 *all, uint32_t leaf)
{
	if (!find_entry(all, leaf, 0) || find_entry(all, leaf, 1) || all->nent == CPUID_ENTRIES)
		return;
	all->entries[all->nent++] = (struct kvm_cpuid_entry2){
		.function = leaf, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX
	};
}

int cpuid_read(const struct vm *vm, struct cpuid **ret, struct err **err)
{
	const size_t size =
		sizeof(struct kvm_cpuid2) + CPUID_ENTRIES * sizeof(struct kvm_cpuid_entry2);
	struct cpuid *c = xcalloc(1, sizeof(*c));

	c->entries = xcalloc(1, size);
	c->entries->nent = CPUID_ENTRIES;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, c->entries) < 0) {
		int r = err_set_errno(err, errno, "KVM does not say what processors it can make");

		cpuid_free(c);
		return r;
	}
	add_cores(c->entries, 0xb);
	add_cores(c->entries, 0x1f);
	c->tsc_deadline = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	*ret = c;
	return 0;
}

void cpuid_free(struct cpuid *c)
{
	if (c)
		free(c->entries);
	free(c);
}

static unsigned int log2_up(unsigned int n)
{
	unsigned int bits = 0;

	while (1u << bits < n)
		bits++;
	return bits;
}

/* One package of n cores with one thread each (leaf 0xb and 0x1f). */
static void set_topology(struct kvm_cpuid_entry2 *e, unsigned int index, unsigned int n)
{
	e->eax = e->index == 1 ? log2_up(n) : 0;
	e->ebx = e->index == 0 ? 1 : e->index == 1 ? n : 0;
	e->ecx = e->index | (e->index == 0 ? LEVEL_THREAD : e->index == 1 ? LEVEL_CORE : 0);
	e->edx = index;
}

/* How many processors share a cache: the first two levels are a core's own. */
static uint32_t sharing(uint32_t eax, unsigned int n)
{
	return (eax >> 5 & 7) > 2 ? (n - 1) << 14 : 0;
}

/* What differs from what the host can do: nothing nested, no counters, this processor's place. */
static void set_entry(struct kvm_cpuid_entry2 *e, unsigned int index, unsigned int n,
		      bool tsc_deadline)
{
	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xff00) | index << 24 | n << 16;
		e->ecx |= LEAF1_ECX_HYPERVISOR | (tsc_deadline ? LEAF1_ECX_TSC_DEADLINE : 0);
		e->ecx &= ~LEAF1_ECX_VMX;
		e->edx = n > 1 ? e->edx | LEAF1_EDX_HTT : e->edx & ~LEAF1_EDX_HTT;
		break;
	case 4: /* caches, also how many cores there are */
		if (e->eax & CACHE_EAX_TYPE)
			e->eax = (e->eax & CACHE_EAX_OF_ONE) | (n - 1) << 26 | sharing(e->eax, n);
		break;
	case 6: /* the timer of the APIC never stops */
		e->eax |= LEAF6_EAX_ARAT;
		e->ecx &= ~LEAF6_ECX_EPB;
		break;
	case 0xa: /* no performance counters */
		e->eax = e->ebx = e->ecx = e->edx = 0;
		break;
	case 0xb:
	case 0x1f:
		set_topology(e, index, n);
		break;
	case 0x80000001:
		e->ecx &= ~LEAF80000001_ECX_SVM;
		break;
	case 0x80000008:
		e->ecx = log2_up(n) << 12 | (n - 1);
		break;
	case 0x8000001d: /* caches, of AMD */
		if (e->eax & CACHE_EAX_TYPE)
			e->eax = (e->eax & CACHE_EAX_OF_ONE) | sharing(e->eax, n);
		break;
	case 0x8000001e:
		e->eax = index;
		e->ebx = index;
		e->ecx = 0;
		break;
	default:
		break;
	}
}

static int set_cpuid(int fd, unsigned int index, unsigned int n, struct cpuid *c, struct err **err)
{
	for (uint32_t i = 0; i < c->entries->nent; i++)
		set_entry(&c->entries->entries[i], index, n, c->tsc_deadline);
	return ioctl(fd, KVM_SET_CPUID2, c->entries) < 0
		       ? err_set_errno(err, errno, "KVM does not take the processor's CPUID")
		       : 0;
}

/* All memory is write-back, or the guest would turn its page attribute table off. */
static int set_msrs(int fd, struct err **err)
{
	static const struct kvm_msr_entry entries[] = {
		{ .index = MSR_MISC_ENABLE, .data = MSR_MISC_ENABLE_FAST_STRING },
		{ .index = MSR_MTRR_DEF_TYPE, .data = MSR_MTRR_DEF_TYPE_WB },
	};
	cleanup_free struct kvm_msrs *msrs = xcalloc(1, sizeof(*msrs) + sizeof(entries));

	msrs->nmsrs = ARRAY_SIZE(entries);
	memcpy(msrs->entries, entries, sizeof(entries));
	return ioctl(fd, KVM_SET_MSRS, msrs) < 0
		       ? err_set_errno(err, errno, "KVM does not take the processor's registers")
		       : 0;
}

static const struct kvm_segment flat_code = {
	.limit = ~0U, .selector = 0x10, .type = 11, .present = 1, .s = 1, .db = 1, .g = 1
};
static const struct kvm_segment flat_data = {
	.limit = ~0U, .selector = 0x18, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1
};
static const struct kvm_segment task = {
	.limit = 0x67, .selector = 0x20, .type = 11, .present = 1
};
static const struct kvm_segment no_ldt = { .type = 2, .unusable = 1 };

/* Xen's x86/HVM direct boot ABI; Linux, Documentation/x86/boot.rst, "64-bit boot protocol". */
static int set_registers(int fd, const struct boot_entry *entry, struct err **err)
{
	const bool is_long = entry->mode == BOOT_LONG;
	struct kvm_sregs sregs = {
		.cs = flat_code,
		.ds = flat_data,
		.es = flat_data,
		.fs = flat_data,
		.gs = flat_data,
		.ss = flat_data,
		.tr = task,
		.ldt = no_ldt,
		.gdt = { .base = LAYOUT_GDT, .limit = 0x27 },
		.cr0 = CR0_PE | CR0_ET | (is_long ? CR0_PG : 0),
		.cr3 = is_long ? LAYOUT_PAGE_TABLES : 0,
		.cr4 = is_long ? CR4_PAE : 0,
		.efer = is_long ? EFER_LME | EFER_LMA : 0,
		.apic_base = APIC_BASE_BSP,
	};
	struct kvm_regs regs = {
		.rip = entry->address,
		.rsp = LAYOUT_STACK,
		.rbx = is_long ? 0 : entry->argument,
		.rsi = is_long ? entry->argument : 0,
		.rflags = 2,
	};

	if (is_long) {
		sregs.cs.db = 0;
		sregs.cs.l = 1;
	}
	if (ioctl(fd, KVM_SET_SREGS, &sregs) < 0 || ioctl(fd, KVM_SET_REGS, &regs) < 0)
		return err_set_errno(err, errno, "KVM does not take the processor's registers");
	return 0;
}

int vcpu_x86_setup(int fd, unsigned int index, unsigned int n, struct cpuid *cpuid,
		   const struct boot_entry *entry, struct err **err)
{
	int r = set_cpuid(fd, index, n, cpuid, err);

	if (r == 0)
		r = set_msrs(fd, err);
	if (r == 0 && index == 0)
		r = set_registers(fd, entry, err);
	return r;
}
