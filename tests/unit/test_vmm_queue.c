/* SPDX-License-Identifier: MIT */
/* A queue in memory that this test writes as a driver would, or would not. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_ring.h>

#include "queue.h"

#define SIZE     8
#define DESC     0x1000
#define AVAIL    0x2000
#define USED     0x3000
#define INDIRECT 0x4001 /* nobody aligns it */
#define DATA     0x10000
#define LOW_END  0x80000 /* two regions, as above and below the hole */
#define HIGH     UINT64_C(0x100000000)

#define NEXT  VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define IND   VRING_DESC_F_INDIRECT

static struct memory memory;
static struct queue q;

static void poke16(uint64_t gpa, uint16_t value)
{
	assert_int_equal(memory_write(&memory, gpa, &value, sizeof(value)), 0);
}

static uint16_t peek16(uint64_t gpa)
{
	uint16_t value;

	assert_int_equal(memory_read(&memory, gpa, &value, sizeof(value)), 0);
	return value;
}

static void set_desc(uint64_t table, unsigned int i, struct vring_desc desc)
{
	assert_int_equal(memory_write(&memory, table + 16 * (uint64_t)i, &desc, 16), 0);
}

/* Makes chain `head` the next available one. */
static void offer(uint16_t head)
{
	const uint16_t idx = peek16(AVAIL + 2);

	poke16(AVAIL + 4 + 2 * (uint64_t)(idx % SIZE), head);
	poke16(AVAIL + 2, (uint16_t)(idx + 1));
}

static void start(bool event_idx)
{
	memset(memory.regions[0].host, 0, LOW_END);
	q = (struct queue){ .memory = &memory, .max = 256, .size = SIZE };
	q.desc = DESC;
	q.avail = AVAIL;
	q.used = USED;
	assert_int_equal(queue_start(&q, event_idx), 0);
}

/* All indices at a number, as after so many chains. */
static void start_at(bool event_idx, uint16_t idx)
{
	start(event_idx);
	q.last_avail = q.used_idx = q.signalled_idx = idx;
	poke16(AVAIL + 2, idx);
	poke16(USED + 2, idx);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(memory_create(1u << 20, false, &memory, NULL), 0);
	memory.regions[1] = (struct memory_region){ HIGH, memory.size - LOW_END,
						    memory.regions[0].host + LOW_END };
	memory.regions[0].size = LOW_END;
	memory.n_regions = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	memory_destroy(&memory);
	return 0;
}

