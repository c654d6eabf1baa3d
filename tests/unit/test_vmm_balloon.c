/* SPDX-License-Identifier: MIT */
/* The balloon: what it gives back is gone from the host, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <linux/virtio_balloon.h>

#include "devices.h"
#include "fake_driver.h"
#include "log.h"

#define PAGE  4096u
#define PAGES 16 /* that the guest has written to, from here on */
#define FIRST (FAKE_DATA + 0x10000)
#define LIST  FAKE_DATA /* page numbers */

#define CONFIG(field) (VIRTIO_MMIO_CONFIG + offsetof(struct virtio_balloon_config, field))

static struct driver d;

static int setup(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	driver_open(&d);
	memset(memory_at(&d.memory, FIRST, PAGES * PAGE), 'x', PAGES * PAGE);
	return dev_balloon_create(&(struct device_host){ &d.memory, d.loop }, &d.v, NULL);
}

static int teardown(void **state)
{
	(void)state;
	driver_close(&d);
	return 0;
}

/* Which of the pages were given back, as a string of x and dots. */
static void assert_pages(const char *expected)
{
	char pages[PAGES + 1] = "";

	for (size_t i = 0; i < PAGES; i++) {
		const char *page = memory_at(&d.memory, FIRST + i * PAGE, PAGE);

		pages[i] = *page ? *page : '.';
		assert_int_equal(page[0], page[PAGE - 1]);
	}
	assert_string_equal(pages, expected);
}

/* How many of the pages are the host's memory at this moment. */
static unsigned int resident(void)
{
	unsigned char pages[PAGES];
	unsigned int n = 0;

	assert_int_equal(mincore(memory_at(&d.memory, FIRST, PAGES * PAGE), PAGES * PAGE, pages),
			 0);
	for (size_t i = 0; i < PAGES; i++)
		n += pages[i] & 1;
	return n;
}

/* Page numbers, relative to FIRST, into a queue; whether the chain came back. */
static bool send(unsigned int queue, const int *pages, uint32_t n)
{
	const struct driver_buffer buffer = { LIST, 4 * n, false };
	uint32_t *pfns = memory_at(&d.memory, LIST, 4 * n);
	uint32_t head, len;

	for (uint32_t i = 0; i < n; i++)
		pfns[i] = (uint32_t)((int)(FIRST / PAGE) + pages[i]);
	driver_add(&d, queue, &buffer, 1);
	driver_kick(&d, queue);
	return driver_used(&d, queue, &head, &len);
}

static void test_features(void **state)
{
	(void)state;
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_ID), 5);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_FEATURES) & 0xffffff,
			 1 << VIRTIO_BALLOON_F_DEFLATE_ON_OOM | 1 << VIRTIO_BALLOON_F_REPORTING);
	driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_not_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, 3);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void test_target(void **state)
{
	(void)state;
	dev_balloon_set_target(d.v, 5 * PAGE + 1);
	assert_int_equal(driver_get(&d, CONFIG(num_pages)), 5);
	assert_false(driver_interrupted(&d));
	assert_true(driver_begin(&d, 0, 8));
	dev_balloon_set_target(d.v, UINT64_MAX);
	assert_true(driver_interrupted(&d));
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(driver_get(&d, CONFIG(num_pages)), FAKE_MEMORY / PAGE);

	driver_set(&d, CONFIG(num_pages), 1); /* not the driver's */
	assert_int_equal(driver_get(&d, CONFIG(num_pages)), FAKE_MEMORY / PAGE);
	driver_set(&d, CONFIG(actual), 3);
	assert_int_equal(driver_get(&d, CONFIG(actual)), 3);
	assert_int_equal(dev_balloon_size(d.v), 3 * PAGE);
	driver_set(&d, CONFIG(actual), UINT32_MAX); /* no more than there is */
	assert_int_equal(dev_balloon_size(d.v), FAKE_MEMORY);
	driver_set(&d, VIRTIO_MMIO_STATUS, 0);
	assert_int_equal(dev_balloon_size(d.v), 0);
}

