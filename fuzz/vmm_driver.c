/* SPDX-License-Identifier: MIT */
#include "vmm_driver.h"

#include <string.h>

#include "fake_driver.h"
#include "layout.h"
#include "log.h"

#define STEPS_MAX 512 /* instructions of a program */
#define HIGH      UINT64_C(0x100000000)

struct input {
	const uint8_t *bytes;
	size_t left;
};

static uint64_t take(struct input *in, size_t width)
{
	uint64_t value = 0;
	const size_t n = width < in->left ? width : in->left;

	memcpy(&value, in->bytes, n);
	in->bytes += n;
	in->left -= n;
	return value;
}

/* Some bytes behind their length, in place. */
static const uint8_t *take_bytes(struct input *in, size_t *ret_len)
{
	const uint8_t *at;
	size_t len = (size_t)take(in, 1);

	at = in->bytes;
	*ret_len = len < in->left ? len : in->left;
	in->bytes += *ret_len;
	in->left -= *ret_len;
	return at;
}

/*
 * An address by one byte, so that those that matter are found: 64 places of data; the queues; both
 * ends of the two regions; the end of the address space.
 */
static uint64_t place(const struct driver *d, uint8_t where)
{
	static const uint64_t special[] = {
		0,        FAKE_DATA,       FAKE_DATA + 0x7fff0, HIGH, HIGH + 0x7fff0,
		HIGH - 1, UINT64_MAX - 15, UINT64_MAX,
	};

	if (where < 64)
		return FAKE_DATA + where * UINT64_C(0x1008);
	if (where < 128)
		return HIGH + (where - 64) * UINT64_C(0x1010);
	if (where < 192)
		return d->queues[(where - 128) % VIRTIO_QUEUES_MAX].desc;
	return special[where % (sizeof(special) / sizeof(special[0]))] + (where & 8 ? 8 : 0);
}

static void begin(struct driver *d, struct input *in)
{
	const uint64_t mask = take(in, 1);
	const uint16_t size = (uint16_t)(1u << (take(in, 1) % 9));
	uint64_t features = 0;

	for (uint32_t i = 0; i < 2; i++) {
		driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, i);
		features |= (uint64_t)driver_get(d, VIRTIO_MMIO_DEVICE_FEATURES) << (32 * i);
	}
	for (unsigned int group = 0; group < 8; group++)
		if (mask & (UINT64_C(1) << group))
			features &= ~(UINT64_C(0xff) << (8 * group));
	driver_begin(d, features, size);
}

static void access_register(struct driver *d, struct input *in, bool write)
{
	const uint64_t offset = take(in, 2) % LAYOUT_VIRTIO_SIZE;
	const unsigned int width = 1u << (take(in, 1) % 4);

	/* The bus lets nothing through that does not lie within the page. */
	if (offset + width > LAYOUT_VIRTIO_SIZE)
		return;
	if (write)
		virtio_mmio_ops.write(d->v, offset, width, take(in, width));
	else
		virtio_mmio_ops.read(d->v, offset, width);
}

static void desc(struct driver *d, struct input *in)
{
	const unsigned int queue = (unsigned int)take(in, 1) % VIRTIO_QUEUES_MAX;
	const uint16_t i = (uint16_t)take(in, 1);
	const uint64_t gpa = place(d, (uint8_t)take(in, 1));
	const uint32_t len = (uint32_t)take(in, 2);
	const uint16_t flags = (uint16_t)take(in, 1);

	driver_desc(d, queue, i, gpa, len, flags, (uint16_t)take(in, 1));
}

static void instruction(struct driver *d, const struct vmm_driver_target *target, void *data,
			struct input *in)
{
	const uint8_t *bytes;
	unsigned int queue;
	uint64_t gpa;
	size_t len;

	switch (take(in, 1) % 9) {
	case 0:
		begin(d, in);
		return;
	case 1:
		access_register(d, in, false);
		return;
	case 2:
		access_register(d, in, true);
		return;
	case 3:
		driver_set(d, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)take(in, 1));
		loop_step(d->loop, 0);
		return;
	case 4:
		for (uint64_t n = take(in, 1) % 8; n > 0; n--)
			loop_step(d->loop, 0);
		return;
	case 5:
		desc(d, in);
		return;
	case 6:
		queue = (unsigned int)take(in, 1) % VIRTIO_QUEUES_MAX;
		driver_offer(d, queue, (uint16_t)take(in, 1));
		return;
	case 7:
		gpa = place(d, (uint8_t)take(in, 1));
		bytes = take_bytes(in, &len);
		memory_write(&d->memory, gpa, bytes, len);
		return;
	case 8:
		bytes = take_bytes(in, &len);
		if (target->host)
			target->host(d->v, bytes, len, data);
	}
}

/* The upper quarter of the memory above the hole, so that there are two regions with their ends. */
static void split(struct memory *m)
{
	const uint64_t low = FAKE_DATA + 0x80000;

	m->regions[1] = (struct memory_region){ HIGH, m->size - low, m->regions[0].host + low };
	m->regions[0].size = low;
	m->n_regions = 2;
}

void vmm_driver_run(const struct vmm_driver_target *target, void *data, const uint8_t *input,
		    size_t size)
{
	struct input in = { input, size };
	struct driver d;

	log_init("fuzz", LOG_LEVEL_ERROR);
	driver_open(&d);
	split(&d.memory);
	d.v = target->create(&(struct device_host){ &d.memory, d.loop }, data);
	for (int i = 0; d.v && i < STEPS_MAX && in.left; i++)
		instruction(&d, target, data, &in);
	if (d.v)
		loop_step(d.loop, 0);
	driver_close(&d);
}