static void test_places(void **state)
{
	static const struct {
		uint16_t size;
		uint64_t desc, avail, used;
		bool good;
	} rows[] = {
		{ 256, DESC, AVAIL, USED, true },
		{ 1, DESC, AVAIL, USED, true },
		{ 0, DESC, AVAIL, USED, false },
		{ 6, DESC, AVAIL, USED, false },
		{ 512, DESC, AVAIL, USED, false },
		{ 8, DESC + 8, AVAIL, USED, false },
		{ 8, DESC, AVAIL + 1, USED, false },
		{ 8, DESC, AVAIL + 2, USED, true },
		{ 8, DESC, AVAIL, USED + 2, false },
		{ 8, LOW_END - 128, AVAIL, USED, true },
		{ 8, LOW_END - 112, AVAIL, USED, false },
		{ 8, DESC, LOW_END - 22, USED, true },
		{ 8, DESC, LOW_END - 20, USED, false }, /* used_event belongs to it */
		{ 8, DESC, AVAIL, LOW_END - 72, true },
		{ 8, DESC, AVAIL, LOW_END - 68, false }, /* avail_event too */
		{ 8, HIGH, HIGH + 128, HIGH + 256, true },
		{ 8, UINT64_MAX - 15, AVAIL, USED, false },
		{ 8, DESC, UINT64_MAX - 1, USED, false },
		{ 8, DESC, AVAIL, UINT64_MAX - 3, false },
		{ 8, 0xd0000000, AVAIL, USED, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct queue queue = { .memory = &memory, .max = 256, .size = rows[i].size };

		queue.desc = rows[i].desc;
		queue.avail = rows[i].avail;
		queue.used = rows[i].used;
		if (queue_start(&queue, true) != (rows[i].good ? 0 : -EBADMSG))
			fail_msg("row %zu", i);
		assert_int_equal(queue.ready, rows[i].good);
	}
}

static void test_chain(void **state)
{
	char bytes[16] = "";
	struct chain c;

	(void)state;
	start(false);
	assert_int_equal(queue_pop(&q, &c), 0);
	memcpy(memory_at(&memory, DATA, 8), "abcdefgh", 8);
	set_desc(DESC, 5, (struct vring_desc){ DATA, 3, NEXT, 0 });
	set_desc(DESC, 0, (struct vring_desc){ DATA + 3, 5, NEXT, 7 });
	set_desc(DESC, 7, (struct vring_desc){ HIGH, 4, NEXT | WRITE, 1 });
	set_desc(DESC, 1, (struct vring_desc){ DATA + 0x100, 4, WRITE, 99 });
	offer(5);
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_int_equal(c.head, 5);
	assert_int_equal(c.n_out, 2);
	assert_int_equal(c.n_in, 2);
	assert_int_equal(c.out_len, 8);
	assert_int_equal(c.in_len, 8);
	assert_int_equal(chain_read(&c, 1, bytes, 4), 4);
	assert_memory_equal(bytes, "bcde", 4);
	assert_int_equal(chain_read(&c, 6, bytes, 16), 2);
	assert_memory_equal(bytes, "gh", 2);
	assert_int_equal(chain_read(&c, 8, bytes, 1), 0);
	assert_int_equal(chain_read(&c, SIZE_MAX, bytes, 1), 0);
	assert_int_equal(chain_write(&c, 2, "12345", 5), 5);
	assert_memory_equal(memory_at(&memory, HIGH + 2, 2), "12", 2);
	assert_memory_equal(memory_at(&memory, DATA + 0x100, 3), "345", 3);
	assert_int_equal(chain_write(&c, 7, "xyz", 3), 1);

	queue_push(&q, c.head, 8);
	assert_int_equal(peek16(USED + 2), 1);
	assert_int_equal(peek16(USED + 4), 5);
	assert_int_equal(peek16(USED + 8), 8);
	assert_int_equal(queue_pop(&q, &c), 0);
}

static void test_unpop(void **state)
{
	struct chain c;

	(void)state;
	start(false);
	set_desc(DESC, 2, (struct vring_desc){ DATA, 3, 0, 0 });
	offer(2);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(queue_pop(&q, &c), 1);
		assert_int_equal(c.head, 2);
		queue_unpop(&q);
	}
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_int_equal(queue_pop(&q, &c), 0);
}

/* Indices go on past 2^16 and places past the size. */
static void test_wraps(void **state)
{
	struct chain c;

	(void)state;
	start_at(true, 65530);
	set_desc(DESC, 3, (struct vring_desc){ DATA, 3, 0, 0 });
	for (int i = 0; i < 20; i++) {
		offer(3);
		assert_int_equal(queue_pop(&q, &c), 1);
		queue_push(&q, c.head, (uint32_t)i);
		assert_int_equal(peek16(USED + 4 + 8 * (uint64_t)((65530 + i) % SIZE) + 4), i);
	}
	assert_int_equal(peek16(USED + 2), (65530 + 20) % 65536);
	assert_int_equal(queue_pop(&q, &c), 0);
}

