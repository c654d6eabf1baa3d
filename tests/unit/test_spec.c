/* SPDX-License-Identifier: MIT */
/* What the readers make of good files, and what tests/conf cannot say: bounds, order, appliances. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "federation.h"
#include "mem.h"
#include "only.h"
#include "recipe.h"
#include "spec.h"
#include "str.h"
#include "yaml.h"

/* Everything said in a list, as text; empties the list. */
static char *said(struct diag_list *diags)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	diag_print(diags, out);
	fclose(out);
	diag_list_finish(diags);
	return text;
}

static void assert_said(struct diag_list *diags, const char *expected)
{
	cleanup_free char *text = said(diags);

	assert_string_equal(text, expected);
}

/* --- diagnostics --- */

static void test_diag_order(void **state)
{
	struct diag_list diags = DIAG_LIST_INIT;

	(void)state;
	diag_add(&diags, "f", 10, 2, "c");
	diag_add(&diags, "f", 9, 11, "b%d", 1);
	diag_add(&diags, "f", 9, 2, "a");
	diag_add(&diags, "f", 0, 0, "whole");
	diag_add(&diags, "a\nb", 1, 1, "x\x1by");
	assert_said(&diags, "a\\x0ab:1:1: x\\x1by\nf: whole\nf:9:2: a\nf:9:11: b1\nf:10:2: c\n");
	assert_int_equal(diags.n, 0);
}

static void test_diag_bound(void **state)
{
	struct diag_list diags = DIAG_LIST_INIT;
	cleanup_free char *text = NULL;

	(void)state;
	for (int i = 0; i < DIAG_MAX + 7; i++)
		diag_add(&diags, "f", i + 1, 1, "x");
	assert_int_equal(diags.n, DIAG_MAX);
	assert_int_equal(diags.dropped, 7);
	text = said(&diags);
	assert_true(str_ends(text, "f:100:1: x\nf: and 7 more\n"));
}

/* --- YAML --- */

static char *repeat(const char *s, size_t n, const char *end)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_append_str(&text, s);
	buf_append_str(&text, end);
	return buf_steal_str(&text);
}

static void assert_refused(const char *text, const char *expected)
{
	struct diag_list diags = DIAG_LIST_INIT;

	assert_null(yaml_read("f", text, &diags));
	assert_said(&diags, expected);
}

static void test_yaml_bounds(void **state)
{
	cleanup_free char *large = repeat("# comment\n", 110000, "");
	cleanup_free char *many = repeat("[],", 100001, "]");
	cleanup_free char *values = xasprintf("[%s", many);
	cleanup_free char *deep = repeat("- ", 100000, "a");

	(void)state;
	assert_refused(large, "f: too large: more than 1 MiB\n");
	assert_refused(values, "f:1:299999: too large: more than 100000 values\n");
	assert_refused(deep, "f:1:33: too deep: more than 16 mappings and lists in each other\n");
}

/* What is not text never reaches the parser, which hangs on some of it. */
static void test_yaml_text(void **state)
{
	(void)state;
	assert_refused("%\"\xa6", "f:1:1: YAML directives (%) are not used here\n");
	assert_refused("a: \xc0\x80", "f:1:4: not UTF-8\n");
	assert_refused("a: \xed\xa0\x80", "f:1:4: not UTF-8\n");
	assert_refused("a: \xf4\x90\x80\x80", "f:1:4: not UTF-8\n");
	assert_refused("a: \xe2\x82", "f:1:4: not UTF-8\n");
	assert_refused("é: \x01", "f:1:4: a control character; expected text\n");
	assert_refused("a: b\rc: d", "f:1:5: a carriage return without a newline; expected text\n");
	assert_refused("", "f:1:1: the file is empty; expected a mapping\n");
}