static void test_inflate(void **state)
{
	const int pages[] = { 1, 2, 3, 9, 8, 7, 12, 14, 13 };

	(void)state;
	assert_true(driver_begin(&d, 0, 8));
	assert_int_equal(resident(), PAGES);
	assert_true(send(0, pages, 9));
	assert_int_equal(resident(), PAGES - 9);
	assert_pages("x...xxx...xx...x");
	/* Deflated, they are zeroes until the guest writes. */
	assert_true(send(1, pages, 3));
	memset(memory_at(&d.memory, FIRST + PAGE, PAGE), 'y', PAGE);
	assert_pages("xy..xxx...xx...x");
	assert_int_equal(d.v->counters.out_bytes, 9 * PAGE);
	assert_int_equal(d.v->counters.in_bytes, 3 * PAGE);
}

static void test_not_there(void **state)
{
	const int last = (int)((FAKE_MEMORY - FIRST) / PAGE) - 1, beyond[] = { 2, last + 1 };

	(void)state;
	assert_true(driver_begin(&d, 0, 8));
	assert_true(send(0, &last, 1));
	assert_false(send(0, beyond, 2));
	assert_true(driver_get(&d, VIRTIO_MMIO_STATUS) & VIRTIO_STATUS_NEEDS_RESET);
	assert_pages("xx.xxxxxxxxxxxxx");
}

/* A run that ends where memory does not: page 2^32 - 1. */
static void test_last_page_number(void **state)
{
	const int pages[] = { -1 - (int)(FIRST / PAGE), -2 - (int)(FIRST / PAGE) };

	(void)state;
	assert_true(driver_begin(&d, 0, 8));
	assert_false(send(0, pages, 2));
	assert_pages("xxxxxxxxxxxxxxxx");
}

/* More than a turn takes, in buffers that overlap; the rest comes in the next turns, once. */
static void test_long_list(void **state)
{
	const struct driver_buffer buffers[] = { { LIST, 4 * 3000, false },
						 { LIST + 2, 4 * 1000, false } };
	uint32_t *pfns = memory_at(&d.memory, LIST, 4 * 3001);
	uint32_t head, len;

	(void)state;
	for (uint32_t i = 0; i < 3001; i++)
		pfns[i] = FIRST / PAGE + (i == 2999 ? 15 : 0);
	memset(memory_at(&d.memory, LIST + 2, 4 * 1000), 0, 4 * 1000); /* page 0 */
	assert_true(driver_begin(&d, 0, 8));
	driver_add(&d, 0, buffers, 2);
	driver_set(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_step(d.loop, 0);
	assert_false(driver_used(&d, 0, &head, &len));
	driver_run(&d);
	assert_true(driver_used(&d, 0, &head, &len));
	assert_false(driver_used(&d, 0, &head, &len));
	assert_pages(".xxxxxxxxxxxxxx.");
	assert_int_equal(d.v->counters.out_bytes, 4000 * PAGE);
	assert_true(send(0, (const int[]){ 4 }, 1)); /* from its begin on */
	assert_pages(".xxx.xxxxxxxxxx.");
}

static void test_report(void **state)
{
	const struct driver_buffer buffers[] = {
		{ FIRST + PAGE, 2 * PAGE, true },
		{ FIRST + 5 * PAGE - 1, 2 * PAGE, true },     /* one whole page */
		{ FIRST + 8 * PAGE + 1, 2 * PAGE - 2, true }, /* none */
		{ FIRST + 11 * PAGE, PAGE, true },
	};
	uint32_t head, len;

	(void)state;
	assert_true(driver_begin(&d, UINT64_C(1) << VIRTIO_BALLOON_F_REPORTING, 8));
	driver_add(&d, 2, buffers, 4);
	driver_kick(&d, 2);
	assert_true(driver_used(&d, 2, &head, &len));
	assert_int_equal(len, 0);
	assert_pages("x..xx.xxxxx.xxxx");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_features),  TEST(test_target),           TEST(test_inflate),
		TEST(test_not_there), TEST(test_last_page_number), TEST(test_long_list),
		TEST(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
