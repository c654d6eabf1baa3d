/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fd.h"
#include "links.h"
#include "mem.h"

/* Something that uses a link: it moved `tx` bytes, and a cut ends it. */
struct thing {
	struct link_use use;
	uint64_t tx;
	int cuts;
};

static void count(struct link_use *use, struct control_link_count *sum)
{
	sum->tx_bytes += CONTAINER_OF(use, struct thing, use)->tx;
}

static void cut(struct link_use *use)
{
	CONTAINER_OF(use, struct thing, use)->cuts++;
	link_leave(use);
}

/* A NIC stays at its link when it is cut. */
static void cut_and_stay(struct link_use *use)
{
	CONTAINER_OF(use, struct thing, use)->cuts++;
}

static const struct link_use_ops ops = { count, cut }, nic_ops = { count, cut_and_stay };

static struct control_link_count count_of(const struct links *links, const char *id)
{
	struct control_link_count found = { 0 };
	struct msg_records counts;

	links_count(links, &counts);
	MSG_EACH (struct control_link_count, one, &counts)
		if (strcmp(one->link, id) == 0)
			found = *one;
	links_free_counts(&counts);
	return found;
}

static void test_numbers_stay_when_a_use_leaves(void **state)
{
	struct links *links = links_create();
	struct thing a = { .tx = 0 }, b = { .tx = 0 };

	(void)state;
	links_join(links, "web>db.redis", true, &ops, &a.use);
	links_join(links, "web>db.redis", true, &ops, &b.use);
	a.tx = 10;
	b.tx = 5;
	assert_int_equal(count_of(links, "web>db.redis").tx_bytes, 15);
	assert_int_equal(count_of(links, "web>db.redis").streams, 2);
	assert_int_equal(count_of(links, "web>db.redis").open, 2);
	link_leave(&a.use);
	link_leave(&a.use); /* twice is once */
	a.tx = 1000;
	b.tx = 6;
	assert_int_equal(count_of(links, "web>db.redis").tx_bytes, 16);
	assert_int_equal(count_of(links, "web>db.redis").streams, 2);
	assert_int_equal(count_of(links, "web>db.redis").open, 1);
	link_leave(&b.use);
	links_destroy(links);
}

static void test_cut_ends_one_link_alone(void **state)
{
	struct links *links = links_create();
	struct thing streams[3] = { 0 }, other = { 0 }, nic = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		links_join(links, "a>b.x", true, &ops, &streams[i].use);
	links_join(links, "a>b.x", false, &nic_ops, &nic.use);
	links_join(links, "a>c.x", true, &ops, &other.use);
	assert_int_equal(links_cut(links, "a>b.x"), 4);
	for (int i = 0; i < 3; i++)
		assert_int_equal(streams[i].cuts, 1);
	assert_int_equal(other.cuts, 0);
	assert_int_equal(count_of(links, "a>b.x").open, 0);
	/* Only what is still there is cut again. */
	assert_int_equal(links_cut(links, "a>b.x"), 1);
	assert_int_equal(nic.cuts, 2);
	assert_int_equal(links_cut(links, "no>such.link"), 0);
	assert_int_equal(links_cut(links, NULL), 0);
	link_leave(&nic.use);
	link_leave(&other.use);
	links_destroy(links);
}

/* The table is bounded; what does not fit works, uncounted. */
static void test_table_is_bounded(void **state)
{
	struct links *links = links_create();
	static struct thing things[LINKS_MAX + 1];
	struct msg_records counts;
	char id[32];

	(void)state;
	for (int i = 0; i <= LINKS_MAX; i++) {
		snprintf(id, sizeof(id), "a>m%d.x", i);
		links_join(links, id, true, &ops, &things[i].use);
	}
	links_count(links, &counts);
	assert_int_equal(counts.n, LINKS_MAX);
	links_free_counts(&counts);
	for (int i = 0; i <= LINKS_MAX; i++)
		link_leave(&things[i].use);
	links_destroy(links);
}

static void test_an_exec_has_no_link(void **state)
{
	struct links *links = links_create();
	struct thing exec = { .tx = 3 };
	struct msg_records counts;

	(void)state;
	links_join(links, NULL, true, &ops, &exec.use);
	links_count(links, &counts);
	assert_int_equal(counts.n, 0);
	link_leave(&exec.use);
	links_destroy(links);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_stay_when_a_use_leaves),
		cmocka_unit_test(test_cut_ends_one_link_alone),
		cmocka_unit_test(test_table_is_bounded),
		cmocka_unit_test(test_an_exec_has_no_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