static void test_yaml_tree(void **state)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct yaml *root = yaml_read("f", "a: [b, 'c', ~]\r\nd:\r\né: {x: |\n", &diags);

	(void)state;
	assert_null(root);
	diag_list_finish(&diags);
	root = yaml_read("f", "a: [b, '', ~]\r\nd:\r\né: \"\\u00e9\"\n", &diags);
	assert_non_null(root);
	assert_said(&diags, "");
	assert_int_equal(root->type, YAML_MAP);
	assert_int_equal(root->n, 6);
	assert_int_equal(root->items[1]->type, YAML_LIST);
	assert_int_equal(root->items[1]->items[0]->column, 5);
	assert_false(yaml_is_empty(root->items[1]->items[0]));
	assert_false(yaml_is_empty(root->items[1]->items[1]));
	assert_true(yaml_is_empty(root->items[1]->items[2]));
	assert_true(yaml_is_empty(root->items[3]));
	assert_int_equal(root->items[4]->line, 3);
	assert_string_equal(root->items[5]->text, "é");
	yaml_free(root);
}

/* What libfyaml alone reads wrongly, or loses memory over: quotes in quotes, the end of a block. */
static void test_yaml_quotes(void **state)
{
	static const char *const texts[][2] = {
		{ "'it''s'", "it's" },
		{ "''''", "'" },
		{ "'a''''''b'", "a'''b" },
		{ "'''''''''''''''''''''''''''''''''''''''''x'", "''''''''''''''''''''x" },
		{ "'a\n\n  b'", "a\nb" },
		{ "|\n", "" },
		{ "\"a\\\\\\n\\\n  b\"", "a\\\nb" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct diag_list diags = DIAG_LIST_INIT;
		cleanup_free char *text = xasprintf("a: %s", texts[i][0]);
		struct yaml *root = yaml_read("f", text, &diags);

		assert_said(&diags, "");
		assert_string_equal(root->items[1]->text, texts[i][1]);
		yaml_free(root);
	}
}

static void test_missing_file(void **state)
{
	struct diag_list diags = DIAG_LIST_INIT;

	(void)state;
	assert_null(recipe_read("/nonexistent/r.yaml", NULL, &diags));
	assert_null(federation_read("/nonexistent/f.yaml", NULL, &diags));
	assert_int_equal(spec_sniff("/nonexistent/s.yaml", NULL, &diags), SPEC_UNKNOWN);
	assert_said(&diags, "/nonexistent/f.yaml: No such file or directory\n"
			    "/nonexistent/r.yaml: No such file or directory\n"
			    "/nonexistent/s.yaml: No such file or directory\n");
}

static void test_sniff(void **state)
{
	struct diag_list diags = DIAG_LIST_INIT;

	(void)state;
	assert_int_equal(spec_sniff("f", "machines: {}\nfederation: 1\n", &diags), SPEC_FEDERATION);
	assert_int_equal(spec_sniff("f", "appliance: [\n", &diags), SPEC_UNKNOWN);
	diag_list_finish(&diags);
	assert_int_equal(spec_sniff("f", "{base: x, appliance: y, z: 1}", &diags), SPEC_RECIPE);
	assert_said(&diags, "");
}

/* --- recipes --- */

static void test_recipe(void **state)
{
	static const char text[] =
		"appliance: db\nversion: 1.10\nbase: debian/bookworm\npackages: [a1, b2]\n"
		"files:\n  /etc/a: conf/a\n  /etc/b: {text: \"x\\n\", mode: 0755, owner: "
		"redis:adm}\n"
		"users: {redis: {uid: 900, home: /var/lib}, web: 901}\nuser: redis\n"
		"run: redis-server '/etc/a b'\nprepare: [sh, -c, a b]\nenv: {A: 010, B: }\n"
		"provides: {redis: tcp/6379, ctl: unix/run/ctl}\n"
		"volumes: {data: /data, more: {path: /more, owner: redis, mode: 0700}}\n"
		"keep: packages\nneeds: {memory: 1G, kinds: [micro, light]}\n";
	struct diag_list diags = DIAG_LIST_INIT;
	struct recipe *r = recipe_read("recipes/db.yaml", text, &diags);

	(void)state;
	assert_said(&diags, "");
	assert_non_null(r);
	assert_string_equal(r->name, "db");
	assert_string_equal(r->dir, "recipes");
	assert_string_equal(r->version, "1.10");
	assert_int_equal(strv_len(r->packages), 2);
	assert_string_equal(r->files[0].source, "conf/a");
	assert_int_equal(r->files[0].mode, 0);
	assert_null(r->files[1].source);
	assert_string_equal(r->files[1].text, "x\n");
	assert_int_equal(r->files[1].mode, 0755);
	assert_string_equal(r->files[1].owner, "redis:adm");
	assert_int_equal(r->users[0].uid, 900);
	assert_int_equal(r->users[0].gid, 900);
	assert_string_equal(r->users[0].home, "/var/lib");
	assert_string_equal(r->users[1].home, "/nonexistent");
	assert_string_equal(r->argv[1], "/etc/a b");
	assert_string_equal(r->prepare[2], "a b");
	assert_string_equal(r->env[0], "A=010");
	assert_string_equal(r->env[1], "B=");
	assert_string_equal(r->provides[1].target, "unix/run/ctl");
	assert_string_equal(r->volumes[0].target, "/data");
	assert_int_equal(r->volumes[1].mode, 0700);
	assert_true(r->needs_memory == 1 << 30);
	assert_string_equal(r->needs_kinds[1], "light");
	recipe_free(r);
}

/* --- federations --- */

static struct federation *read_ok(const char *text)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct federation *f = federation_read("f", text, &diags);

	assert_said(&diags, "");
	assert_non_null(f);
	return f;
}

