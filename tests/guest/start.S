/* SPDX-License-Identifier: MIT */
/*
 * The first and the lowest of a guest in C: from PVH's 32-bit entry to 64-bit mode with the first 6 GiB
 * mapped to themselves, interrupt entries, and what another processor runs after INIT and SIPI.
 */
	.section .note.Xen, "a"
	.balign 4
	.long 4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.ascii "Xen\0"
	.long start

	.bss
	.balign 4096
pml4:	.skip 4096
pdpt:	.skip 4096
pds:	.skip 6 * 4096
	.skip 16384
stack:

	.text
	.code32
	.globl start
start:
	mov $stack, %esp
	movl $pdpt + 3, pml4
	mov $6, %ecx			/* page directories */
	mov $pds + 3, %eax
	mov $pdpt, %edi
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $6 * 512, %ecx		/* pages of 2 MiB: 64-bit entries */
	mov $0x83, %eax
	xor %edx, %edx
	mov $pds, %edi
2:	mov %eax, (%edi)
	mov %edx, 4(%edi)
	add $0x200000, %eax
	adc $0, %edx
	add $8, %edi
	loop 2b
	mov $pml4, %eax
	mov %eax, %cr3
	mov %cr4, %eax
	or $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx		/* EFER: long mode */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000001, %eax
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $long_mode

	.code64
long_mode:
	mov $16, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %ebx, %edi			/* PVH's struct hvm_start_info */
	call guest_start
3:	hlt
	jmp 3b

	.section .rodata
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt

/* One entry for each input of the IOAPIC, 16 bytes each, then one for all exceptions. */
	.text
	.balign 16
	.globl interrupt_entries, fault_entry
interrupt_entries:
	.set n, 0
	.rept 24
	push $n
	jmp interrupt
	.balign 16
	.set n, n + 1
	.endr
interrupt:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	mov 72(%rsp), %rdi
	cld
	call handle_interrupt
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	add $8, %rsp
	iretq
fault_entry:
	mov (%rsp), %rdi
	mov 8(%rsp), %rsi
	cld
	and $-16, %rsp
	call handle_fault

/*
 * Another processor, in real mode below 1 MiB, where this is copied to: it sets its byte in the table of
 * the segment that follows, by its APIC's number. In scribble_segment it then writes what looks like
 * random numbers over 64 KiB, if there is such a segment.
 */
	.section .rodata
	.code16
	.globl processor_begin, processor_end
processor_begin:
	cli
	mov %cs, %ax
	add $0x100, %ax
	mov %ax, %ds
	mov $1, %eax
	cpuid
	shr $24, %ebx
	movb $1, (%bx)
	mov 0x100, %ax			/* the segment to scribble on */
	test %ax, %ax
	jz 2f
	mov %ax, %ds
	mov $12345, %ecx
1:	imul $1664525, %ecx, %ecx
	add $1013904223, %ecx
	mov %ecx, %eax
	shr $16, %eax
	mov %ax, %si
	mov %cl, (%si)
	mov $200, %dx
3:	dec %dx
	jnz 3b
	jmp 1b
2:	hlt
	jmp 2b
processor_end:

	.section .note.GNU-stack, "", @progbits
