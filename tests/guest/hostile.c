/* SPDX-License-Identifier: MIT */
/*
 * A driver that means harm. For `steps=N` steps, chosen by `seed=N`, it uses registers, queues,
 * descriptors and requests of all devices in ways that are half right: devices are begun in order often
 * enough that what is wrong meets them at work. With a second processor, that one writes over the
 * rings meanwhile. At last the machine has to be as good as new.
 *
 * Nobody but the guest itself may be harmed, and the guest wants to see the end: it lies where no number
 * that it uses would point by accident (guest.ld), devices are given addresses elsewhere, and the
 * platform device's first registers, which end the machine, are left alone.
 */
#include "guest.h"

#define RAM_END  UINT64_C(0x4000000) /* the machine has 64 MiB */
#define DATA     UINT64_C(0x2000000)
#define RINGS_AT 0x30000 /* where a processor in real mode can write */
#define DEVICES  8
#define PAGES    8 /* of data that are used most */

static struct device devices[DEVICES];
static unsigned int n_devices;
static struct device good; /* the rng, on rings that nobody writes over */

/* ---- Chance --------------------------------------------------------------------------------------- */

static uint64_t state;

static uint64_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t below(uint64_t n)
{
	return (chance() >> 11) % n;
}

#define ONE_OF(values_) (values_)[below(sizeof(values_) / sizeof((values_)[0]))]

static uint64_t some_number(void)
{
	static const uint64_t numbers[] = { 0,
					    1,
					    2,
					    3,
					    7,
					    15,
					    16,
					    17,
					    128,
					    0x7fff,
					    0x8000,
					    0xffff,
					    0x10000,
					    0x10001,
					    0x7fffffff,
					    0x80000000,
					    0xffffffff,
					    0x100000000,
					    UINT64_MAX - 7,
					    UINT64_MAX };

	return below(4) ? ONE_OF(numbers) : chance() >> below(64);
}

static uint64_t some_address(void)
{
	static const uint64_t bad[] = { RAM_END - 1,   RAM_END - 8,     RAM_END - 4095,
					RAM_END,       RAM_END + 4096,  LAYOUT_HOLE,
					LAYOUT_VIRTIO, LAYOUT_APIC,     LAYOUT_HOLE_END,
					UINT64_MAX,    UINT64_MAX - 15, UINT64_C(1) << 63,
					UINT32_MAX - 3 };

	switch (below(16)) {
	case 0:
		return ONE_OF(bad);
	case 1:
		return RINGS_AT + below(0x10000);
	case 2:
		return DATA + below(RAM_END - DATA);
	default:
		return DATA + 4096 * below(PAGES) + (below(4) ? 0 : below(4096));
	}
}

static uint32_t some_length(void)
{
	static const uint32_t lengths[] = {
		0,    1,    2,       8,        12,        15,         16,
		17,   20,   64,      511,      512,       1526,       4096,
		8192, 9000, 0x10000, 0x100000, 0x2000000, UINT32_MAX, UINT32_MAX - 15
	};

	return ONE_OF(lengths);
}

static struct device *some_device(void)
{
	return &devices[below(n_devices)];
}

/* ---- Steps ---------------------------------------------------------------------------------------- */

static void access(uint64_t address, uint64_t value)
{
	switch (below(12)) {
	case 0:
		write8(address, (uint8_t)value);
		break;
	case 1:
		write16(address, (uint16_t)value);
		break;
	case 2:
		write64(address, value);
		break;
	case 3:
		read8(address);
		break;
	case 4:
		read16(address);
		break;
	case 5:
		read64(address);
		break;
	case 6:
	case 7:
		read32(address);
		break;
	default:
		write32(address, (uint32_t)value);
	}
}

