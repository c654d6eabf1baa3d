/* SPDX-License-Identifier: MIT */
/*
 * Whatever a driver may do wrong by the specification (virtio 1.2): after each, the device says
 * DEVICE_NEEDS_RESET and uses no buffer; once it is reset, it works again.
 */
#include "guest.h"

#define RAM_END UINT64_C(0x4000000) /* the machine has 64 MiB */

static uint8_t data[4096] __attribute__((aligned(4096)));
static struct ring_desc table[4] __attribute__((aligned(16)));
static struct device *d;
static struct ring *ring;
static unsigned int queue;

static void put(uint16_t i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	ring->desc[i] = (struct ring_desc){ addr, len, flags, next };
}

static void put_data(uint16_t i, uint32_t len, uint16_t flags, uint16_t next)
{
	put(i, (uint64_t)data, len, flags, next);
}

static void offer(uint16_t head)
{
	ring->avail.entries[ring->avail.idx % RING_SIZE] = head;
	barrier();
	ring->avail.idx++;
}

/* ---- Rings and chains ----------------------------------------------------------------------------- */

/* Each entry of the ring names a good chain: only the index is wrong. */
static void jump_ahead(void)
{
	put_data(0, 16, DESC_IN, 0);
	ring->avail.idx += RING_SIZE + 1;
}

static void run_backwards(void)
{
	put_data(0, 16, DESC_IN, 0);
	ring->avail.idx--;
}

/* What lies outside of the table looks like a descriptor. */
#define OUTSIDE 64

static void put_outside(void)
{
	((struct ring_desc *)ring)[OUTSIDE] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN, 0 };
}

static void head_outside(void)
{
	put_outside();
	offer(OUTSIDE);
}

static void next_outside(void)
{
	put_outside();
	put_data(0, 16, DESC_IN | DESC_NEXT, OUTSIDE);
	offer(0);
}

static void loop_of_one(void)
{
	put_data(0, 16, DESC_IN | DESC_NEXT, 0);
	offer(0);
}

static void loop_of_all(void)
{
	for (uint16_t i = 0; i < RING_SIZE; i++)
		put_data(i, 16, DESC_IN | DESC_NEXT, (i + 1) % RING_SIZE);
	offer(3);
}

static void empty_buffer(void)
{
	put_data(0, 0, DESC_IN, 0);
	offer(0);
}

static void address_outside(void)
{
	put(0, RAM_END, 16, DESC_IN, 0);
	offer(0);
}

static void address_in_device(void)
{
	put(0, LAYOUT_VIRTIO, 16, DESC_IN, 0);
	offer(0);
}

static void end_outside(void)
{
	put(0, RAM_END - 8, 16, DESC_IN, 0);
	offer(0);
}

static void length_wraps(void)
{
	put(0, UINT64_MAX - 7, 16, DESC_IN, 0);
	offer(0);
}

static void length_is_huge(void)
{
	put_data(0, UINT32_MAX, DESC_IN, 0);
	offer(0);
}

static void wrong_order(void)
{
	put_data(0, 16, DESC_IN | DESC_NEXT, 1);
	put_data(1, 16, 0, 0);
	offer(0);
}

/* With what a disk would answer, if it did not look. */
static void wrong_order_of_disk(void)
{
	static uint32_t header[4] = { 8 };

	put(0, (uint64_t)header, sizeof(header), DESC_NEXT, 1);
	put_data(1, 20, DESC_IN | DESC_NEXT, 2);
	put(2, (uint64_t)data + 64, 20, DESC_NEXT, 3);
	put(3, (uint64_t)data + 128, 1, DESC_IN, 0);
	offer(0);
}

/* ---- Indirect tables ------------------------------------------------------------------------------ */

static void offer_table(uint32_t len, uint16_t flags)
{
	put(0, (uint64_t)table, len, DESC_INDIRECT | flags, 1);
	put_data(1, 16, DESC_IN, 0);
	offer(0);
}

static void table_and_next(void)
{
	table[0] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN, 0 };
	offer_table(16, DESC_NEXT);
}

