/* SPDX-License-Identifier: MIT */
/*
 * The ELF file inside an x86 kernel's bzImage: what a virtual machine monitor can enter without the
 * decompressor in front of it, through PVH.
 */
#ifndef ATOLL_BUILD_VMLINUX_H
#define ATOLL_BUILD_VMLINUX_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

#define VMLINUX_MAX (256 << 20)

/*
 * Unpacks the payload of a bzImage (Linux, Documentation/x86/boot.rst: payload_offset and
 * payload_length). -ENOEXEC: it is no bzImage; -EBADMSG: a damaged one.
 */
int vmlinux_unpack(const void *bzimage, size_t len, struct buf *ret_elf, struct err **err);

/*
 * Leaves of an ELF kernel what starting it takes: the header, the segments and notes, all where they
 * are. Section headers, symbols, zeros at a segment's end and what stands behind go; where a segment has much
 * filler in its midst (a kernel's sections begin at multiples of 2 MiB) it becomes two, and nobody loads
 * that: there are zeros then, also where int3 was in code. -ENOEXEC: it is not a 64-bit x86 ELF program with a PVH entry (XEN_ELFNOTE_PHYS32_ENTRY);
 * -EBADMSG: a damaged one.
 */
int vmlinux_trim(struct buf *elf, struct err **err);

#endif
