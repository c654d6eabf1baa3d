/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory, and the only way to it. It is one mapping of ours
 * alone: low RAM from address 0, the rest from 4 GiB on (layout.h).
 *
 * Everything in it can change at any moment under our hands. Whoever takes a decision on bytes of
 * the guest copies them once (memory_read) and decides on the copy.
 */
#ifndef VMM_MEMORY_H
#define VMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define MEMORY_REGIONS_MAX 2

struct memory_region {
	uint64_t base; /* in the guest */
	uint64_t size;
	uint8_t *host;
};

struct memory {
	uint64_t size; /* region 1 follows region 0 in our address space */
	struct memory_region regions[MEMORY_REGIONS_MAX];
	size_t n_regions;
};

/* size: bytes, a multiple of the page size (of 2 MiB when huge). Says so when the host has less. */
int memory_create(uint64_t size, bool huge, struct memory *ret, struct err **err);
void memory_destroy(struct memory *m);

/*
 * len bytes of the guest at gpa as host memory, or NULL when not all of them are RAM of one region.
 * For bulk data (disk blocks, frames) that nobody takes a decision on.
 */
void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len);

/* Copies; -EFAULT when not all of it is RAM, and then nothing is copied. */
int memory_read(const struct memory *m, uint64_t gpa, void *dst, size_t len);
int memory_write(const struct memory *m, uint64_t gpa, const void *src, size_t len);

/*
 * The 2 MiB around gpa get pages of 4 KiB until memory_settle, for there is little to write to them before
 * the guest runs: a huge page is zeroed whole (twice on hosts that zero at allocation, as Debian's does).
 */
#define MEMORY_HUGE UINT64_C(0x200000)
void memory_use_small_pages(const struct memory *m, uint64_t gpa);
/* Huge pages wherever there is none yet; what is small already may be made one by the host later. */
void memory_settle(const struct memory *m);

/* Gives pages back to the host: the guest reads zeroes there. -EFAULT as above; whole pages only. */
int memory_discard(const struct memory *m, uint64_t gpa, uint64_t len);

#endif
