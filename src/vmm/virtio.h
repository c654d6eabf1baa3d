/* SPDX-License-Identifier: MIT */
/*
 * What all virtio devices have in common: the virtio-mmio transport (virtio 1.2, 4.2, version 2) with
 * its registers and status, the queues, doorbells and interrupts. A device is a struct with a struct
 * virtio in it and a table of what is its own.
 *
 * Doorbells are ioeventfds that the event loop waits for, interrupts are irqfds: neither data path
 * leaves KVM for us on a vCPU's thread. All of a device runs under the machine's lock (machine.h).
 *
 * A fault of the driver never ends the machine: virtio_needs_reset sets DEVICE_NEEDS_RESET (2.1.2),
 * and the device does nothing until the driver resets it.
 */
#ifndef VMM_VIRTIO_H
#define VMM_VIRTIO_H

#include <linux/virtio_mmio.h> /* the registers: VIRTIO_MMIO_… */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bus.h"
#include "err.h"
#include "loop.h"
#include "queue.h"

#define VIRTIO_QUEUES_MAX 36 /* a console with 16 ports has 34 */

/* Status bits (virtio 1.2, 2.1) and features (6) that the transport itself deals with. */
#define VIRTIO_STATUS_ACKNOWLEDGE 1
#define VIRTIO_STATUS_DRIVER      2
#define VIRTIO_STATUS_DRIVER_OK   4
#define VIRTIO_STATUS_FEATURES_OK 8
#define VIRTIO_STATUS_NEEDS_RESET 64
#define VIRTIO_STATUS_FAILED      128
#define VIRTIO_F_INDIRECT_DESC_   (UINT64_C(1) << 28)
#define VIRTIO_F_EVENT_IDX_       (UINT64_C(1) << 29)
#define VIRTIO_F_VERSION_1_       (UINT64_C(1) << 32)

struct virtio;

struct virtio_ops {
	const char *name;
	uint32_t id; /* virtio 1.2, 5 */
	/* The device's own features, besides the transport's. */
	uint64_t (*features)(struct virtio *v);
	/* Configuration space: fills / takes len bytes at offset; outside of it: zeroes / nothing.
	 * read_config by virtio_read_config. */
	void (*read_config)(struct virtio *v, uint32_t offset, void *dst, unsigned int len);
	void (*write_config)(struct virtio *v, uint32_t offset, const void *src, unsigned int len);
	/*
	 * DRIVER_OK was set: v->features are what was negotiated; queues that are ready are usable. It
	 * and reset run on a vCPU's thread.
	 */
	void (*activate)(struct virtio *v);
	/*
	 * The driver made buffers available in a queue that is ready (or may have). In the loop, while
	 * v->active; what else a device does later by itself looks at v->active first.
	 */
	void (*notify)(struct virtio *v, unsigned int queue);
	/* Back to the state before activate; whatever is under way is given up or waited for.
	 * Only after activate. */
	void (*reset)(struct virtio *v);
	/* Frees the device, v being part of it. The loop's sources of the transport are gone. */
	void (*destroy)(struct virtio *v);
};

/* Counted for the control socket; a device adds to bytes and operations. */
struct virtio_counters {
	uint64_t notifications, interrupts, resets, faults;
	uint64_t in_ops, in_bytes;   /* out of the device into the guest: reads, received frames */
	uint64_t out_ops, out_bytes; /* out of the guest */
	uint64_t throttled;          /* times that the rate limit made it wait */
	uint64_t dropped;            /* frames that could not be passed on */
};

struct virtio {
	const struct virtio_ops *ops;
	char name[32]; /* "disk root", "net0": for messages and counters */
	const struct memory *memory;
	struct loop *loop;
	unsigned int n_queues;
	struct queue queues[VIRTIO_QUEUES_MAX];
	uint64_t features; /* negotiated */
	uint32_t status;
	bool active; /* DRIVER_OK, and no reset needed */
	struct virtio_counters counters;
	/* The transport's own */
	uint64_t driver_features;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint32_t interrupt_status, config_generation;
	int doorbells[VIRTIO_QUEUES_MAX]; /* eventfds; -1 */
	struct source *doorbell_sources[VIRTIO_QUEUES_MAX];
	int irq; /* eventfd */
};

/*
 * Prepares the common part: makes the eventfds, adds the doorbells to the loop. queue_max: largest
 * size of each queue. The machine then puts it on the bus and connects the eventfds to KVM.
 */
int virtio_init(struct virtio *v, const struct virtio_ops *ops, const char *name,
		const struct memory *memory, struct loop *loop, unsigned int n_queues,
		uint16_t queue_max, struct err **err);
void virtio_finish(struct virtio *v);

/* The registers, for the bus: a range of LAYOUT_VIRTIO_SIZE. */
extern const struct bus_ops virtio_mmio_ops;
/* KVM watches for doorbells at VIRTIO_MMIO_QUEUE_NOTIFY: 4 bytes, the queue's number. */

/* For a device's read_config: the part of its configuration that is asked for. */
void virtio_read_config(const void *config, size_t size, uint32_t offset, void *dst,
			unsigned int len);

/* For devices, after queue_push: interrupts if the driver wants it. */
void virtio_flush(struct virtio *v, unsigned int queue);
/* Has the loop call notify once more, after the others. */
void virtio_again(struct virtio *v, unsigned int queue);
/*
 * A turn of a device whose chains are served one by one: gives at most max of them to serve, then
 * interrupts, and asks for a notification or for another turn. serve pushes the chain; false ends the
 * turn without either: the device needs a reset, or called queue_unpop and goes on by itself.
 */
void virtio_serve(struct virtio *v, unsigned int queue, unsigned int max,
		  bool (*serve)(struct virtio *v, unsigned int queue, const struct chain *chain));
void virtio_config_changed(struct virtio *v); /* interrupts, new generation */
/* Something that cannot be: said once in the log, the device waits for its reset. */
void virtio_needs_reset(struct virtio *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
