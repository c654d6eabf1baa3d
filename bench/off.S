/* SPDX-License-Identifier: MIT */
/*
 * off: the smallest kernel, entered through PVH: asks for a reset at the PC's reset control register, which is
 * atoll-vmm's, and then at the register that QEMU's microvm has for it (ACPI's GED). Its machine ends: what is left is
 * the cost of a virtual machine.
 */
	.section .note.pvh, "a", @note
	.long 4, 4, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long _start

	.text
	.code32
	.globl _start
_start:
	mov $6, %al
	mov $0xcf9, %dx
	outb %al, %dx
	movb $0x42, 0xfea00202
1:	hlt
	jmp 1b
	.section .note.GNU-stack, "", @progbits
