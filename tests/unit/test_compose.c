/* SPDX-License-Identifier: MIT */
/* What a machine is told, and what a firewall is told of its clients. */
#include "compose.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon.h"
#include "host.h"
#include "mem.h"
#include "model.h"
#include "rules.h"
#include "str.h"

static const char text[] = "federation: office\n"
			   "machines:\n"
			   "  firewall: {appliance: firewall, kind: micro, uplink: true}\n"
			   "  web: {appliance: web, kind: light}\n"
			   "  work: {appliance: shell, kind: light, env: {A: file, B: file}}\n"
			   "  guest: {appliance: shell, kind: light}\n"
			   "links:\n"
			   "  work -> web: {http: {port: 8080}}\n"
			   "  work -> firewall: net\n"
			   "  guest -> firewall: {net: {only: [192.0.2.80:80-81/tcp]}}\n";

static struct appliance_service frames = { (char *)(uintptr_t) "net",
					   (char *)(uintptr_t) "frames" };
static char env_a[] = "A=image", env_c[] = "C=image";
static char *image_env[] = { env_a, env_c, NULL };
static char arch[] = "amd64", path[] = "/store/blob";
static struct appliance firewall = {
	.arch = arch, .services = &frames, .n_services = 1, .memory = 1
};
static struct appliance shell = { .arch = arch, .env = image_env };

static struct daemon world;
static struct fed *office;
static struct plan *plan;

static struct machine_config *compose(const char *name, struct appliance *a, struct err **err)
{
	struct store_image image = { .appliance = a, .rootfs.path = path };
	struct machine_config *config = NULL;
	struct compose_input in = { .fed = office->spec,
				    .machine = federation_machine(office->spec, name),
				    .image = &image,
				    .nets = plan->nets,
				    .n_nets = plan->n_nets,
				    .engine = "host",
				    .init = "/init",
				    .dir = "/m",
				    .ipv6 = true };

	if (in.machine->kind != KIND_LIGHT && a == &firewall)
		image.kernel.path = image.initramfs.path = path;
	return compose_config(&in, &config, err) < 0 ? NULL : config;
}

static const char *no_digest(const char *name, void *data)
{
	(void)name;
	(void)data;
	return "";
}