static void use_register(void)
{
	static const uint16_t registers[] = { REG_FEATURES_SEL, REG_DRIVER,         REG_DRIVER_SEL,
					      REG_QUEUE_SEL,    REG_QUEUE_NUM,      REG_QUEUE_READY,
					      REG_QUEUE_NOTIFY, REG_INTERRUPT_ACK,  REG_STATUS,
					      REG_QUEUE_DESC,   REG_QUEUE_DESC + 4, REG_QUEUE_AVAIL,
					      REG_QUEUE_USED,   REG_CONFIG,         REG_CONFIG + 4,
					      REG_CONFIG + 32,  REG_QUEUE_USED + 4 };
	const struct device *d = some_device();
	const uint64_t any = below(2) ? below(0x200) : below(0xff8);

	access(d->base + (below(4) ? ONE_OF(registers) : any), some_number());
}

static void use_platform(void)
{
	static const uint16_t ports[] = { LAYOUT_SERIAL + 1, LAYOUT_SERIAL + 2, LAYOUT_SERIAL + 3,
					  LAYOUT_SERIAL + 4, LAYOUT_SERIAL + 7 };

	if (below(2))
		access(LAYOUT_PLATFORM + 4 + below(0xff0), some_number());
	else if (below(2))
		out8(ONE_OF(ports), (uint8_t)chance());
	else
		in8((uint16_t)(LAYOUT_SERIAL + below(8)));
}

/* As it should be, but for what is drawn to be otherwise. */
static void begin(void)
{
	const struct device *d = some_device();
	uint64_t features;

	device_set(d, REG_FEATURES_SEL, 0);
	features = device_get(d, REG_FEATURES);
	if (below(2))
		features &= chance() | (d->id == ID_CONSOLE ? 2 : 0);
	if (!below(16))
		features |= UINT64_C(1) << below(64);
	device_negotiate(d, features);
	for (unsigned int i = 0; i < d->n_queues; i++)
		if (below(16))
			device_place(d, i);
	device_set(d, REG_STATUS, 15);
	/* Bytes for it, and places for bytes. */
	for (unsigned int i = 0; i < d->n_queues; i++) {
		struct ring *r = &d->rings[i];

		for (uint16_t k = 0; k < RING_SIZE; k++)
			r->desc[k] = (struct ring_desc){ DATA + 4096 * (k % PAGES), 2048,
							 (uint16_t)(2 * (i % 2 == 0)), 0 };
	}
}

static void reset(void)
{
	device_reset(some_device());
}

static void fill_data(void)
{
	uint64_t at = DATA + 4096 * below(PAGES);

	for (unsigned int i = 0; i < 8; i++, at += 4)
		write32(at, (uint32_t)some_number());
}

/* Something that a device knows: a disk's request, a console's control message. */
static void fill_request(void)
{
	static const uint32_t types[] = { 0, 1, 4, 8, 11, 13, 0, 1, 2, 16, 255 };
	const uint64_t at = DATA + 4096 * below(PAGES);
	uint64_t sectors[] = { 0, 1, 7, 120, 127, 128, UINT64_MAX, UINT64_MAX >> 9 };

	if (below(2)) {
		write32(at, ONE_OF(types));
		write32(at + 4, 0);
		write64(at + 8, ONE_OF(sectors));
		write64(at + 16, ONE_OF(sectors));
		write32(at + 24, (uint32_t)some_number());
		write32(at + 28, (uint32_t)below(3));
	} else {
		write32(at, below(4) ? 1 : (uint32_t)some_number());
		write16(at + 4, (uint16_t)below(9));
		write16(at + 6, (uint16_t)below(2));
	}
}

static struct ring *some_ring(const struct device **ret_device, unsigned int *ret_queue)
{
	const struct device *d = some_device();

	*ret_device = d;
	*ret_queue = (unsigned int)below(d->n_queues);
	return &d->rings[*ret_queue];
}

/* A chain that is right in its form, as long as lengths and addresses are. */
static void add_chain(struct ring *r)
{
	const unsigned int n = 1 + (unsigned int)below(4), n_out = (unsigned int)below(n + 1);
	const uint16_t head = (uint16_t)below(RING_SIZE);

	for (unsigned int i = 0; i < n; i++)
		r->desc[(head + i) % RING_SIZE] = (struct ring_desc){
			some_address(), some_length(),
			(uint16_t)((i >= n_out ? DESC_IN : 0) | (i + 1 < n ? DESC_NEXT : 0)),
			(uint16_t)((head + i + 1) % RING_SIZE)
		};
	r->avail.entries[r->avail.idx % RING_SIZE] = head;
}

