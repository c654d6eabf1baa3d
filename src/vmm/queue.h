/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a split virtqueue (virtio 1.2, 2.7), with indirect descriptors (2.7.5.3) and
 * the event index (2.7.7.2, 2.7.10).
 *
 * Every byte of it is the driver's. What cannot be a queue (an index that ran ahead, a chain that
 * loops, an address outside of RAM, a readable descriptor behind a writable one …) is -EBADMSG: the
 * device then needs a reset (virtio_needs_reset), and nothing more is taken from the queue.
 */
#ifndef VMM_QUEUE_H
#define VMM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define QUEUE_SIZE_MAX 256
#define CHAIN_IOV_MAX  256 /* buffers of one chain; a longer one is a fault of the driver */

struct queue {
	const struct memory *memory;
	/* What the driver set, by the transport; fixed while ready. */
	uint16_t max;  /* ours, a power of 2 */
	uint16_t size; /* the driver's: a power of 2, at most max */
	bool ready;
	uint64_t desc, avail, used; /* guest addresses */
	bool event_idx;
	void *host_desc, *host_avail, *host_used; /* the same as host memory, by queue_start */
	/* Ours */
	uint16_t last_avail;    /* next entry of the available ring to take */
	uint16_t used_idx;      /* as last written */
	uint16_t signalled_idx; /* used_idx when the driver was last interrupted */
	bool broken;            /* gave -EBADMSG */
};

struct chain {
	uint16_t head;
	unsigned int n_out;     /* buffers that the device reads: iov[0 … n_out) */
	unsigned int n_in;      /* buffers that it writes: iov[n_out … n_out + n_in) */
	size_t out_len, in_len; /* bytes of each */
	struct iovec iov[CHAIN_IOV_MAX];
};

/* Checks sizes, alignment and places when the driver makes it ready; -EBADMSG. */
int queue_start(struct queue *q, bool event_idx);
/* As after the device's reset; keeps memory and max. */
void queue_reset(struct queue *q);

/* 1: *ret is the next chain; 0: there is none; -EBADMSG. Nothing for a queue that is not ready. */
int queue_pop(struct queue *q, struct chain *ret);
/* Undoes the last pop, for a chain that cannot be served yet. */
void queue_unpop(struct queue *q);
/* The chain was used; written: bytes at the begin of its writable part. */
void queue_push(struct queue *q, uint16_t head, uint32_t written);
struct queue_used {
	uint16_t head;
	uint32_t written;
};
/* Several at once: the driver sees all of them or none. */
void queue_push_all(struct queue *q, const struct queue_used *used, unsigned int n);
/* Whether the driver wants to hear of what was pushed since it was last told. */
bool queue_should_interrupt(struct queue *q);
/*
 * Asks the driver to notify, or not to, when it makes buffers available. After asking for it, true
 * means that some are there already: look again.
 */
bool queue_want_notify(struct queue *q, bool want);

/*
 * Bytes of a chain's readable or writable part, from offset on; gives how many there were. What was read
 * is a copy; to read it again may give something else.
 */
size_t chain_read(const struct chain *c, size_t offset, void *dst, size_t len);
size_t chain_write(const struct chain *c, size_t offset, const void *src, size_t len);
/*
 * The buffers of len bytes of its readable or writable part from offset on, for scatter and gather;
 * neighbours in memory become one. Gives their number, at most n_out or n_in.
 */
unsigned int chain_out(const struct chain *c, size_t offset, size_t len, struct iovec *dst);
unsigned int chain_in(const struct chain *c, size_t offset, size_t len, struct iovec *dst);

#endif