static void test_indirect(void **state)
{
	struct chain c;

	(void)state;
	start(false);
	/* A direct buffer, then a table, whose own writable flag says nothing. */
	set_desc(DESC, 0, (struct vring_desc){ DATA, 10, NEXT, 1 });
	set_desc(DESC, 1, (struct vring_desc){ INDIRECT, 48, IND | WRITE, 0 });
	set_desc(INDIRECT, 0, (struct vring_desc){ DATA + 10, 20, NEXT, 2 });
	set_desc(INDIRECT, 2, (struct vring_desc){ DATA + 30, 30, NEXT | WRITE, 1 });
	set_desc(INDIRECT, 1, (struct vring_desc){ DATA + 60, 40, WRITE, 0 });
	offer(0);
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_int_equal(c.head, 0);
	assert_int_equal(c.n_out, 2);
	assert_int_equal(c.n_in, 2);
	assert_int_equal(c.out_len, 30);
	assert_int_equal(c.in_len, 70);
	assert_ptr_equal(c.iov[2].iov_base, memory_at(&memory, DATA + 30, 30));
}

/* A table may be longer than the queue, up to what a chain holds. */
static void test_long_indirect(void **state)
{
	struct chain c;

	(void)state;
	for (unsigned int n = CHAIN_IOV_MAX; n <= CHAIN_IOV_MAX + 1; n++) {
		start(false);
		set_desc(DESC, 0, (struct vring_desc){ INDIRECT, 16 * n, IND, 0 });
		for (unsigned int i = 0; i < n; i++)
			set_desc(INDIRECT, i,
				 (struct vring_desc){ DATA, 1, i + 1 < n ? NEXT : 0,
						      (uint16_t)(i + 1) });
		offer(0);
		assert_int_equal(queue_pop(&q, &c), n > CHAIN_IOV_MAX ? -EBADMSG : 1);
	}
	assert_int_equal(c.n_out, CHAIN_IOV_MAX);
}

struct wrong {
	const char *what;
	uint16_t head;
	struct vring_desc desc[3], table[3];
};