static int begin(void **state)
{
	static const char *const ids[] = { "work>firewall.net", "guest>firewall.net",
					   "work>web.http" };
	struct diag_list diags = DIAG_LIST_INIT;
	struct plan_have none = { 0 };

	(void)state;
	office = model_add_fed(&world, "office");
	office->spec = federation_read("office.yaml", text, &diags);
	assert_non_null(office->spec);
	plan = plan_make(office->spec, no_digest, NULL, &none);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		fed_add_link(office, ids[i])->net = i < 2;
	for (size_t i = 0; i < office->spec->n_machines; i++) {
		const char *name = office->spec->machines[i].name;
		bool is_firewall = str_eq(name, "firewall");

		fed_add_machine(office, name)->config =
			compose(name, is_firewall ? &firewall : &shell, NULL);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	plan_free(plan);
	model_free(&world);
	return 0;
}

static const struct machine_config *config_of(const char *name)
{
	return fed_find_machine(office, name)->config;
}

static const struct guest_config *guest_of(const char *name)
{
	return config_of(name)->guest.items;
}

static void test_a_client(void **state)
{
	const struct machine_config *c = config_of("work");
	const struct guest_config *g = guest_of("work");
	const struct guest_nic *nic = g->nics.items;
	const struct guest_link *link = g->links.items;

	(void)state;
	assert_int_equal(c->nics.n, 1);
	assert_int_equal(g->nics.n, 1);
	assert_string_equal(nic->name, "firewall");
	assert_true(str_ends(nic->addr4, "/31") && str_ends(nic->addr6, "/127"));
	assert_non_null(nic->gateway4);
	assert_int_equal(g->links.n, 1); /* the net link is no stream */
	assert_string_equal(link->name, "web.http");
	assert_int_equal(link->port, 8080);
	assert_string_equal(g->dns[0], UPLINK_DNS);
	assert_string_equal(c->init, "/init");
	assert_null(c->kernel);
}

/* A machine without a net link has no NIC, no route and no resolver. */
static void test_no_link_no_path(void **state)
{
	(void)state;
	assert_int_equal(config_of("web")->nics.n, 0);
	assert_int_equal(guest_of("web")->nics.n, 0);
	assert_int_equal(guest_of("web")->links.n, 0);
	assert_int_equal(guest_of("web")->hosts.n, 0);
	assert_null(guest_of("web")->dns);
}

static void test_a_router(void **state)
{
	const struct guest_config *g = guest_of("firewall");
	const struct guest_service *net = g->services.items;
	unsigned int uplinks = 0;

	(void)state;
	assert_int_equal(g->nics.n, 3);
	MSG_EACH (const struct guest_nic, nic, &g->nics)
		assert_int_equal(nic->gateway4 != NULL, str_eq(nic->name, UPLINK_NIC));
	MSG_EACH (const struct machine_nic, nic, &config_of("firewall")->nics)
		uplinks += nic->uplink;
	assert_int_equal(uplinks, 1);
	assert_string_equal(net->target, "unix" FIREWALL_SOCKET);
}

static void test_environment(void **state)
{
	char **env = guest_of("work")->env;

	(void)state;
	assert_int_equal(strv_len(env), 3);
	assert_true(strv_has(env, "A=file") && strv_has(env, "B=file") && strv_has(env, "C=image"));
}

static void test_no_kernel(void **state)
{
	cleanup_err struct err *err = NULL;

	(void)state;
	assert_null(compose("firewall", &shell, &err));
	assert_non_null(strstr(err_msg(err), "no kernel"));
}

/* Firmware starts the bzImage; the others the ELF file, where there is one. */
static void test_which_kernel(void **state)
{
	struct store_image image = { .kernel.path = path };

	(void)state;
	assert_ptr_equal(compose_kernel(KIND_MICRO, &image), &image.kernel);
	image.vmlinux.path = path;
	assert_ptr_equal(compose_kernel(KIND_MICRO, &image), &image.vmlinux);
	assert_ptr_equal(compose_kernel(KIND_EMULATED, &image), &image.vmlinux);
	assert_ptr_equal(compose_kernel(KIND_FULL, &image), &image.kernel);
}

static const struct firewall_client *client(const struct firewall_rules *rules, const char *nic)
{
	MSG_EACH (const struct firewall_client, c, &rules->clients)
		if (str_eq(c->nic, nic))
			return c;
	return NULL;
}

static struct firewall_rules *make_rules(void)
{
	return rules_make(fed_find_machine(office, "firewall"), NULL);
}

static void test_rules(void **state)
{
	struct firewall_rules *rules = make_rules();
	const struct firewall_client *work = client(rules, "work"), *guest = client(rules, "guest");
	const struct guest_nic *nic = guest_of("guest")->nics.items;
	const struct firewall_allow *allow = guest->allow.items;

	(void)state;
	assert_int_equal(rules->clients.n, 2);
	assert_string_equal(rules->uplink, UPLINK_NIC);
	assert_false(work->restricted);
	assert_int_equal(work->allow.n, 0);
	assert_true(guest->restricted);
	assert_int_equal(guest->allow.n, 1);
	assert_string_equal(allow->host, "192.0.2.80");
	assert_int_equal(allow->protocol, IPPROTO_TCP);
	assert_int_equal(allow->port_low, 80);
	assert_int_equal(allow->port_high, 81);
	/* what is not spoofed is exactly what the client was told */
	assert_true(str_starts(nic->addr4, guest->addr4) &&
		    nic->addr4[strlen(guest->addr4)] == '/');
	assert_true(str_starts(nic->addr6, guest->addr6) &&
		    nic->addr6[strlen(guest->addr6)] == '/');
	msg_free(&firewall_rules_type, rules);
}

static void test_rules_of_a_cut_link(void **state)
{
	struct link *k = fed_find_link(office, "work>firewall.net");
	struct firewall_rules *rules;

	(void)state;
	k->cut = true;
	rules = make_rules();
	assert_null(client(rules, "work"));
	assert_non_null(client(rules, "guest"));
	msg_free(&firewall_rules_type, rules);
	k->cut = false;
}

/* A link whose options are not known is not taken for one without restrictions. */
static void test_rules_without_options(void **state)
{
	struct federation *spec = office->spec;
	struct firewall_rules *rules;

	(void)state;
	office->spec = NULL;
	rules = make_rules();
	assert_true(client(rules, "work")->restricted);
	assert_int_equal(client(rules, "guest")->allow.n, 0);
	msg_free(&firewall_rules_type, rules);
	office->spec = spec;
}

static void test_admission(void **state)
{
	const uint64_t gib = UINT64_C(1) << 30;
	cleanup_err struct err *err = NULL;

	(void)state;
	assert_int_equal(host_admit(gib, 0, 2 * gib, NULL), 0);
	assert_int_equal(host_admit(gib, gib, 2 * gib, &err), -ENOMEM); /* promised to others */
	assert_non_null(strstr(err_msg(err), "1.0G"));
	assert_int_equal(host_admit(2 * gib, 0, 2 * gib, NULL), -ENOMEM); /* the host's reserve */
	assert_int_equal(host_admit(1, 0, 0, NULL), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_client),
		cmocka_unit_test(test_no_link_no_path),
		cmocka_unit_test(test_a_router),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_no_kernel),
		cmocka_unit_test(test_which_kernel),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_of_a_cut_link),
		cmocka_unit_test(test_rules_without_options),
		cmocka_unit_test(test_admission),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