static void table_of_nothing(void)
{
	offer_table(0, 0);
}

static void table_and_a_half(void)
{
	offer_table(24, 0);
}

static void table_in_table(void)
{
	table[0] = (struct ring_desc){ (uint64_t)table, 16, DESC_INDIRECT, 0 };
	offer_table(16, 0);
}

static void table_loops(void)
{
	for (uint16_t i = 0; i < 4; i++)
		table[i] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN | DESC_NEXT, 3 - i };
	offer_table(sizeof(table), 0);
}

static void table_goes_out(void)
{
	table[0] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN | DESC_NEXT, 1 };
	offer_table(16, 0);
}

static void table_too_long(void)
{
	struct ring_desc *entries = (struct ring_desc *)0x2000000;

	for (uint16_t i = 0; i < 300; i++)
		entries[i] = (struct ring_desc){ (uint64_t)data, 1,
						 DESC_IN | (i < 299 ? DESC_NEXT : 0), i + 1 };
	put(0, (uint64_t)entries, 300 * sizeof(*entries), DESC_INDIRECT, 0);
	offer(0);
}

/* Only what is behind the table makes it a good chain. */
static void table_reads_on(void)
{
	table[0] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN | DESC_NEXT, 2 };
	table[2] = (struct ring_desc){ (uint64_t)data, 16, DESC_IN, 0 };
	offer_table(32, 0);
}

static void table_outside(void)
{
	put(0, RAM_END - 16, 32, DESC_INDIRECT, 0);
	offer(0);
}

/* ---- What a device is not for ---------------------------------------------------------------------- */

static void to_read_only(void)
{
	put_data(0, 64, 0, 0);
	offer(0);
}

static void to_write_only(void)
{
	put_data(0, 64, DESC_IN, 0);
	offer(0);
}

static void short_message(void)
{
	put_data(0, 7, 0, 0);
	offer(0);
}

static void small_buffer_for_control(void)
{
	static const uint32_t ready[2] = { UINT32_MAX, 1 << 16 };
	struct ring *out = &d->rings[3];

	put_data(0, 4, DESC_IN, 0);
	offer(0);
	device_notify(d, 2);
	out->desc[0] = (struct ring_desc){ (uint64_t)ready, 8, 0, 0 };
	barrier();
	out->avail.idx++;
	device_notify(d, 3);
}

static void page_outside(void)
{
	static const uint32_t pages[2] = { 0x1000, RAM_END >> 12 };

	put(0, (uint64_t)pages, sizeof(pages), 0, 0);
	offer(0);
}

/* ---- Places of queues ------------------------------------------------------------------------------ */

