/* SPDX-License-Identifier: MIT */
/*
 * The code of bios.h. The BIOS loads the first sector of a disk, or all four of a CD's boot image, to
 * 0x7c00 and goes on there in real mode. What is loaded goes above 16 MB, over a buffer below 1 MB:
 *
 *	0x07c00  this		0x30000   what the BIOS read last
 *	0x10000  setup code, stack, command line
 *	16 MB    the kernel proper, which may stand anywhere; behind all that it says it needs, the initramfs
 *
 * Copying above 1 MB is done in "unreal" mode: segments that begin at 0 and have no end.
 */
#define BASE	0x7c00
#define AT(x)	(BASE + (x) - bios_loader)

#define SETUP	0x10000
#define LINE	0x1e000		/* the command line: in the setup code's segment, above its stack */
#define BUFFER	0x30000
#define KERNEL	0x1000000

#define ADDR32	.byte 0x67;	/* clang does not know "addr32" in 16-bit code */

	.section .rodata
	.code16
	.balign	16
	.globl	bios_loader, bios_loader_params, bios_loader_line, bios_loader_rest, bios_loader_end
bios_loader:
	jmp	start
	nop
	.org	bios_loader + 0x5a	/* some BIOSes write what they know of a disk into this place */
start:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$BASE, %sp
	ljmp	$0, $AT(1f)
1:	sti
	cld
	movb	%dl, AT(drive)
	cmpb	$0, AT(whole)
	jne	stage2
	movw	$AT(packet), %si
	call	read
	jmp	stage2

/* Reads as the packet at si says. */
read:
	movb	AT(drive), %dl
	movb	$0x42, %ah
	int	$0x13
	jc	fail
	ret

fail:
	movw	$AT(message), %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	1b
2:	hlt
	jmp	2b

message:
	.asciz	"atoll: the disk cannot be read\r\n"
drive:	.byte	0
	.balign	4
packet:				/* INT 13h, AH=42h: what to read */
	.byte	16, 0
packet_count:
	.word	3
packet_to:
	.word	BASE + 512, 0
bios_loader_rest:
packet_from:
	.quad	0

	.org	bios_loader + 510
	.word	0xaa55

/* The second sector: struct params of bios.c. */
bios_loader_params:
kernel_from:	.quad	0
initrd_from:	.quad	0
kernel_blocks:	.long	0
initrd_blocks:	.long	0
initrd_bytes:	.long	0
chunk:		.long	0	/* blocks of one read */
block_words:	.long	0	/* of four bytes */
whole:		.byte	0	/* the BIOS loaded all four sectors */
		.balign	4

stage2:
	movw	$0x2401, %ax	/* the twenty-first address line, by the BIOS and by the port */
	int	$0x15
	inb	$0x92, %al
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92

	/* The kernel's first blocks: they tell how long its setup code is. */
	movw	$0, AT(packet_to)
	movw	$(BUFFER >> 4), AT(packet_to) + 2
	movl	AT(kernel_from), %eax
	movl	%eax, AT(packet_from)
	movl	AT(kernel_from) + 4, %eax
	movl	%eax, AT(packet_from) + 4
	movl	AT(chunk), %eax
	movw	%ax, AT(packet_count)
	movw	$AT(packet), %si
	call	read
	call	unreal
	movl	$BUFFER, %esi
	movl	$SETUP, %edi
	movl	$(0x8000 / 4), %ecx
	ADDR32 rep movsl
	sti

	/* All of it, so that what is behind the setup code begins at 16 MB. */
	movw	$(SETUP >> 4), %ax
	movw	%ax, %fs
	movzbl	%fs:0x1f1, %eax
	incl	%eax
	shll	$9, %eax
	movl	$KERNEL, %edi
	subl	%eax, %edi
	movl	AT(kernel_blocks), %ecx
	call	load

	movl	AT(initrd_from), %eax
	movl	%eax, AT(packet_from)
	movl	AT(initrd_from) + 4, %eax
	movl	%eax, AT(packet_from) + 4
	movl	%fs:0x260, %edi		/* init_size */
	addl	$(KERNEL + 0xfff), %edi
	andl	$0xfffff000, %edi
	movl	%edi, %fs:0x218		/* ramdisk_image */
	movl	AT(initrd_blocks), %ecx
	call	load
	movl	AT(initrd_bytes), %eax
	movl	%eax, %fs:0x21c		/* ramdisk_size */

	movb	$0xff, %fs:0x210	/* type_of_loader: one that has no number */
	orb	$0x80, %fs:0x211	/* loadflags: there is a heap */
	movw	$0xdc00, %fs:0x224	/* heap_end_ptr */
	movl	$KERNEL, %fs:0x214	/* code32_start */
	movl	$LINE, %fs:0x228	/* cmd_line_ptr */
	movw	$0xffff, %fs:0x1fa	/* vid_mode: as it is */
	call	unreal
	movl	$AT(bios_loader_line), %esi
	movl	$LINE, %edi
	movl	$(512 / 4), %ecx
	ADDR32 rep movsl

	cli
	movw	$(SETUP >> 4), %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movw	$0xe000, %sp
	ljmp	$((SETUP >> 4) + 0x20), $0

/* Reads ecx blocks on from packet_from to edi. */
load:
	movl	AT(chunk), %eax
	cmpl	%ecx, %eax
	jbe	1f
	movl	%ecx, %eax
1:	movw	%ax, AT(packet_count)
	pushl	%eax
	pushl	%ecx
	pushl	%edi
	movw	$AT(packet), %si
	call	read
	popl	%edi
	popl	%ecx
	popl	%eax
	subl	%eax, %ecx
	addl	%eax, AT(packet_from)
	adcl	$0, AT(packet_from) + 4
	pushl	%ecx
	movl	%eax, %ecx
	imull	AT(block_words), %ecx
	movl	$BUFFER, %esi
	call	unreal
	ADDR32 rep movsl
	sti
	popl	%ecx
	testl	%ecx, %ecx
	jnz	load
	ret

/* ds and es reach everything from here on, until the BIOS changes that: it may not interrupt. Spoils eax. */
unreal:
	cli
	lgdtl	AT(table)
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	jmp	1f
1:	pushw	%bx
	movw	$8, %bx
	movw	%bx, %ds
	movw	%bx, %es
	popw	%bx
	andb	$0xfe, %al
	movl	%eax, %cr0
	jmp	1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	ret

	.balign	8
descriptors:
	.quad	0
	.quad	0x00cf92000000ffff	/* data, from 0 to 4 GB */
table:
	.word	15
	.long	AT(descriptors)

	.org	bios_loader + 3 * 512
bios_loader_line:
	.org	bios_loader + 4 * 512
bios_loader_end:
	.section .note.GNU-stack, "", @progbits
