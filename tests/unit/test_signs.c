/* SPDX-License-Identifier: MIT */
/* atoll-init's signs from and to the machine: the power button's packets, the timestamp register's address. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "button.h"
#include "timestamp.h"

/* drivers/acpi/event.c in Linux */
struct event {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	struct nlattr attr;
	char device_class[20];
	char bus_id[15];
	uint32_t type, data;
};

static struct event press(void)
{
	return (struct event){
		.head = { .nlmsg_len = sizeof(struct event), .nlmsg_type = 24 },
		.genl = { .cmd = 1, .version = 1 },
		.attr = { sizeof(struct event) - offsetof(struct event, attr), 1 },
		.device_class = "button/power",
		.bus_id = "PNP0C0C:00",
		.type = 0x80,
	};
}

static void test_press(void **state)
{
	struct event e = press();

	(void)state;
	assert_true(button_is_press(&e, sizeof(e)));
	strcpy(e.device_class, "button/lid");
	assert_false(button_is_press(&e, sizeof(e)));
}

static void test_every_cut_of_a_press_is_none(void **state)
{
	const struct event e = press();

	(void)state;
	for (size_t len = 0; len < sizeof(e); len++)
		assert_false(button_is_press(&e, len));
}

static void test_lengths_that_lie(void **state)
{
	struct event e = press();

	(void)state;
	e.attr.nla_len = 3;
	assert_false(button_is_press(&e, sizeof(e)));
	e.attr.nla_len = UINT16_MAX;
	assert_false(button_is_press(&e, sizeof(e)));
	e.attr.nla_len = sizeof(e.attr) + 19;
	assert_false(button_is_press(&e, sizeof(e)));
	e = press();
	e.head.nlmsg_len = UINT32_MAX;
	assert_false(button_is_press(&e, sizeof(e)));
	e = press();
	e.head.nlmsg_type = NLMSG_ERROR;
	assert_false(button_is_press(&e, sizeof(e)));
}

/* The controller's answer: a name before the groups, another group before ours. */
struct answer {
	struct nlmsghdr head;
	struct genlmsghdr genl;
	struct nlattr name;
	char family[12];
	struct nlattr groups;
	struct group {
		struct nlattr group;
		struct nlattr id;
		uint32_t value;
		struct nlattr name;
		char text[16];
	} list[2];
};

static struct group make_group(uint32_t value, const char *name)
{
	struct group g = {
		.group = { sizeof(g), 1 },
		.id = { sizeof(g.id) + sizeof(g.value), CTRL_ATTR_MCAST_GRP_ID },
		.value = value,
		.name = { (uint16_t)(sizeof(g.name) + strlen(name) + 1), CTRL_ATTR_MCAST_GRP_NAME },
	};

	memcpy(g.text, name, strlen(name));
	return g;
}

static struct answer make_answer(void)
{
	struct answer a = {
		.head = { .nlmsg_len = sizeof(a), .nlmsg_type = GENL_ID_CTRL },
		.genl = { .cmd = CTRL_CMD_NEWFAMILY, .version = 2 },
		.name = { sizeof(a.name) + 11, CTRL_ATTR_FAMILY_NAME },
		.family = "acpi_event",
		.groups = { sizeof(a.groups) + sizeof(a.list),
			    CTRL_ATTR_MCAST_GROUPS | NLA_F_NESTED },
		.list = { make_group(4, "acpi_other"), make_group(5, "acpi_mc_group") },
	};

	return a;
}

static void test_group(void **state)
{
	struct answer a = make_answer();

	(void)state;
	assert_int_equal(button_find_group(&a, sizeof(a)), 5);
	a.list[1].text[0] = 'A';
	assert_int_equal(button_find_group(&a, sizeof(a)), 0);
	for (size_t len = 0; len < sizeof(a); len++)
		assert_int_equal(button_find_group(&a, len), 0);
}

static void test_address(void **state)
{
	char with[] = "00000000-00000fff : Reserved\n"
		      "d0000000-d0000fff : LNRO0005:00\n"
		      "d0100008-d010000b : ATOL0001:00\n"
		      "fec00000-fec003ff : IOAPIC 0\n";
	char without[] = "00000000-00000fff : Reserved\n";
	char empty[] = "";

	(void)state;
	assert_int_equal(timestamp_parse(with), 0xd0100008);
	assert_int_equal(timestamp_parse(without), 0);
	assert_int_equal(timestamp_parse(empty), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_press),
		cmocka_unit_test(test_every_cut_of_a_press_is_none),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_address),
	};

	return cmocka_run_group_tests_name("signs", tests, NULL, NULL);
}
