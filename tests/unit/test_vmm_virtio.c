/* SPDX-License-Identifier: MIT */
/*
 * The transport, by its registers, around a device that gives back what it gets; and the entropy device,
 * which has nothing else to it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "devices.h"
#include "fake_driver.h"
#include "log.h"

#define F_OURS  (UINT64_C(1) << 3)
#define F_HIGH  (UINT64_C(1) << 40)
#define F_EVENT VIRTIO_F_EVENT_IDX_
#define QUEUES  2
#define MAX     64

#define STATUS      VIRTIO_MMIO_STATUS
#define FEATURES_OK (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK)
#define RUNNING     (FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)

struct echo {
	struct virtio v;
	int activated, resets, notified[QUEUES];
	unsigned int max; /* chains of a turn */
	uint8_t config[6];
};

static struct echo echo;
static struct driver d;

static uint64_t echo_features(struct virtio *v)
{
	(void)v;
	return F_OURS | F_HIGH;
}

static void echo_read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	(void)v;
	for (unsigned int i = 0; i < len; i++)
		((uint8_t *)dst)[i] = offset + i < 6 ? echo.config[offset + i] : 0;
}

static void echo_write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	(void)v;
	for (unsigned int i = 0; i < len && offset + i < 6; i++)
		echo.config[offset + i] = ((const uint8_t *)src)[i];
}

static void echo_activate(struct virtio *v)
{
	(void)v;
	echo.activated++;
}

static bool echo_serve(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	char bytes[64];
	size_t n = chain_read(chain, 0, bytes, sizeof(bytes));

	n = chain_write(chain, 0, bytes, n);
	queue_push(&v->queues[queue], chain->head, (uint32_t)n);
	return true;
}

static void echo_notify(struct virtio *v, unsigned int queue)
{
	echo.notified[queue]++;
	virtio_serve(v, queue, echo.max, echo_serve);
}

static void echo_reset(struct virtio *v)
{
	(void)v;
	echo.resets++;
}

static void echo_destroy(struct virtio *v)
{
	virtio_finish(v);
}

static const struct virtio_ops echo_ops = {
	.name = "echo",
	.id = 42,
	.features = echo_features,
	.read_config = echo_read_config,
	.write_config = echo_write_config,
	.activate = echo_activate,
	.notify = echo_notify,
	.reset = echo_reset,
	.destroy = echo_destroy,
};

static int setup(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	driver_open(&d);
	echo = (struct echo){ .max = QUEUE_SIZE_MAX };
	assert_int_equal(
		virtio_init(&echo.v, &echo_ops, "echo", &d.memory, d.loop, QUEUES, MAX, NULL), 0);
	d.v = &echo.v;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	driver_close(&d);
	return 0;
}

static const struct driver_buffer ping[] = { { FAKE_DATA, 4, false }, { FAKE_DATA + 64, 8, true } };

/* Sends one; whether it came back, through queue 0. */
static bool answers(void)
{
	uint32_t head, len;
	uint16_t sent;

	memcpy(memory_at(&d.memory, FAKE_DATA, 4), "ping", 4);
	memset(memory_at(&d.memory, FAKE_DATA + 64, 4), 0, 4);
	sent = driver_add(&d, 0, ping, 2);
	driver_kick(&d, 0);
	if (!driver_used(&d, 0, &head, &len))
		return false;
	assert_int_equal(head, sent);
	assert_int_equal(len, 4);
	assert_memory_equal(memory_at(&d.memory, FAKE_DATA + 64, 4), "ping", 4);
	return true;
}

static void test_identity(void **state)
{
	(void)state;
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_VERSION), 2);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_ID), 42);
	assert_int_equal(driver_get(&d, STATUS), 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), MAX);
	driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, QUEUES);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_set(&d, VIRTIO_MMIO_SHM_SEL, 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_SHM_LEN_LOW), UINT32_MAX);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_SHM_LEN_HIGH), UINT32_MAX);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_SHM_BASE_HIGH), UINT32_MAX);
	/* Registers are read in one way only; those to write give zero. */
	assert_int_equal(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_MAGIC_VALUE, 1), 0);
	assert_int_equal(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_MAGIC_VALUE, 8), 0);
	assert_int_equal(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_VERSION - 2, 4), 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM), 0);
	assert_int_equal(driver_get(&d, 0xc4), 0);
}