static void add_table(struct ring *r)
{
	const uint64_t at = DATA + 4096 * (PAGES + below(2));
	const uint32_t n = (uint32_t)below(40);

	for (uint32_t i = 0; i < n; i++) {
		write64(at + 16 * i, some_address());
		write32(at + 16 * i + 8, below(2) ? 64 : some_length());
		write16(at + 16 * i + 12, (uint16_t)((below(3) ? DESC_NEXT : 0) | 2 * below(2)));
		write16(at + 16 * i + 14, (uint16_t)(below(8) ? i + 1 : below(n)));
	}
	r->desc[0] =
		(struct ring_desc){ at, below(8) ? 16 * n : some_length(),
				    (uint16_t)(DESC_INDIRECT | (below(8) ? 0 : DESC_NEXT)), 1 };
	r->avail.entries[r->avail.idx % RING_SIZE] = 0;
}

static void scribble(struct ring *r)
{
	for (unsigned int i = 0; i < 4; i++)
		r->desc[below(RING_SIZE)] =
			(struct ring_desc){ some_address(), some_length(), (uint16_t)below(8),
					    (uint16_t)below(RING_SIZE + 1) };
	r->avail.entries[below(RING_SIZE)] = (uint16_t)below(RING_SIZE + 2);
	r->avail.used_event = (uint16_t)some_number();
}

static void use_queue(void)
{
	const struct device *d;
	unsigned int queue;
	struct ring *r = some_ring(&d, &queue);

	switch (below(8)) {
	case 0:
		scribble(r);
		break;
	case 1:
	case 2:
		add_table(r);
		break;
	default:
		add_chain(r);
	}
	barrier();
	r->avail.idx += (uint16_t)(below(32) ? 1 + below(2) : some_number());
	device_notify(d, queue);
}

static void notify(void)
{
	const struct device *d = some_device();

	device_notify(d, (unsigned int)below(d->n_queues + 2));
}

static const struct {
	unsigned int weight;
	void (*fn)(void);
} steps[] = {
	{ 8, begin },     { 20, use_register }, { 4, use_platform }, { 1, reset },
	{ 8, fill_data }, { 15, fill_request }, { 45, use_queue },   { 3, notify },
};

static void step(void)
{
	uint64_t left = below(104);

	for (unsigned int i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (left < steps[i].weight) {
			steps[i].fn();
			return;
		}
		left -= steps[i].weight;
	}
}

/* ---- The whole ------------------------------------------------------------------------------------ */

static void find_devices(void)
{
	unsigned int used = 0;

	if (!device_find(&good, ID_RNG, 0))
		fail("there is no rng");
	for (uint32_t id = ID_NET; id <= ID_BALLOON; id++)
		for (unsigned int nth = 0; device_find(&devices[n_devices], id, nth); nth++) {
			struct device *d = &devices[n_devices++];

			d->rings = (struct ring *)RINGS_AT + used;
			used += d->n_queues;
		}
	say("devices %u, queues %u", (uint64_t)n_devices, (uint64_t)used);
	if (used > 16)
		fail("more queues than place");
}

static void check_good(void)
{
	void *bytes = (void *)DATA;

	for (unsigned int i = 0; i < n_devices; i++) {
		device_reset(&devices[i]);
		if (device_get(&devices[i], REG_STATUS))
			fail("device %u does not reset", (uint64_t)i);
	}
	device_begin(&good, 0);
	if (device_ask(&good, 0, &(struct piece){ bytes, 64, true }, 1) != 64)
		fail("no random bytes at last");
}

void guest_main(void)
{
	const uint64_t seed = guest_number("seed", 1), n = guest_number("steps", 1000);

	state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	find_devices();
	if (guest_word("scribbler"))
		others_start(RINGS_AT >> 4);
	for (uint64_t i = 0; i < n; i++)
		step();
	out8(LAYOUT_SERIAL + 1, 0);
	out8(LAYOUT_SERIAL + 3, 0);
	out8(LAYOUT_SERIAL + 4, 0);
	check_good();
	say("survived %u steps of seed %u", n, seed);
}
