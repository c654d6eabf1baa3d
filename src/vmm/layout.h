/* SPDX-License-Identifier: MIT */
/*
 * Where everything is in the guest's physical address space, and on which interrupt.
 *
 *	0x0000_0000	RAM: boot structures, see below; the kernel from 1 MiB on
 *	LAYOUT_HOLE	end of low RAM at most; nothing is here …
 *	LAYOUT_VIRTIO	… but virtio-mmio slots, one page each
 *	LAYOUT_PLATFORM	… the platform device's page (power, reset, events, timestamps: dev_platform.h)
 *	0xfec0_0000	IOAPIC and local APICs, inside KVM
 *	0xfffb_c000	four pages that KVM needs on Intel's processors
 *	0x1_0000_0000	RAM that had no place below the hole
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

/* In the first MiB. The kernel takes what it needs of it before it frees the rest. */
#define LAYOUT_GDT         0x0500
#define LAYOUT_START_INFO  0x6000 /* PVH's struct hvm_start_info and its tables */
#define LAYOUT_ZERO_PAGE   0x7000 /* Linux's struct boot_params */
#define LAYOUT_STACK       0x8ff0
#define LAYOUT_PAGE_TABLES 0x9000  /* three pages and more, for entry in long mode */
#define LAYOUT_CMDLINE     0x20000 /* at most LAYOUT_CMDLINE_MAX with its NUL */
#define LAYOUT_CMDLINE_MAX 4096
#define LAYOUT_LOW_END     0x9fc00 /* end of conventional memory */
#define LAYOUT_ACPI        0xe0000 /* RSDP first, then the tables; reserved in the memory map */
#define LAYOUT_ACPI_END    0x100000
#define LAYOUT_RESET       0xffff0 /* what a PC's processor executes first: our way back, see boot.c */
#define LAYOUT_KERNEL      0x100000

#define LAYOUT_HOLE     UINT64_C(0xc0000000)
#define LAYOUT_HOLE_END UINT64_C(0x100000000)

#define LAYOUT_VIRTIO        UINT64_C(0xd0000000)
#define LAYOUT_VIRTIO_SIZE   0x1000 /* of one slot */
#define LAYOUT_VIRTIO_SLOTS  96
#define LAYOUT_PLATFORM      UINT64_C(0xd0100000)
#define LAYOUT_PLATFORM_SIZE 0x1000

#define LAYOUT_IOAPIC   UINT64_C(0xfec00000)
#define LAYOUT_APIC     UINT64_C(0xfee00000)
#define LAYOUT_IDENTITY UINT64_C(0xfffbc000) /* one page: KVM_SET_IDENTITY_MAP_ADDR */
#define LAYOUT_TSS      UINT64_C(0xfffbd000) /* three pages: KVM_SET_TSS_ADDR */

/* Ports */
#define LAYOUT_SERIAL        0x3f8
#define LAYOUT_RESET_CONTROL 0xcf9 /* the PC's way to ask for a reset (dev_platform.h) */

/* Interrupts: inputs of the IOAPIC, which has 24. All are edges, and virtio devices share them. */
#define LAYOUT_GSI_SERIAL   4
#define LAYOUT_GSI_PLATFORM 5
#define LAYOUT_GSI_VIRTIO   6 /* … to 23: slot N has LAYOUT_GSI_VIRTIO + N % LAYOUT_GSIS_VIRTIO */
#define LAYOUT_GSIS_VIRTIO  18

#define LAYOUT_CPUS_MAX 64

#endif
