/* SPDX-License-Identifier: MIT */
/* guest/firewall: what the daemon says becomes rules that nftables takes, or an error with its place. */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "mem.h"
#include "nft.h"
#include "rules.h"
#include "str.h"

#define TEXT(s) ((char *)(uintptr_t)(s)) /* messages have char *; a test's are never written to */

static struct firewall_allow allows[] = {
	{ .host = TEXT("192.0.2.80"), .protocol = IPPROTO_TCP, .port_low = 80, .port_high = 80 },
	{ .host = TEXT("2001:db8::/32"),
	  .protocol = IPPROTO_UDP,
	  .port_low = 1000,
	  .port_high = 2000 },
	{ .host = TEXT("vpn.example.com"), .port_low = 51820 },
	{ .host = TEXT("198.51.100.0/24"), .protocol = IPPROTO_ICMP },
	{ .host = TEXT("2001:db8::1"), .protocol = IPPROTO_ICMP },
	{ .host = TEXT("example.org") },
};

static struct firewall_client clients[] = {
	{ .nic = TEXT("work"), .addr4 = TEXT("100.64.0.1"), .addr6 = TEXT("fd00::1") },
	{ .nic = TEXT("guest"),
	  .addr4 = TEXT("100.64.0.3"),
	  .addr6 = TEXT("fd00::3"),
	  .restricted = 1,
	  .allow = { allows, ARRAY_SIZE(allows) } },
};

static char *deny[] = { TEXT("192.0.2.2"), TEXT("fd00:1::/64"), NULL };

static struct firewall_rules full(void)
{
	return (struct firewall_rules){
		.generation = 7,
		.uplink = TEXT("uplink"),
		.dns = TEXT("169.254.53.53"),
		.clients = { clients, ARRAY_SIZE(clients) },
		.deny = deny,
	};
}

/* The text of rules that must be accepted. */
static char *text_of(const struct firewall_rules *rules)
{
	struct buf out = BUF_INIT;
	struct err *err = NULL;

	if (rules_write(rules, &out, &err) < 0)
		fail_msg("%s", err_msg(err));
	return buf_steal_str(&out);
}

/*
 * In a network namespace of its own, so that the kernel itself judges, and without /etc/protocols, which
 * an appliance does not hold. Needs root.
 */
static void must_load(const char *text)
{
	struct nft *nft;
	struct err *err = NULL;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		skip();
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (access("/etc/protocols", F_OK) == 0)
		assert_int_equal(mount("/dev/null", "/etc/protocols", NULL, MS_BIND, NULL), 0);
	nft = nft_create();
	assert_non_null(nft);
	if (nft_apply(nft, text, &err) < 0)
		fail_msg("%s\n%s", err_msg(err), text);
	/* A second time in place of the first. */
	assert_int_equal(nft_apply(nft, text, &err), 0);
	nft_destroy(nft);
}

static void test_closed_loads(void **state)
{
	struct buf out = BUF_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	rules_write_closed(&out);
	text = buf_steal_str(&out);
	assert_null(strstr(text, "policy accept"));
	must_load(text);
}

static void test_full_loads(void **state)
{
	struct firewall_rules rules = full();
	cleanup_free char *text = text_of(&rules);

	(void)state;
	must_load(text);
}

static void test_without_uplink_loads(void **state)
{
	struct firewall_rules rules = full();
	cleanup_free char *text = NULL;

	(void)state;
	rules.uplink = rules.dns = NULL;
	text = text_of(&rules);
	/* The answers of neighbours and sources may pass; nothing may be forwarded. */
	assert_null(strstr(strstr(text, "chain forward"), "accept\n"));
	must_load(text);
}

static void test_every_filter_drops_by_default(void **state)
{
	struct firewall_rules rules = full();
	cleanup_free char *text = text_of(&rules);
	size_t hooks = 0;

	(void)state;
	for (char *p = text; (p = strstr(p, "type filter hook")); p++, hooks++) {
		char *end = strchr(p, '\n');
		char *policy = strstr(p, "policy drop");

		assert_true(policy && policy < end);
	}
	assert_int_equal(hooks, 4);
}

