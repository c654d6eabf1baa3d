/* SPDX-License-Identifier: MIT */
/*
 * A guest's virtio driver, played by a test or fuzz target: it writes rings into guest memory and uses
 * the registers of a device, as little or as badly as it is told to.
 *
 *	driver_open(&d);                          memory and loop: for the device's constructor
 *	dev_rng_create(&(struct device_host){ &d.memory, d.loop }, open("/dev/urandom", O_RDONLY | O_CLOEXEC), &d.v, &err);
 *	driver_begin(&d, features, 16);           all queues of 16, DRIVER_OK
 *	head = driver_add(&d, 0, &(struct driver_buffer){ FAKE_DATA, 64, true }, 1);
 *	driver_kick(&d, 0);                       notifies, and runs the loop until nothing is left to do
 *	driver_used(&d, 0, &head, &len);
 *	driver_close(&d);
 */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include "virtio.h"

#define FAKE_MEMORY (2u << 20)
#define FAKE_DATA   0x100000 /* from here on nothing of the driver's own */

struct driver_queue {
	uint64_t desc, avail, used;
	uint16_t size, avail_idx, used_seen;
	uint16_t next_desc; /* for driver_add, which takes one after the other */
};

struct driver {
	struct memory memory;
	struct loop *loop;
	struct virtio *v;
	struct driver_queue queues[VIRTIO_QUEUES_MAX];
};

struct driver_buffer {
	uint64_t gpa;
	uint32_t len;
	bool in; /* the device writes it */
};

void driver_open(struct driver *d);
/* Ends the device too. */
void driver_close(struct driver *d);

uint32_t driver_get(struct driver *d, unsigned int reg);
void driver_set(struct driver *d, unsigned int reg, uint32_t value);

/* From the reset to FEATURES_OK, with VERSION_1 added; whether the device agreed. */
bool driver_negotiate(struct driver *d, uint64_t features);
/* Where our queues are (d->queues), and what the device is told; size 0 tells nothing. */
void driver_place(struct driver *d, unsigned int queue, uint16_t size);
void driver_set_status(struct driver *d, uint32_t added);
/* All of the above for all queues, and DRIVER_OK. */
bool driver_begin(struct driver *d, uint64_t features, uint16_t size);

/* One descriptor, and one entry of the available ring. */
void driver_desc(struct driver *d, unsigned int queue, uint16_t i, uint64_t gpa, uint32_t len,
		 uint16_t flags, uint16_t next);
void driver_offer(struct driver *d, unsigned int queue, uint16_t head);
/* A whole chain; its head. */
uint16_t driver_add(struct driver *d, unsigned int queue, const struct driver_buffer *buffers,
		    size_t n);
void driver_kick(struct driver *d, unsigned int queue);
void driver_run(struct driver *d);
bool driver_used(struct driver *d, unsigned int queue, uint32_t *ret_head, uint32_t *ret_len);
/* Whether there was an interrupt since the last call. */
bool driver_interrupted(struct driver *d);

uint16_t driver_peek16(struct driver *d, uint64_t gpa);
void driver_poke16(struct driver *d, uint64_t gpa, uint16_t value);

#endif