static void test_features(void **state)
{
	static const uint64_t refused[] = { UINT64_C(1) << 4, UINT64_C(1) << 63, 0xff };

	(void)state;
	driver_set(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_FEATURES), F_OURS | 3u << 28);
	driver_set(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_FEATURES), 1 | F_HIGH >> 32);
	driver_set(&d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_FEATURES), 0);

	for (size_t i = 0; i < 3; i++)
		assert_false(driver_negotiate(&d, refused[i]));
	assert_true(driver_negotiate(&d, F_HIGH));
	assert_true(d.v->features == (F_HIGH | VIRTIO_F_VERSION_1_));
	/* They stand. */
	driver_set(&d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_set(&d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)F_OURS);
	driver_set_status(&d, VIRTIO_STATUS_FEATURES_OK);
	assert_true(d.v->features == (F_HIGH | VIRTIO_F_VERSION_1_));
	assert_true(d.v->driver_features == d.v->features);
}

static void test_features_without_version_1(void **state)
{
	(void)state;
	driver_set_status(&d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	driver_set(&d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)F_OURS);
	driver_set_status(&d, VIRTIO_STATUS_FEATURES_OK);
	assert_int_equal(driver_get(&d, STATUS), 3);
	/* And so no way on. */
	driver_set_status(&d, VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(driver_get(&d, STATUS), 3);
	assert_int_equal(echo.activated, 0);
}

static void test_status(void **state)
{
	(void)state;
	driver_set(&d, STATUS, VIRTIO_STATUS_FEATURES_OK); /* nobody says that it is a driver */
	assert_int_equal(driver_get(&d, STATUS), 0);
	assert_true(driver_negotiate(&d, 0));
	assert_int_equal(driver_get(&d, STATUS), FEATURES_OK);
	driver_set(&d, STATUS, VIRTIO_STATUS_DRIVER_OK); /* bits are added, never taken */
	assert_int_equal(driver_get(&d, STATUS), RUNNING);
	assert_int_equal(echo.activated, 1);
	driver_set(&d, STATUS, RUNNING);
	assert_int_equal(echo.activated, 1);
	driver_set(&d, STATUS, 0x40 | 0xffff0010); /* not the driver's to set */
	assert_int_equal(driver_get(&d, STATUS), RUNNING);
	driver_set(&d, STATUS, 0);
	assert_int_equal(driver_get(&d, STATUS), 0);
	assert_int_equal(echo.resets, 1);
	driver_set(&d, STATUS, 0);
	assert_int_equal(echo.resets, 1);
}

static void test_failed(void **state)
{
	(void)state;
	assert_true(driver_begin(&d, 0, 4));
	assert_true(answers());
	driver_set_status(&d, VIRTIO_STATUS_FAILED);
	assert_false(answers());
	assert_int_equal(driver_get(&d, STATUS), RUNNING | VIRTIO_STATUS_FAILED);
	assert_true(driver_begin(&d, 0, 4));
	assert_true(answers());
}

static void test_serves(void **state)
{
	(void)state;
	for (int event = 0; event < 2; event++) {
		assert_true(driver_begin(&d, event ? F_EVENT : 0, 4));
		driver_interrupted(&d);
		for (int i = 0; i < 9; i++) {
			driver_poke16(&d, d.queues[0].avail + 4 + 2 * 4, (uint16_t)i);
			assert_true(answers());
			assert_true(driver_interrupted(&d));
			assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
			driver_set(&d, VIRTIO_MMIO_INTERRUPT_ACK, 1);
			assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		}
	}
	assert_int_equal(echo.notified[1], 0);
}

static void test_doorbell(void **state)
{
	const uint64_t one = 1;
	uint32_t head, len;

	(void)state;
	assert_true(driver_begin(&d, 0, 4));
	driver_add(&d, 1, ping, 2);
	assert_int_equal(write(d.v->doorbells[1], &one, 8), 8); /* as KVM does */
	driver_run(&d);
	assert_true(driver_used(&d, 1, &head, &len));
	/* Queues that there are not. */
	driver_kick(&d, 2);
	driver_kick(&d, UINT32_MAX);
	assert_int_equal(echo.notified[0], 0);
	assert_int_equal(echo.notified[1], 1);
}

/* What was offered before DRIVER_OK is served after it, told or not. */
static void test_early(void **state)
{
	uint32_t head, len;

	(void)state;
	assert_true(driver_negotiate(&d, F_EVENT));
	driver_place(&d, 0, 4);
	driver_add(&d, 0, ping, 2);
	driver_kick(&d, 0);
	assert_false(driver_used(&d, 0, &head, &len));
	assert_int_equal(echo.notified[0], 0);
	driver_set_status(&d, VIRTIO_STATUS_DRIVER_OK);
	driver_run(&d);
	assert_true(driver_used(&d, 0, &head, &len));
}

static void test_registers_stand(void **state)
{
	static const unsigned int regs[] = {
		VIRTIO_MMIO_QUEUE_DESC_LOW,  VIRTIO_MMIO_QUEUE_DESC_HIGH,
		VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		VIRTIO_MMIO_QUEUE_USED_LOW,  VIRTIO_MMIO_QUEUE_USED_HIGH,
		VIRTIO_MMIO_QUEUE_NUM,
	};
	struct queue before;

	(void)state;
	assert_true(driver_negotiate(&d, 0));
	driver_place(&d, 0, 4);
	before = d.v->queues[0];
	for (int pass = 0; pass < 2; pass++) {
		driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
		for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
			driver_set(&d, regs[i], 2);
		driver_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_memory_equal(&before, &d.v->queues[0], sizeof(before));
		driver_set_status(&d, VIRTIO_STATUS_DRIVER_OK);
		assert_true(answers());
		before = d.v->queues[0];
	}
	/* The other queue was not made ready in time. */
	driver_place(&d, 1, 4);
	assert_false(d.v->queues[1].ready);
	assert_true(d.v->active);
	/* One that is taken away does not come back. */
	driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_set(&d, VIRTIO_MMIO_QUEUE_READY, 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(echo.notified[0], 2);
	assert_false(answers());
	assert_int_equal(echo.notified[0], 2);
	driver_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(driver_get(&d, STATUS), RUNNING);
}

static void test_queue_before_features(void **state)
{
	(void)state;
	driver_set_status(&d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	driver_place(&d, 0, 4);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
	assert_int_equal(driver_get(&d, STATUS), 3);
}

static void test_queue_that_cannot_be(void **state)
{
	static const uint32_t sizes[] = { 0, 3, 2 * MAX, 65536 + 4, UINT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_true(driver_negotiate(&d, 0));
		driver_set(&d, VIRTIO_MMIO_QUEUE_NUM, 4);
		driver_set(&d, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		driver_set(&d, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(driver_get(&d, STATUS), FEATURES_OK | VIRTIO_STATUS_NEEDS_RESET);
		assert_false(driver_interrupted(&d)); /* not before DRIVER_OK */
		driver_set_status(&d, VIRTIO_STATUS_DRIVER_OK);
		assert_false(d.v->active);
	}
	assert_int_equal(echo.activated, 0);
	assert_int_equal(d.v->counters.faults, 5);
}

static void test_needs_reset(void **state)
{
	(void)state;
	assert_true(driver_begin(&d, 0, 4));
	driver_offer(&d, 0, 4); /* no descriptor */
	driver_kick(&d, 0);
	assert_int_equal(driver_get(&d, STATUS), RUNNING | VIRTIO_STATUS_NEEDS_RESET);
	assert_true(driver_interrupted(&d));
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(d.v->counters.faults, 1);
	/* Nothing is served or said any more; not by the other queue, either. */
	driver_add(&d, 1, ping, 2);
	driver_kick(&d, 1);
	virtio_needs_reset(d.v, "again");
	virtio_config_changed(d.v);
	assert_int_equal(echo.notified[1], 0);
	assert_int_equal(d.v->counters.faults, 1);
	assert_false(driver_interrupted(&d));
	/* The bit is not the driver's to clear but by the reset. */
	driver_set(&d, STATUS, RUNNING);
	assert_int_equal(driver_get(&d, STATUS), RUNNING | VIRTIO_STATUS_NEEDS_RESET);
	assert_true(driver_begin(&d, 0, 4));
	assert_int_equal(echo.resets, 1);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_true(answers());
}

static void test_reset(void **state)
{
	(void)state;
	assert_true(driver_begin(&d, F_OURS, 4));
	assert_true(answers());
	driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, 1);
	driver_set(&d, STATUS, 0);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	assert_true(d.v->features == 0 && d.v->driver_features == 0);
	for (uint32_t i = 0; i < QUEUES; i++) {
		driver_set(&d, VIRTIO_MMIO_QUEUE_SEL, i);
		assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_READY), 0);
		assert_int_equal(driver_get(&d, VIRTIO_MMIO_QUEUE_NUM_MAX), MAX);
	}
	assert_false(answers());
	assert_true(driver_begin(&d, 0, 8));
	assert_true(answers());
}

static void test_config(void **state)
{
	uint32_t generation;

	(void)state;
	memcpy(echo.config, "\1\2\3\4\5\6", 6);
	assert_int_equal(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_CONFIG + 1, 1), 2);
	assert_int_equal(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_CONFIG + 2, 2), 0x403);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_CONFIG + 4), 0x605);
	assert_true(virtio_mmio_ops.read(d.v, VIRTIO_MMIO_CONFIG, 8) == 0x060504030201);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_CONFIG + 0xe00), 0);
	virtio_mmio_ops.write(d.v, VIRTIO_MMIO_CONFIG + 4, 4, 0x0a0b0c0d);
	assert_memory_equal(echo.config, "\1\2\3\4\xd\xc", 6);

	generation = driver_get(&d, VIRTIO_MMIO_CONFIG_GENERATION);
	virtio_config_changed(d.v);
	assert_int_not_equal(driver_get(&d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	assert_false(driver_interrupted(&d));
	assert_true(driver_begin(&d, 0, 4));
	virtio_config_changed(d.v);
	assert_true(driver_interrupted(&d));
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_CONFIG);
	assert_true(answers());
	driver_set(&d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_CONFIG);
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_INTERRUPT_STATUS), VIRTIO_MMIO_INT_VRING);
}