static void place(uint32_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	const uint64_t places[3] = { desc, avail, used };

	device_negotiate(d, 0);
	device_set(d, REG_QUEUE_SEL, queue);
	device_set(d, REG_QUEUE_NUM, size);
	for (unsigned int i = 0; i < 3; i++) {
		device_set(d, REG_QUEUE_DESC + 0x10 * i, (uint32_t)places[i]);
		device_set(d, REG_QUEUE_DESC + 0x10 * i + 4, (uint32_t)(places[i] >> 32));
	}
	device_set(d, REG_QUEUE_READY, 1);
	device_set(d, REG_STATUS, 1 | 2 | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

static void size_of_three(void)
{
	place(3, RAM_END - 8192, RAM_END - 8192, RAM_END - 8192);
}

static void size_of_nothing(void)
{
	place(0, RAM_END - 8192, RAM_END - 8192, RAM_END - 8192);
}

static void size_too_large(void)
{
	place(1024, 0x2000000, 0x2100000, 0x2200000);
}

static void size_wraps(void)
{
	place(0x10010, 0x2000000, 0x2100000, 0x2200000);
}

static void table_half_outside(void)
{
	place(16, RAM_END - 128, 0x2100000, 0x2200000);
}

static void available_outside(void)
{
	place(16, 0x2000000, RAM_END - 32, 0x2200000);
}

static void used_wraps(void)
{
	place(16, 0x2000000, 0x2100000, UINT64_MAX - 3);
}

static void table_misaligned(void)
{
	place(16, 0x2000008, 0x2100000, 0x2200000);
}

static void available_misaligned(void)
{
	place(16, 0x2000000, 0x2100001, 0x2200000);
}

static void used_misaligned(void)
{
	place(16, 0x2000000, 0x2100000, 0x2200002);
}

static const struct misuse {
	const char *what;
	uint32_t id;
	unsigned int queue;
	void (*fn)(void);
	bool own_notification; /* or none is needed */
} misuses[] = {
	{ "the available index jumps ahead", ID_RNG, 0, jump_ahead },
	{ "the available index runs backwards", ID_RNG, 0, run_backwards },
	{ "a head outside of the table", ID_RNG, 0, head_outside },
	{ "a next outside of the table", ID_RNG, 0, next_outside },
	{ "a loop of one", ID_RNG, 0, loop_of_one },
	{ "a loop of all", ID_RNG, 0, loop_of_all },
	{ "an empty buffer", ID_RNG, 0, empty_buffer },
	{ "an address outside of memory", ID_RNG, 0, address_outside },
	{ "an address in a device", ID_RNG, 0, address_in_device },
	{ "a buffer that ends outside of memory", ID_RNG, 0, end_outside },
	{ "a length that wraps", ID_RNG, 0, length_wraps },
	{ "a length that is huge", ID_RNG, 0, length_is_huge },
	{ "a buffer to read behind one to write", ID_RNG, 0, wrong_order },
	{ "a disk's buffer to read behind one to write", ID_BLOCK, 0, wrong_order_of_disk },
	{ "an indirect table and a next", ID_RNG, 0, table_and_next },
	{ "an indirect table of nothing", ID_RNG, 0, table_of_nothing },
	{ "an indirect table and a half", ID_RNG, 0, table_and_a_half },
	{ "an indirect table in another", ID_RNG, 0, table_in_table },
	{ "an indirect table that loops", ID_RNG, 0, table_loops },
	{ "an indirect table's next outside", ID_RNG, 0, table_goes_out },
	{ "an indirect table of 300", ID_RNG, 0, table_too_long },
	{ "an indirect table that reads on behind itself", ID_RNG, 0, table_reads_on },
	{ "an indirect table outside of memory", ID_RNG, 0, table_outside },
	{ "rng: a buffer that it cannot write", ID_RNG, 0, to_read_only },
	{ "disk: a request without a status", ID_BLOCK, 0, to_read_only },
	{ "net: a frame without a header", ID_NET, 1, short_message },
	{ "net: a frame that it cannot read", ID_NET, 1, to_write_only },
	{ "console: a short control message", ID_CONSOLE, 3, short_message },
	{ "console: a control message that it cannot read", ID_CONSOLE, 3, to_write_only },
	{ "console: a small buffer for control messages", ID_CONSOLE, 2, small_buffer_for_control,
	  true },
	{ "console: bytes that it cannot read", ID_CONSOLE, 5, to_write_only },
	{ "balloon: a page outside of memory", ID_BALLOON, 0, page_outside },
	{ "a queue of 3", ID_RNG, 0, size_of_three, true },
	{ "a queue of 0", ID_RNG, 0, size_of_nothing, true },
	{ "a queue of 1024", ID_RNG, 0, size_too_large, true },
	{ "a queue of 16 and 65536", ID_RNG, 0, size_wraps, true },
	{ "a table that ends outside of memory", ID_BLOCK, 0, table_half_outside, true },
	{ "an available ring outside of memory", ID_NET, 0, available_outside, true },
	{ "a used ring whose place wraps", ID_CONSOLE, 0, used_wraps, true },
	{ "a table that is not aligned", ID_BALLOON, 0, table_misaligned, true },
	{ "an available ring that is not aligned", ID_BALLOON, 1, available_misaligned, true },
	{ "a used ring that is not aligned", ID_BALLOON, 2, used_misaligned, true },
};

#define MISUSES (sizeof(misuses) / sizeof(misuses[0]))

static bool needs_reset(void *unused)
{
	(void)unused;
	return device_get(d, REG_STATUS) & STATUS_NEEDS_RESET;
}

/* One good request. */
static void check_works(const char *what)
{
	static uint32_t header[4];
	static const uint32_t message[2] = { 0, 100 }, page = 0x1000;
	static uint8_t frame[12 + 60];
	const struct piece id[] = { { header, 16, false }, { data, 20, true }, { data, 1, true } };

	device_begin(d, FEATURE_INDIRECT | (d->id == ID_CONSOLE ? 2 : 0));
	memset(data, 0xee, 64);
	header[0] = 8;
	if (d->id == ID_RNG && device_ask(d, 0, &(struct piece){ data, 64, true }, 1) != 64)
		fail("%s: no random bytes any more", what);
	if (d->id == ID_BLOCK && (device_ask(d, 0, id, 3) != 21 || data[0]))
		fail("%s: no disk any more", what);
	if (d->id == ID_NET)
		device_ask(d, 1, &(struct piece){ frame, sizeof(frame), false }, 1);
	if (d->id == ID_CONSOLE)
		device_ask(d, 3, &(struct piece){ message, 8, false }, 1);
	if (d->id == ID_BALLOON)
		device_ask(d, 1, &(struct piece){ &page, 4, false }, 1);
	if (needs_reset(NULL))
		fail("%s: it needs a reset still", what);
}

static void commit(const struct misuse *m)
{
	queue = m->queue;
	ring = &d->rings[queue];
	device_begin(d, FEATURE_INDIRECT | (d->id == ID_CONSOLE ? 2 : 0));
	m->fn();
	if (!m->own_notification)
		device_notify(d, queue);
	sleep_until(needs_reset, NULL);
	if (ring->used.idx)
		fail("%s: a buffer was used", m->what);
	/* Until then it does nothing, whatever it is told. */
	device_notify(d, queue);
	device_set(d, REG_STATUS, 1 | 2 | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
	if (!needs_reset(NULL))
		fail("%s: it needs a reset no more, and had none", m->what);
	check_works(m->what);
	say("reset: %s", m->what);
}

static void refuse_features(void)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t one = UINT64_C(1) << bit;

		if (bit == 28 || bit == 29 || bit == 32)
			continue;
		if (device_negotiate(d, one))
			fail("feature %u is taken", (uint64_t)bit);
	}
	device_reset(d);
	device_set(d, REG_STATUS, 1 | 2 | STATUS_FEATURES_OK);
	if (device_get(d, REG_STATUS) & STATUS_FEATURES_OK)
		fail("no version is a version");
	check_works("features");
	say("features are refused");
}

/* What a queue is does not change while the device works. */
static void change_later(void)
{
	device_begin(d, 0);
	device_set(d, REG_QUEUE_SEL, 0);
	device_set(d, REG_QUEUE_NUM, 3);
	device_set(d, REG_QUEUE_DESC, 0xfffffff0);
	device_set(d, REG_QUEUE_DESC + 4, 0xffffffff);
	device_set(d, REG_QUEUE_READY, 1);
	device_set(d, REG_DRIVER, 0);
	if (device_ask(d, 0, &(struct piece){ data, 64, true }, 1) != 64)
		fail("a late change is taken");
	device_set(d, REG_QUEUE_SEL, 99);
	device_set(d, REG_QUEUE_READY, 1);
	device_set(d, REG_QUEUE_NOTIFY, 99);
	device_set(d, REG_QUEUE_NOTIFY, UINT32_MAX);
	check_works("late changes");
	say("late changes are dropped");
}

void guest_main(void)
{
	static struct device devices[ID_BALLOON + 1];

	for (uint32_t id = ID_NET; id <= ID_BALLOON; id++)
		if (!device_find(&devices[id], id, 0))
			fail("there is no device of kind %u", (uint64_t)id);
	d = &devices[ID_RNG];
	refuse_features();
	change_later();
	for (unsigned int i = 0; i < MISUSES; i++) {
		d = &devices[misuses[i].id];
		commit(&misuses[i]);
	}
	say("misuses %u", (uint64_t)MISUSES);
}