static const struct wrong wrongs[] = {
	{ "a head that is no descriptor", SIZE, { { DATA, 1, 0, 0 } } },
	{ "a next that is none", 0, { { DATA, 1, NEXT, SIZE } } },
	{ "itself next", 0, { { DATA, 1, NEXT, 0 } } },
	{ "a loop", 0, { { DATA, 1, NEXT, 1 }, { DATA, 1, NEXT, 2 }, { DATA, 1, NEXT, 0 } } },
	{ "zero length", 0, { { DATA, 0, 0, 0 } } },
	{ "beyond memory", 0, { { LOW_END, 1, 0, 0 } } },
	{ "across its end", 0, { { LOW_END - 4, 5, 0, 0 } } },
	{ "across regions", 0, { { LOW_END - 1, 0x80000002, 0, 0 } } },
	{ "across 2^64", 0, { { UINT64_MAX, 2, 0, 0 } } },
	{ "2^64 - 4096 and on into memory", 0, { { UINT64_MAX - 4095, 0x10000, 0, 0 } } },
	{ "a device's page", 0, { { 0xd0000000, 4, 0, 0 } } },
	{ "readable after writable", 0, { { DATA, 1, NEXT | WRITE, 1 }, { DATA, 1, 0, 0 } } },
	{ "a table and a next",
	  0,
	  { { INDIRECT, 16, IND | NEXT, 1 }, { DATA, 1, 0, 0 } },
	  { { DATA, 1, 0, 0 } } },
	{ "a table in a table",
	  0,
	  { { INDIRECT, 32, IND, 0 } },
	  { { INDIRECT + 16, 16, IND, 0 }, { DATA, 1, 0, 0 } } },
	{ "an empty table", 0, { { INDIRECT, 0, IND, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "half an entry", 0, { { INDIRECT, 24, IND, 0 } }, { { DATA, 1, 0, 0 } } },
	{ "a table out of memory", 0, { { LOW_END - 16, 32, IND, 0 } } },
	{ "a table at the end of all", 0, { { UINT64_MAX - 15, 16, IND, 0 } } },
	{ "a loop in a table",
	  0,
	  { { INDIRECT, 32, IND, 0 } },
	  { { DATA, 1, NEXT, 1 }, { DATA, 1, NEXT, 0 } } },
	{ "a next out of a table",
	  0,
	  { { INDIRECT, 32, IND, 0 } },
	  { { DATA, 1, NEXT, 2 }, { DATA, 1, 0, 0 }, { DATA, 1, 0, 0 } } },
	{ "writable before a table that reads",
	  0,
	  { { DATA, 1, NEXT | WRITE, 1 }, { INDIRECT, 16, IND, 0 } },
	  { { DATA, 1, 0, 0 } } },
};

static void test_wrong_chains(void **state)
{
	struct chain c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		start(i & 1);
		for (unsigned int k = 0; k < 3; k++) {
			set_desc(DESC, k, wrongs[i].desc[k]);
			set_desc(INDIRECT, k, wrongs[i].table[k]);
		}
		offer(wrongs[i].head);
		if (queue_pop(&q, &c) != -EBADMSG)
			fail_msg("%s", wrongs[i].what);
		/* It stays so, even when the driver mends it. */
		set_desc(DESC, 0, (struct vring_desc){ DATA, 1, 0, 0 });
		poke16(AVAIL + 4, 0);
		assert_int_equal(queue_pop(&q, &c), -EBADMSG);
		queue_push(&q, 0, 0);
		assert_int_equal(peek16(USED + 2), 0);
		assert_false(queue_should_interrupt(&q));
		assert_false(queue_want_notify(&q, true));
	}
}

/* 2^32 - 1 bytes are the most: more than one region of ours holds, so of buffers that overlap. */
static void test_too_many_bytes(void **state)
{
	const uint32_t len = 0x80000;
	struct chain c;

	(void)state;
	memory.regions[0].size = 0x80000000; /* nothing is read or written there */
	start(false);
	set_desc(DESC, 0, (struct vring_desc){ 0, 0x80000000, NEXT, 1 });
	set_desc(DESC, 1, (struct vring_desc){ 0, 0x7fffffff, NEXT, 2 });
	set_desc(DESC, 2, (struct vring_desc){ DATA, 1, 0, 0 });
	offer(0);
	assert_int_equal(queue_pop(&q, &c), -EBADMSG);
	start(false);
	set_desc(DESC, 0, (struct vring_desc){ 0, 0x80000000, NEXT, 1 });
	set_desc(DESC, 1, (struct vring_desc){ 0, 0x7fffffff, 0, 0 });
	offer(0);
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_true(c.out_len == UINT32_MAX);
	memory.regions[0].size = len;
}

static void test_index_jumps(void **state)
{
	struct chain c;

	(void)state;
	for (uint32_t jump = 0; jump < 65536; jump += jump < 32 ? 1 : 509) {
		start_at(false, 65533);
		set_desc(DESC, 0, (struct vring_desc){ DATA, 1, 0, 0 });
		poke16(AVAIL + 2, (uint16_t)(65533 + jump));
		assert_int_equal(queue_pop(&q, &c), !jump ? 0 : jump <= SIZE ? 1 : -EBADMSG);
	}
}

/* What the driver changes after the copy changes nothing; the same for where it says the queue is. */
static void test_changes_behind(void **state)
{
	struct chain c;

	(void)state;
	start(false);
	set_desc(DESC, 0, (struct vring_desc){ DATA, 16, 0, 0 });
	offer(0);
	assert_int_equal(queue_pop(&q, &c), 1);
	set_desc(DESC, 0, (struct vring_desc){ 0xd0000000, UINT32_MAX, WRITE, 0 });
	assert_int_equal(c.out_len, 16);
	assert_ptr_equal(c.iov[0].iov_base, memory_at(&memory, DATA, 16));
}

static void test_not_ready(void **state)
{
	struct chain c;

	(void)state;
	start(false);
	set_desc(DESC, 0, (struct vring_desc){ DATA, 16, 0, 0 });
	offer(0);
	q.ready = false;
	assert_int_equal(queue_pop(&q, &c), 0);
	queue_push(&q, 0, 0);
	queue_unpop(&q);
	assert_int_equal(peek16(USED + 2), 0);
	assert_false(queue_should_interrupt(&q));
	assert_false(queue_want_notify(&q, true));
	queue_reset(&q);
	assert_int_equal(q.max, 256);
	assert_int_equal(q.size, 0);
	assert_ptr_equal(q.memory, &memory);
}

static void test_interrupt_flag(void **state)
{
	(void)state;
	start(false);
	assert_false(queue_should_interrupt(&q));
	queue_push(&q, 0, 0);
	assert_true(queue_should_interrupt(&q));
	assert_false(queue_should_interrupt(&q));
	poke16(AVAIL, VRING_AVAIL_F_NO_INTERRUPT);
	queue_push(&q, 0, 0);
	assert_false(queue_should_interrupt(&q));
	poke16(AVAIL, 0);
	assert_false(queue_should_interrupt(&q)); /* that one was kept to itself */
	queue_push(&q, 0, 0);
	assert_true(queue_should_interrupt(&q));
}

/*
 * used_event = E: interrupt when entry E is used, that is as the index goes from E or less to more
 * than E. Known answers, worked out by hand from 2.7.7.2 and 2.7.10.
 */
static void test_interrupt_event(void **state)
{
	static const struct {
		uint16_t before, pushed, event;
		bool wanted;
	} rows[] = {
		{ 0, 1, 0, true },         { 0, 1, 1, false },         { 0, 2, 1, true },
		{ 5, 3, 4, false },        { 5, 3, 5, true },          { 5, 3, 7, true },
		{ 5, 3, 8, false },        { 65534, 1, 65534, true },  { 65534, 1, 65535, false },
		{ 65534, 2, 65535, true }, { 65534, 2, 0, false },     { 65534, 3, 0, true },
		{ 65534, 4, 0, true },     { 65535, 1, 65535, true },  { 65535, 1, 0, false },
		{ 65535, 2, 0, true },     { 65530, 8, 65529, false }, { 65530, 8, 1, true },
		{ 65530, 8, 2, false },    { 0, 8, 65535, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start_at(true, rows[i].before);
		poke16(AVAIL, VRING_AVAIL_F_NO_INTERRUPT); /* means nothing then (2.7.7.1) */
		poke16(AVAIL + 4 + 2 * SIZE, rows[i].event);
		assert_false(queue_should_interrupt(&q));
		for (uint16_t k = 0; k < rows[i].pushed; k++)
			queue_push(&q, 0, 0);
		if (queue_should_interrupt(&q) != rows[i].wanted)
			fail_msg("row %zu", i);
		assert_false(queue_should_interrupt(&q));
	}
}

static void test_notify_flag(void **state)
{
	struct chain c;

	(void)state;
	start(false);
	set_desc(DESC, 0, (struct vring_desc){ DATA, 1, 0, 0 });
	assert_false(queue_want_notify(&q, false));
	assert_int_equal(peek16(USED), VRING_USED_F_NO_NOTIFY);
	assert_false(queue_want_notify(&q, true));
	assert_int_equal(peek16(USED), 0);
	offer(0);
	assert_true(queue_want_notify(&q, true));
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_false(queue_want_notify(&q, true));
}

static void test_notify_event(void **state)
{
	struct chain c;

	(void)state;
	start_at(true, 65535);
	set_desc(DESC, 0, (struct vring_desc){ DATA, 1, 0, 0 });
	assert_false(queue_want_notify(&q, true));
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 65535);
	offer(0);
	offer(0);
	assert_true(queue_want_notify(&q, true));
	assert_int_equal(queue_pop(&q, &c), 1);
	queue_want_notify(&q, false);
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 65535); /* behind us: nobody is woken by it */
	assert_int_equal(queue_pop(&q, &c), 1);
	assert_false(queue_want_notify(&q, true));
	assert_int_equal(peek16(USED + 4 + 8 * SIZE), 1);
	assert_int_equal(peek16(USED), 0);
}

