/* SPDX-License-Identifier: MIT */
/* When the points of a start were reached, by the words of guests that lie and of those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "loop.h"
#include "timeline.h"

#define MS UINT64_C(1000000)

/* Of a guest that was made 100 ms ago, by a monitor 10 ms older. */
static struct control_times make_times(void)
{
	uint64_t now = (uint64_t)clock_ns();

	return (struct control_times){ .launch = now - 110 * MS, .guest = now - 100 * MS };
}

static struct wire_state at_init(uint64_t uptime, uint64_t began)
{
	return (struct wire_state){ .phase = PHASE_INIT, .uptime = uptime, .began = began };
}

static void test_vm_tells_by_its_own_clock(void **state)
{
	struct control_times t = make_times();
	const struct wire_state init = at_init(50 * MS, 40 * MS);

	(void)state;
	timeline_take_phase(&t, &init, false);
	assert_true(t.agent >= t.guest + 100 * MS);
	assert_int_equal(t.agent - t.init, 10 * MS);
	assert_int_equal(t.agent - t.kernel, 50 * MS);
	assert_int_equal(t.kvm, 0);
}

static void test_light_machine_has_no_kernel(void **state)
{
	struct control_times t = make_times();
	struct timespec ts;
	struct wire_state init;

	(void)state;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	init = at_init((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec, 0);
	init.uptime -= 60 * MS; /* it was sent then */
	init.began = init.uptime - 5 * MS;
	timeline_take_phase(&t, &init, true);
	assert_true(t.agent >= t.guest + 39 * MS && t.agent < t.guest + 60 * MS);
	assert_int_equal(t.agent - t.init, 5 * MS);
	assert_int_equal(t.kernel, 0);
}

/* Of an image that was built before there was `began`. */
static void test_older_agent(void **state)
{
	struct control_times t = make_times();
	const struct wire_state init = at_init(50 * MS, 0);

	(void)state;
	timeline_take_phase(&t, &init, false);
	assert_int_equal(t.init, t.agent);
}

static void test_lies_about_the_clock(void **state)
{
	static const struct {
		uint64_t uptime, began;
	} lies[] = { { 1000 * MS, 10 * MS },
		     { UINT64_MAX, 1 },
		     { 10 * MS, 20 * MS },
		     { UINT64_MAX, UINT64_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct control_times t = make_times();
		const struct wire_state init = at_init(lies[i].uptime, lies[i].began);

		timeline_take_phase(&t, &init, false);
		assert_true(t.init >= t.guest && t.init <= t.agent);
		assert_true(t.kernel == 0 || (t.kernel >= t.guest && t.kernel <= t.agent));
	}
}

static void test_atoll_vmm_is_exact(void **state)
{
	struct control_times t = make_times();
	const struct wire_state init = at_init(50 * MS, 40 * MS);
	char stamp[32], ready[] = "4 5", garbage[] = "1 never";
	char *stamps[] = { ready, garbage, stamp, NULL };
	struct vmm_times vmm = { .kvm = t.guest + 2 * MS,
				 .entry = t.guest + 3 * MS,
				 .stamps = stamps };

	(void)state;
	snprintf(stamp, sizeof(stamp), "1 %llu", (unsigned long long)(t.guest + 70 * MS));
	timeline_take_phase(&t, &init, false);
	timeline_take_vmm(&t, &vmm);
	assert_int_equal(t.kvm - t.guest, 2 * MS);
	assert_int_equal(t.kernel - t.guest, 3 * MS);
	assert_int_equal(t.init - t.guest, 70 * MS);
}

static void test_lies_of_atoll_vmm(void **state)
{
	struct control_times t = make_times(), before;
	const struct wire_state init = at_init(50 * MS, 40 * MS);
	char late[] = "1 18446744073709551615", early[] = "1 7";
	char *stamps[] = { late, early, NULL };
	const struct vmm_times vmm = { .kvm = UINT64_MAX, .entry = 1, .stamps = stamps };

	(void)state;
	timeline_take_phase(&t, &init, false);
	before = t;
	timeline_take_vmm(&t, &vmm);
	assert_memory_equal(&t, &before, sizeof(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vm_tells_by_its_own_clock),
		cmocka_unit_test(test_light_machine_has_no_kernel),
		cmocka_unit_test(test_older_agent),
		cmocka_unit_test(test_lies_about_the_clock),
		cmocka_unit_test(test_atoll_vmm_is_exact),
		cmocka_unit_test(test_lies_of_atoll_vmm),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
