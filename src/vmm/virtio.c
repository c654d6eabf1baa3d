/* SPDX-License-Identifier: MIT */
#include "virtio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * A device begins anew with each reset and goes through these states (3.1.1), each with more rights
 * for the driver and fewer registers left to change:
 *
 *	until FEATURES_OK	the driver chooses features; FEATURES_OK is not taken when it chose what was
 *				not offered, or not VERSION_1
 *	until DRIVER_OK		it places queues; a queue that cannot be is DEVICE_NEEDS_RESET
 *	active			queues and features stand: writes to their registers are dropped, but for
 *				QueueReady = 0, which takes a queue away for good
 *	NEEDS_RESET, FAILED	nothing happens any more
 *
 * So what a device sees while it is active never changes, except that a queue may be gone.
 *
 * A notification, by KVM or by the register, makes a doorbell's eventfd readable; the loop then calls
 * the device. A device that did enough for one turn rings its own doorbell (virtio_again).
 */

#define MMIO_MAGIC   0x74726976 /* "virt" */
#define MMIO_VERSION 2
#define MMIO_VENDOR  0x4c4f5441 /* "ATOL" */

#define FAULTS_LOGGED 8 /* of one device: a guest that loops through resets must not fill the log */

static const uint64_t transport_features =
	VIRTIO_F_INDIRECT_DESC_ | VIRTIO_F_EVENT_IDX_ | VIRTIO_F_VERSION_1_;

static void ring(int eventfd)
{
	/* It cannot wait, being full only after 2^64 - 2 of these; then it rings anyway. */
	if (eventfd_write(eventfd, 1) < 0)
		log_debug("eventfd: %m");
}

static void interrupt(struct virtio *v, uint32_t reason)
{
	v->interrupt_status |= reason;
	v->counters.interrupts++;
	ring(v->irq);
}

void virtio_flush(struct virtio *v, unsigned int queue)
{
	if (v->active && queue_should_interrupt(&v->queues[queue]))
		interrupt(v, VIRTIO_MMIO_INT_VRING);
}

void virtio_again(struct virtio *v, unsigned int queue)
{
	ring(v->doorbells[queue]);
}

void virtio_read_config(const void *config, size_t size, uint32_t offset, void *dst,
			unsigned int len)
{
	memset(dst, 0, len);
	if (offset < size)
		memcpy(dst, (const uint8_t *)config + offset,
		       len < size - offset ? len : size - offset);
}

void virtio_config_changed(struct virtio *v)
{
	v->config_generation++;
	if (v->active)
		interrupt(v, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_needs_reset(struct virtio *v, const char *fmt, ...)
{
	/* Not from the heap: a processor's thread may not ask the kernel for memory. */
	char what[96];
	va_list ap;

	if (v->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	v->status |= VIRTIO_STATUS_NEEDS_RESET;
	v->active = false;
	if (v->status & VIRTIO_STATUS_DRIVER_OK)
		interrupt(v, VIRTIO_MMIO_INT_CONFIG);
	if (v->counters.faults++ >= FAULTS_LOGGED)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_warn("%s: %s; it does nothing until the guest's driver resets it%s", v->name, what,
		 v->counters.faults == FAULTS_LOGGED ? " (further faults are only counted)" : "");
}

void virtio_serve(struct virtio *v, unsigned int queue, unsigned int max,
		  bool (*serve)(struct virtio *v, unsigned int queue, const struct chain *chain))
{
	struct queue *q = &v->queues[queue];
	struct chain chain;
	bool more = true;
	int r = 0;

	queue_want_notify(q, false);
	for (unsigned int i = 0; i < max && more; i++) {
		r = queue_pop(q, &chain);
		if (r <= 0)
			break;
		more = serve(v, queue, &chain);
	}
	virtio_flush(v, queue);
	if (r < 0)
		virtio_needs_reset(v, "queue %u holds what cannot be", queue);
	else if (more && queue_want_notify(q, true))
		virtio_again(v, queue);
}

static void reset(struct virtio *v)
{
	v->active = false;
	if (v->status & VIRTIO_STATUS_DRIVER_OK)
		v->ops->reset(v);
	for (unsigned int i = 0; i < v->n_queues; i++)
		queue_reset(&v->queues[i]);
	if (v->status)
		v->counters.resets++;
	v->status = 0;
	v->features = v->driver_features = 0;
	v->device_features_sel = v->driver_features_sel = v->queue_sel = 0;
	v->interrupt_status = 0;
}

static uint64_t offered(struct virtio *v)
{
	return transport_features | v->ops->features(v);
}

static void accept_features(struct virtio *v)
{
	if (!(v->status & VIRTIO_STATUS_DRIVER) || v->driver_features & ~offered(v) ||
	    !(v->driver_features & VIRTIO_F_VERSION_1_))
		return;
	v->features = v->driver_features;
	v->status |= VIRTIO_STATUS_FEATURES_OK;
}

static void activate(struct virtio *v)
{
	if (!(v->status & VIRTIO_STATUS_FEATURES_OK) ||
	    v->status & (VIRTIO_STATUS_NEEDS_RESET | VIRTIO_STATUS_FAILED))
		return;
	v->status |= VIRTIO_STATUS_DRIVER_OK;
	v->active = true;
	v->ops->activate(v);
	/* What a driver made available, and perhaps told us, before it was ready. */
	for (unsigned int i = 0; i < v->n_queues && v->active; i++)
		if (queue_want_notify(&v->queues[i], true))
			virtio_again(v, i);
}

/* A driver only adds bits (2.1.1); zero is the reset. */
static void set_status(struct virtio *v, uint32_t value)
{
	const uint32_t added = value & ~v->status;

	if (!value) {
		reset(v);
		return;
	}
	v->status |=
		added & (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FAILED);
	if (added & VIRTIO_STATUS_FAILED)
		v->active = false;
	if (added & VIRTIO_STATUS_FEATURES_OK)
		accept_features(v);
	if (added & VIRTIO_STATUS_DRIVER_OK)
		activate(v);
}

static struct queue *selected(struct virtio *v)
{
	return v->queue_sel < v->n_queues ? &v->queues[v->queue_sel] : NULL;
}

/* The selected queue when its registers may be written. */
static struct queue *writable_queue(struct virtio *v)
{
	struct queue *q = selected(v);

	return q && !q->ready && !(v->status & VIRTIO_STATUS_DRIVER_OK) ? q : NULL;
}

static void set_ready(struct virtio *v, uint32_t value)
{
	struct queue *q = writable_queue(v);

	if (!value && selected(v))
		selected(v)->ready = false;
	/* Whether there is an event index is known from FEATURES_OK on. */
	if (value != 1 || !q || !(v->status & VIRTIO_STATUS_FEATURES_OK))
		return;
	if (queue_start(q, v->features & VIRTIO_F_EVENT_IDX_) < 0)
		virtio_needs_reset(v, "queue %u has no possible size or place", v->queue_sel);
}

/* Half of a 64-bit register. */
static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	const unsigned int shift = high ? 32 : 0;

	*reg = (*reg & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

static void set_queue_register(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct queue *q = writable_queue(v);

	if (!q)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value <= QUEUE_SIZE_MAX ? (uint16_t)value : 0;
		return;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, offset & 4, value);
		return;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail, offset & 4, value);
		return;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used, offset & 4, value);
		return;
	}
}

