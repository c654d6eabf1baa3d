/* SPDX-License-Identifier: MIT */
#include "fake_driver.h"

#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "fd.h"
#include "log.h"

#define QUEUES     0x10000 /* the first one; then one after the other */
#define QUEUE_STEP 0x4000
#define ROUNDS     64

static struct driver_queue layout(unsigned int queue, uint16_t size)
{
	const uint64_t at = QUEUES + (uint64_t)queue * QUEUE_STEP;

	return (struct driver_queue){ at, at + 0x1000, at + 0x2000, size, 0, 0, 0 };
}

void driver_open(struct driver *d)
{
	struct err *err = NULL;

	*d = (struct driver){ 0 };
	if (memory_create(FAKE_MEMORY, false, &d->memory, &err) < 0)
		die("%s", err_msg(err));
	d->loop = loop_create();
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		d->queues[i] = layout(i, 0);
}

void driver_close(struct driver *d)
{
	if (d->v)
		d->v->ops->destroy(d->v);
	d->v = NULL;
	loop_destroy(d->loop);
	memory_destroy(&d->memory);
}

uint32_t driver_get(struct driver *d, unsigned int reg)
{
	return (uint32_t)virtio_mmio_ops.read(d->v, reg, 4);
}

void driver_set(struct driver *d, unsigned int reg, uint32_t value)
{
	virtio_mmio_ops.write(d->v, reg, 4, value);
}

void driver_set_status(struct driver *d, uint32_t added)
{
	driver_set(d, VIRTIO_MMIO_STATUS, driver_get(d, VIRTIO_MMIO_STATUS) | added);
}

bool driver_negotiate(struct driver *d, uint64_t features)
{
	features |= VIRTIO_F_VERSION_1_;
	driver_set(d, VIRTIO_MMIO_STATUS, 0);
	driver_set_status(d, VIRTIO_STATUS_ACKNOWLEDGE);
	driver_set_status(d, VIRTIO_STATUS_DRIVER);
	for (uint32_t i = 0; i < 2; i++) {
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, i);
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * i)));
	}
	driver_set_status(d, VIRTIO_STATUS_FEATURES_OK);
	return driver_get(d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_FEATURES_OK;
}

static void set_address(struct driver *d, unsigned int low, uint64_t gpa)
{
	driver_set(d, low, (uint32_t)gpa);
	driver_set(d, low + 4, (uint32_t)(gpa >> 32));
}

void driver_place(struct driver *d, unsigned int queue, uint16_t size)
{
	struct driver_queue *q = &d->queues[queue];

	*q = layout(queue, size);
	for (uint64_t i = 0; i < 2; i++) {
		driver_poke16(d, q->avail + 2 * i, 0);
		driver_poke16(d, q->used + 2 * i, 0);
	}
	if (!size)
		return;
	driver_set(d, VIRTIO_MMIO_QUEUE_SEL, queue);
	driver_set(d, VIRTIO_MMIO_QUEUE_NUM, size);
	set_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc);
	set_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail);
	set_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, q->used);
	driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

bool driver_begin(struct driver *d, uint64_t features, uint16_t size)
{
	if (!driver_negotiate(d, features))
		return false;
	for (unsigned int i = 0; i < d->v->n_queues; i++)
		driver_place(d, i, size);
	driver_set_status(d, VIRTIO_STATUS_DRIVER_OK);
	return true;
}

void driver_desc(struct driver *d, unsigned int queue, uint16_t i, uint64_t gpa, uint32_t len,
		 uint16_t flags, uint16_t next)
{
	const struct vring_desc desc = { gpa, len, flags, next };

	memory_write(&d->memory, d->queues[queue].desc + 16 * (uint64_t)i, &desc, sizeof(desc));
}

void driver_offer(struct driver *d, unsigned int queue, uint16_t head)
{
	struct driver_queue *q = &d->queues[queue];

	driver_poke16(d, q->avail + 4 + 2 * (uint64_t)(q->avail_idx % (q->size ? q->size : 1)),
		      head);
	q->avail_idx++;
	driver_poke16(d, q->avail + 2, q->avail_idx);
}

uint16_t driver_add(struct driver *d, unsigned int queue, const struct driver_buffer *buffers,
		    size_t n)
{
	struct driver_queue *q = &d->queues[queue];
	const uint16_t head = q->next_desc;

	for (size_t i = 0; i < n; i++) {
		const uint16_t at = q->next_desc;

		q->next_desc = (uint16_t)((at + 1) % q->size);
		driver_desc(d, queue, at, buffers[i].gpa, buffers[i].len,
			    (buffers[i].in ? VRING_DESC_F_WRITE : 0) |
				    (i + 1 < n ? VRING_DESC_F_NEXT : 0),
			    q->next_desc);
	}
	driver_offer(d, queue, head);
	return head;
}

/* Until the loop has nothing that is ready; bounded, since a device may have something all the time. */
void driver_run(struct driver *d)
{
	for (int i = 0; i < ROUNDS; i++)
		loop_step(d->loop, 0);
}

void driver_kick(struct driver *d, unsigned int queue)
{
	driver_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	driver_run(d);
}

bool driver_used(struct driver *d, unsigned int queue, uint32_t *ret_head, uint32_t *ret_len)
{
	struct driver_queue *q = &d->queues[queue];
	struct vring_used_elem elem;

	if (!q->size || driver_peek16(d, q->used + 2) == q->used_seen)
		return false;
	memory_read(&d->memory, q->used + 4 + sizeof(elem) * (uint64_t)(q->used_seen % q->size),
		    &elem, sizeof(elem));
	q->used_seen++;
	*ret_head = elem.id;
	*ret_len = elem.len;
	return true;
}

bool driver_interrupted(struct driver *d)
{
	eventfd_t n;

	return eventfd_read(d->v->irq, &n) == 0;
}

uint16_t driver_peek16(struct driver *d, uint64_t gpa)
{
	uint16_t value = 0;

	memory_read(&d->memory, gpa, &value, sizeof(value));
	return value;
}

void driver_poke16(struct driver *d, uint64_t gpa, uint16_t value)
{
	memory_write(&d->memory, gpa, &value, sizeof(value));
}