/*
 * A driver on a thread of its own, sleeping and waking by the event index alone: a lost wake-up
 * hangs, a wrong order shows as a wrong number (and in ThreadSanitizer).
 */
#define RALLY 20000

static int bells[2]; /* counts of notifications and interrupts, as an eventfd would */

static uint16_t *ring16(uint64_t gpa)
{
	return memory_at(&memory, gpa, 2);
}

static void wait_bell(int *bell, int *seen)
{
	while (__atomic_load_n(bell, __ATOMIC_ACQUIRE) == *seen)
		sched_yield();
	*seen = __atomic_load_n(bell, __ATOMIC_ACQUIRE);
}

static void *play_driver(void *data)
{
	int seen = 0;

	(void)data;
	for (uint16_t i = 0; i < RALLY; i++) {
		const unsigned int at = i % SIZE;
		uint64_t *value = memory_at(&memory, DATA + 8 * at, 8);

		/* Room: an entry that was used comes back. */
		while ((uint16_t)(i - __atomic_load_n(ring16(USED + 2), __ATOMIC_ACQUIRE)) ==
		       SIZE) {
			__atomic_store_n(ring16(AVAIL + 4 + 2 * SIZE), (uint16_t)(i - SIZE),
					 __ATOMIC_RELAXED);
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			if ((uint16_t)(i - __atomic_load_n(ring16(USED + 2), __ATOMIC_ACQUIRE)) ==
			    SIZE)
				wait_bell(&bells[1], &seen);
		}
		*value = i;
		set_desc(DESC, at, (struct vring_desc){ DATA + 8 * at, 8, 0, 0 });
		__atomic_store_n(ring16(AVAIL + 4 + 2 * (uint64_t)at), (uint16_t)at,
				 __ATOMIC_RELAXED);
		__atomic_store_n(ring16(AVAIL + 2), (uint16_t)(i + 1), __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(ring16(USED + 4 + 8 * SIZE), __ATOMIC_RELAXED) == i)
			__atomic_fetch_add(&bells[0], 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct chain c;
	pthread_t driver;
	int seen = 0;

	(void)state;
	start(true);
	assert_int_equal(pthread_create(&driver, NULL, play_driver, NULL), 0);
	for (uint64_t i = 0; i < RALLY;) {
		const int r = queue_pop(&q, &c);
		uint64_t value;

		assert_true(r >= 0);
		if (r == 0) {
			if (!queue_want_notify(&q, true))
				wait_bell(&bells[0], &seen);
			continue;
		}
		assert_int_equal(chain_read(&c, 0, &value, 8), 8);
		assert_int_equal(value, i++);
		queue_push(&q, c.head, 0);
		if (queue_should_interrupt(&q))
			__atomic_fetch_add(&bells[1], 1, __ATOMIC_RELEASE);
	}
	pthread_join(driver, NULL);
	assert_int_equal(peek16(USED + 2), RALLY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),          cmocka_unit_test(test_chain),
		cmocka_unit_test(test_unpop),           cmocka_unit_test(test_wraps),
		cmocka_unit_test(test_indirect),        cmocka_unit_test(test_long_indirect),
		cmocka_unit_test(test_wrong_chains),    cmocka_unit_test(test_too_many_bytes),
		cmocka_unit_test(test_index_jumps),     cmocka_unit_test(test_changes_behind),
		cmocka_unit_test(test_not_ready),       cmocka_unit_test(test_interrupt_flag),
		cmocka_unit_test(test_interrupt_event), cmocka_unit_test(test_notify_flag),
		cmocka_unit_test(test_notify_event),    cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