static void test_restricted_has_no_open_rule(void **state)
{
	struct firewall_rules rules = full();
	cleanup_free char *text = text_of(&rules);

	(void)state;
	assert_non_null(strstr(text, "iifname \"work\" oifname \"uplink\" accept"));
	assert_null(strstr(text, "iifname \"guest\" oifname \"uplink\" accept"));
	assert_non_null(strstr(text, "iifname \"guest\" oifname \"uplink\" ip daddr 192.0.2.80 "
				     "meta l4proto 6 th dport 80-80 accept"));
	/* A name is a set of each family; a literal is of its own family alone. */
	assert_non_null(strstr(text, "daddr @name0_4"));
	assert_non_null(strstr(text, "daddr @name1_6"));
	assert_null(strstr(text, "ip6 daddr 192.0.2.80"));
}

static void test_dns_names(void **state)
{
	struct firewall_rules rules = full();
	cleanup_strv char **names = rules_dns_names(&rules);

	(void)state;
	assert_int_equal(strv_len(names), 2);
	assert_string_equal(names[0], "vpn.example.com");
	assert_string_equal(names[1], "example.org");
}

static void must_fail(const struct firewall_rules *rules, const char *expected)
{
	struct buf out = BUF_INIT;
	struct err *err = NULL;

	assert_int_equal(rules_write(rules, &out, &err), -EINVAL);
	assert_string_equal(err_msg(err), expected);
	assert_int_equal(out.len, 0);
	err_free(err);
}

static void test_foreign_text_is_refused(void **state)
{
	struct firewall_rules rules = full();
	struct firewall_allow bad_allow = { .host = TEXT("1.2.3.4; flush ruleset") };
	struct firewall_client bad = { .nic = TEXT("a\" accept #") };
	char *bad_deny[] = { TEXT("10.0.0.0/33"), NULL };

	(void)state;
	rules.clients.items = &bad;
	rules.clients.n = 1;
	must_fail(&rules, "\"a\" accept #\" is no client's interface name");
	bad.nic = TEXT("work");
	bad.addr4 = TEXT("fd00::1");
	must_fail(&rules, "client work: \"fd00::1\" is no ip address");
	bad.addr4 = TEXT("10.0.0.0/8");
	must_fail(&rules, "client work: \"10.0.0.0/8\" is no ip address");
	bad.addr4 = NULL;
	bad.restricted = 1;
	bad.allow.items = &bad_allow;
	bad.allow.n = 1;
	must_fail(&rules, "client work: \"1.2.3.4; flush ruleset\" is no address, prefix or name");
	bad_allow.host = NULL;
	must_fail(&rules, "client work: \"\" is no address, prefix or name");
	bad_allow.host = TEXT("10.0.0.1");
	bad_allow.protocol = 132;
	must_fail(&rules, "client work: protocol 132 is not known");
	bad_allow.protocol = IPPROTO_UDP;
	bad_allow.port_low = 9;
	bad_allow.port_high = 8;
	must_fail(&rules, "client work: ports 9-8");
	rules = full();
	rules.deny = bad_deny;
	must_fail(&rules, "deny: \"10.0.0.0/33\" is no address or prefix");
	rules = full();
	rules.uplink = TEXT("up link");
	must_fail(&rules, "\"up link\" is no interface name");
	rules = full();
	rules.dns = TEXT("10.0.0.0/8");
	must_fail(&rules, "dns: \"10.0.0.0/8\" is no address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_loads),
		cmocka_unit_test(test_full_loads),
		cmocka_unit_test(test_without_uplink_loads),
		cmocka_unit_test(test_every_filter_drops_by_default),
		cmocka_unit_test(test_restricted_has_no_open_rule),
		cmocka_unit_test(test_dns_names),
		cmocka_unit_test(test_foreign_text_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