/* A full queue takes several turns; between them others have theirs. */
static void test_turns(void **state)
{
	uint32_t head, len;
	int served = 0;

	(void)state;
	echo.max = 3;
	assert_true(driver_begin(&d, F_EVENT, 16));
	for (int i = 0; i < 8; i++)
		driver_add(&d, 0, ping, 2);
	driver_set(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	loop_step(d.loop, 0);
	while (driver_used(&d, 0, &head, &len))
		served++;
	assert_int_equal(served, 3);
	driver_add(&d, 1, ping, 2);
	driver_set(&d, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	loop_step(d.loop, 0);
	assert_int_equal(echo.notified[0], 2);
	assert_int_equal(echo.notified[1], 1);
	driver_run(&d);
	while (driver_used(&d, 0, &head, &len))
		served++;
	assert_int_equal(served, 8);
	assert_int_equal(echo.notified[0], 3);
}

static int setup_rng(void **state)
{
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	driver_open(&d);
	return dev_rng_create(&(struct device_host){ &d.memory, d.loop },
			      open("/dev/urandom", O_RDONLY | O_CLOEXEC), &d.v, NULL);
}

static void test_rng(void **state)
{
	const struct driver_buffer buffers[] = { { FAKE_DATA, 32, true },
						 { FAKE_DATA + 64, 32, true } };
	const char zeroes[32] = "";
	uint32_t head, len;

	(void)state;
	assert_int_equal(driver_get(&d, VIRTIO_MMIO_DEVICE_ID), 4);
	assert_true(driver_begin(&d, 0, 8));
	driver_add(&d, 0, buffers, 2);
	driver_kick(&d, 0);
	assert_true(driver_used(&d, 0, &head, &len));
	assert_int_equal(len, 64);
	assert_memory_not_equal(memory_at(&d.memory, FAKE_DATA, 32), zeroes, 32);
	assert_memory_equal(memory_at(&d.memory, FAKE_DATA + 32, 32), zeroes, 32);
	assert_memory_not_equal(memory_at(&d.memory, FAKE_DATA + 64, 32), zeroes, 32);
	assert_memory_not_equal(memory_at(&d.memory, FAKE_DATA, 32),
				memory_at(&d.memory, FAKE_DATA + 64, 32), 32);
	assert_int_equal(d.v->counters.in_bytes, 64);
}

static void test_rng_large(void **state)
{
	const struct driver_buffer large = { FAKE_DATA, 0x100000, true };
	uint32_t head, len;

	(void)state;
	assert_true(driver_begin(&d, 0, 8));
	driver_add(&d, 0, &large, 1);
	driver_kick(&d, 0);
	assert_true(driver_used(&d, 0, &head, &len));
	assert_int_equal(len, 256);
}

static void test_rng_readable(void **state)
{
	(void)state;
	assert_true(driver_begin(&d, 0, 8));
	driver_add(&d, 0, ping, 2);
	driver_kick(&d, 0);
	assert_true(driver_get(&d, STATUS) & VIRTIO_STATUS_NEEDS_RESET);
}

#define ECHO_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define RNG_TEST(f)  cmocka_unit_test_setup_teardown(f, setup_rng, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ECHO_TEST(test_identity),
		ECHO_TEST(test_features),
		ECHO_TEST(test_features_without_version_1),
		ECHO_TEST(test_status),
		ECHO_TEST(test_failed),
		ECHO_TEST(test_serves),
		ECHO_TEST(test_doorbell),
		ECHO_TEST(test_early),
		ECHO_TEST(test_registers_stand),
		ECHO_TEST(test_queue_before_features),
		ECHO_TEST(test_queue_that_cannot_be),
		ECHO_TEST(test_needs_reset),
		ECHO_TEST(test_reset),
		ECHO_TEST(test_config),
		ECHO_TEST(test_turns),
		RNG_TEST(test_rng),
		RNG_TEST(test_rng_large),
		RNG_TEST(test_rng_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