static void test_federation(void **state)
{
	struct federation *f =
		read_ok("links:\n  work -> fw: {net: {only: ['[2001:db8::/32]:1-2/udp']}}\n"
			"  work -> b: [z, y]\n  b -> fw: {x: {port: 80, wait: false}}\n"
			"machines:\n  work: {appliance: s, memory: 64M, label: red, volumes: {b: "
			"1M, a: 2M}}\n"
			"  fw: {appliance: f, kind: micro, cpus: 3, uplink: true, env: {A: b}}\n"
			"  b: {appliance: s, after: fw, run: a b}\nfederation: x\n");
	const struct fed_machine *b = &f->machines[0], *fw = &f->machines[1], *w = &f->machines[2];

	(void)state;
	assert_string_equal(b->name, "b");
	assert_string_equal(b->after[0], "fw");
	assert_string_equal(b->argv[1], "b");
	assert_int_equal(b->cpus, 1);
	assert_int_equal(b->kind, KIND_LIGHT);
	assert_string_equal(kind_name(fw->kind), "micro");
	assert_int_equal(fw->cpus, 3);
	assert_true(fw->uplink);
	assert_string_equal(fw->env[0], "A=b");
	assert_true(w->memory == 64 << 20);
	assert_string_equal(w->volumes[0].name, "a");
	assert_true(w->volumes[0].size == 2 << 20);
	assert_int_equal(w->line, 6);

	assert_int_equal(f->n_links, 4);
	assert_string_equal(f->links[0].id, "b>fw.x");
	assert_int_equal(f->links[0].port, 80);
	assert_true(f->links[0].no_wait);
	assert_false(f->links[0].restricted);
	assert_string_equal(f->links[1].id, "work>b.y");
	assert_string_equal(f->links[2].id, "work>b.z");
	assert_true(f->links[3].restricted);
	assert_string_equal(f->links[3].only[0].host, "2001:db8::/32");
	assert_int_equal(f->links[3].only[0].port_high, 2);
	assert_int_equal(f->links[3].only[0].protocol, IPPROTO_UDP);
	assert_ptr_equal(federation_machine(f, "work"), w);
	assert_null(federation_machine(f, "wor"));
	federation_free(f);
}

