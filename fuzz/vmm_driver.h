/* SPDX-License-Identifier: MIT */
/*
 * Harness for fuzzing a virtio device: the input is a program that a guest runs against it, of memory
 * writes, register accesses, notifications and turns of the event loop. A device's target gives
 * vmm_driver_run its constructor, and what happens on the device's host side.
 *
 * The program (numbers little endian; an argument that is cut short is zero):
 *
 *	0 begin    mask:8 size:8       reset to DRIVER_OK, all queues of 2^(size % 9), all features that are
 *	                               offered; mask bit n takes away the n-th group of 8 feature bits
 *	1 read     register:16 width:8
 *	2 write    register:16 width:8 value:64
 *	3 notify   queue:8
 *	4 step     count:8
 *	5 desc     queue:8 i:8 where:8 len:16 flags:8 next:8    one descriptor; where: see place()
 *	6 offer    queue:8 head:8      an entry of the available ring
 *	7 poke     where:8 len:8 bytes…
 *	8 host     len:8 bytes…        to the target's host function
 */
#ifndef FUZZ_VMM_DRIVER_H
#define FUZZ_VMM_DRIVER_H

#include "devices.h"

struct vmm_driver_target {
	/* A new device; data is what vmm_driver_run was given. */
	struct virtio *(*create)(const struct device_host *host, void *data);
	/* What the outside does, by bytes of the input, between two steps; NULL: nothing. */
	void (*host)(struct virtio *v, const uint8_t *bytes, size_t len, void *data);
};

void vmm_driver_run(const struct vmm_driver_target *target, void *data, const uint8_t *input,
		    size_t size);

#endif
