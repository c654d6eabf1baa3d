/* SPDX-License-Identifier: MIT */
/*
 * Addresses to devices: one bus for memory-mapped I/O and one for ports. Ranges are added before the
 * guest runs and never change. Reads that nobody answers give ones, writes are dropped: as on a PC.
 *
 * Callbacks run on a vCPU's thread with the machine's lock held (machine.h).
 */
#ifndef VMM_BUS_H
#define VMM_BUS_H

#include <stddef.h>
#include <stdint.h>

#define BUS_RANGES_MAX 128

struct bus_ops {
	const char *name;
	/* size is 1, 2, 4 or 8; the access lies within the range. Little endian. */
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size, uint64_t value);
};

struct bus {
	struct bus_range {
		uint64_t base, size;
		const struct bus_ops *ops;
		void *device;
	} ranges[BUS_RANGES_MAX]; /* sorted by base */
	size_t n;
};

/* The range must be free: a programming error otherwise. */
void bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops,
	     void *device);
uint64_t bus_read(const struct bus *bus, uint64_t address, unsigned int size);
void bus_write(const struct bus *bus, uint64_t address, unsigned int size, uint64_t value);

#endif