static void test_waits_for(void **state)
{
	struct federation *f = read_ok("federation: x\nmachines: {a: {appliance: s, after: d}, "
				       "b: {appliance: s}, c: {appliance: s}, d: {appliance: s}}\n"
				       "links:\n  a -> b: [x, y]\n  a -> c: {x: {wait: false}}\n"
				       "  a -> d: x\n");
	size_t waits[4];

	(void)state;
	assert_int_equal(federation_waits_for(f, 0, waits), 2);
	assert_int_equal(waits[0], 1);
	assert_int_equal(waits[1], 3);
	assert_int_equal(federation_waits_for(f, 1, waits), 0);
	federation_free(f);
}

static void test_only_text(void **state)
{
	static const char *const places[] = {
		"192.0.2.1",        "192.0.2.1:80",     "192.0.2.0/24:80-90/tcp",
		"2001:db8::1/icmp", "[2001:db8::1]:53", "[2001:db8::/32]:1-65535/udp",
		"example.com/tcp",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct fed_only only;
		const char *fault;
		cleanup_free char *text = NULL;

		assert_true(only_parse(places[i], &only, &fault));
		text = only_text(&only);
		assert_string_equal(text, places[i]);
		free(only.host);
	}
}

/* --- against appliances --- */

static const struct appliance_facts *find_facts(const char *name, void *data)
{
	return str_eq(name, "known") ? data : NULL;
}

static void assert_check(const struct appliance_facts *facts, const char *text, size_t n,
			 const char *expected)
{
	static const char *const names[] = { "known", NULL };
	struct diag_list diags = DIAG_LIST_INIT;
	struct federation *f = read_ok(text);
	struct appliance_facts copy = *facts;

	assert_int_equal(federation_check(f, find_facts, names, &copy, &diags), n);
	assert_said(&diags, expected);
	federation_free(f);
}

static void test_check_arch(void **state)
{
	const struct appliance_facts facts = { .arch = "vax" };
	struct diag_list diags = DIAG_LIST_INIT;
	struct federation *f = read_ok("federation: x\nmachines: {a: {appliance: known}}\n");
	struct appliance_facts copy = facts;
	cleanup_free char *text = NULL;

	(void)state;
	assert_int_equal(federation_check(f, find_facts, NULL, &copy, &diags), 1);
	text = said(&diags);
	assert_non_null(strstr(text, "machine \"a\": kind: the appliance \"known\" is for vax"));
	federation_free(f);
	assert_check(&facts, "federation: x\nmachines: {a: {appliance: known, kind: emulated}}\n",
		     0, "");
}

static void test_check_foreign_net(void **state)
{
	static char net[] = "net";
	char *services[] = { net, NULL };
	const struct appliance_facts facts = { .services = services };

	(void)state;
	assert_check(
		&facts,
		"federation: x\nmachines: {a: {appliance: known}, b: {appliance: konwn}}\n"
		"links: {b -> a: net}\n",
		2,
		"f:2:35: machine \"b\": appliance \"konwn\" not found; did you mean \"known\"?\n"
		"f:3:17: link \"b -> a\": the service \"net\" of the appliance \"known\" is not "
		"frames: it routes nothing\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diag_order),   cmocka_unit_test(test_diag_bound),
		cmocka_unit_test(test_yaml_bounds),  cmocka_unit_test(test_yaml_text),
		cmocka_unit_test(test_yaml_tree),    cmocka_unit_test(test_yaml_quotes),
		cmocka_unit_test(test_missing_file), cmocka_unit_test(test_sniff),
		cmocka_unit_test(test_recipe),       cmocka_unit_test(test_federation),
		cmocka_unit_test(test_waits_for),    cmocka_unit_test(test_only_text),
		cmocka_unit_test(test_check_arch),   cmocka_unit_test(test_check_foreign_net),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
