/* SPDX-License-Identifier: MIT */
/* The smallest guest: a greeting byte by byte, timestamp 1, power off. Nine exits. */
	.section .note.Xen, "a"
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.ascii "Xen\0"
	.long start

	.text
	.code32
	.globl start
start:
	mov $greeting, %esi
	mov $0x3f8, %dx
	mov $6, %ecx
1:	lodsb
	outb %al, %dx
	loop 1b
	mov $0xd0100000, %ebx
	movl $1, 8(%ebx)
	mov 4(%ebx), %eax
	movb $5 << 2 | 1 << 5, (%ebx)
2:	hlt
	jmp 2b

greeting: .ascii "hello\n"
	.section .note.GNU-stack, "", @progbits