static void write_register(struct virtio *v, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->device_features_sel = value;
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->driver_features_sel = value;
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (v->driver_features_sel < 2 && !(v->status & VIRTIO_STATUS_FEATURES_OK))
			set_half(&v->driver_features, v->driver_features_sel, value);
		return;
	case VIRTIO_MMIO_QUEUE_SEL:
		v->queue_sel = value;
		return;
	case VIRTIO_MMIO_QUEUE_READY:
		set_ready(v, value);
		return;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < v->n_queues)
			ring(v->doorbells[value]);
		return;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		v->interrupt_status &= ~value;
		return;
	case VIRTIO_MMIO_STATUS:
		set_status(v, value);
		return;
	default:
		set_queue_register(v, offset, value);
	}
}

static uint32_t read_register(struct virtio *v, uint64_t offset)
{
	const struct queue *q = selected(v);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MMIO_MAGIC;
	case VIRTIO_MMIO_VERSION:
		return MMIO_VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		if (v->device_features_sel > 1)
			return 0;
		return (uint32_t)(offered(v) >> (32 * v->device_features_sel));
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? q->max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return v->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return v->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return v->config_generation;
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no region: length and address are ones (4.2.2) */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	}
	return 0;
}

/* Registers are 4 bytes at multiples of 4 (4.2.2.2); any other access gives nothing. */
static uint64_t handle_read(void *device, uint64_t offset, unsigned int size)
{
	struct virtio *v = device;
	uint64_t value = 0;

	if (offset >= VIRTIO_MMIO_CONFIG)
		v->ops->read_config(v, (uint32_t)offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == 4 && offset % 4 == 0)
		value = read_register(v, offset);
	return value;
}

static void handle_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct virtio *v = device;

	if (offset >= VIRTIO_MMIO_CONFIG)
		v->ops->write_config(v, (uint32_t)offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == 4 && offset % 4 == 0)
		write_register(v, offset, (uint32_t)value);
}

const struct bus_ops virtio_mmio_ops = {
	.name = "virtio-mmio",
	.read = handle_read,
	.write = handle_write,
};

/* Each ring is an edge of its own: the eventfd is never read, which saves a call for each. */
static void handle_doorbell(int fd, uint32_t events, void *data)
{
	struct virtio *v = data;

	(void)events;
	for (unsigned int i = 0; i < v->n_queues; i++) {
		if (v->doorbells[i] != fd || !v->active || !v->queues[i].ready)
			continue;
		v->counters.notifications++;
		v->ops->notify(v, i);
	}
}

static int make_eventfd(struct virtio *v, int *ret, struct err **err)
{
	*ret = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *ret < 0 ? err_set_errno(err, errno, "%s: eventfd", v->name) : 0;
}

int virtio_init(struct virtio *v, const struct virtio_ops *ops, const char *name,
		const struct memory *memory, struct loop *loop, unsigned int n_queues,
		uint16_t queue_max, struct err **err)
{
	int r;

	*v = (struct virtio){ .ops = ops, .memory = memory, .loop = loop, .n_queues = n_queues };
	snprintf(v->name, sizeof(v->name), "%s", name);
	v->irq = -1;
	for (unsigned int i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->doorbells[i] = -1;
	r = make_eventfd(v, &v->irq, err);
	for (unsigned int i = 0; i < n_queues && !r; i++) {
		v->queues[i] = (struct queue){ .memory = memory, .max = queue_max };
		r = make_eventfd(v, &v->doorbells[i], err);
		if (!r)
			v->doorbell_sources[i] = loop_add_fd(loop, v->doorbells[i],
							     EPOLLIN | EPOLLET, handle_doorbell, v);
	}
	if (r)
		virtio_finish(v);
	return r;
}

void virtio_finish(struct virtio *v)
{
	for (unsigned int i = 0; i < v->n_queues; i++) {
		source_clear(v->doorbell_sources[i]);
		fd_close(&v->doorbells[i]);
	}
	fd_close(&v->irq);
}
