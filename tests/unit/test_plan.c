/* SPDX-License-Identifier: MIT */
/* Plans of an office: from nothing, again, after edits, and whatever the file's order is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "digest.h"
#include "mem.h"
#include "plan.h"
#include "str.h"

#define MACHINE_FIREWALL                                                                           \
	"  firewall: {appliance: firewall, kind: micro, memory: 64M, uplink: true}\n"
#define MACHINE_WEB   "  web: {appliance: web, kind: micro}\n"
#define MACHINE_APP   "  app: {appliance: app, env: {LANG: C}}\n"
#define MACHINE_DB    "  db: {appliance: db, volumes: {data: 64M}}\n"
#define MACHINE_WORK  "  work: {appliance: shell, label: blue}\n"
#define MACHINE_GUEST "  guest: {appliance: shell}\n"
#define LINK_WEB      "  work -> web: http\n"
#define LINK_APP      "  web -> app: {http: {port: 8080}}\n"
#define LINK_DB       "  app -> db: {redis: {port: 6379}}\n"
#define LINK_WORK     "  work -> firewall: net\n"
#define LINK_GUEST    "  guest -> firewall: {net: {only: [192.0.2.80:80/tcp]}}\n"

static const char office[] =
	"federation: office\n"
	"machines:\n" MACHINE_FIREWALL MACHINE_WEB MACHINE_APP MACHINE_DB MACHINE_WORK MACHINE_GUEST
	"links:\n" LINK_WEB LINK_APP LINK_DB LINK_WORK LINK_GUEST;

static struct federation *read_text(const char *text)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct federation *f = federation_read("office.yaml", text, &diags);

	diag_print(&diags, stderr);
	diag_list_finish(&diags);
	assert_non_null(f);
	return f;
}

static const char *image_of(const char *name, void *data)
{
	(void)name;
	return data ? data : "sha256:1";
}

/* The office with one part of its text replaced. */
static char *edited(const char *old, const char *new)
{
	const char *at = strstr(office, old);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - office), office, new, at + strlen(old));
}

/* What the ledger holds when all of `text` was carried out, with the plan's slots. */
struct ledger {
	struct federation *f;
	struct plan_have have;
	struct plan_have_machine *machines;
	struct plan_have_link *links;
	char **strings; /* owned digests */
};

static uint32_t slot_of(const struct plan *p, const char *link)
{
	for (size_t i = 0; i < p->n_nets; i++)
		if (str_eq(p->nets[i].link, link))
			return p->nets[i].slot;
	return 0;
}

static void ledger_init(struct ledger *l, const char *text, const struct plan_have *before)
{
	struct plan *p;

	*l = (struct ledger){ .f = read_text(text) };
	p = plan_make(l->f, image_of, NULL, before);
	l->machines = xcalloc(l->f->n_machines + 1, sizeof(*l->machines));
	l->links = xcalloc(l->f->n_links + 1, sizeof(*l->links));
	for (size_t i = 0; i < l->f->n_machines; i++) {
		char *digest = plan_machine_digest(l->f, &l->f->machines[i], "sha256:1");

		strv_take(&l->strings, digest);
		l->machines[i] = (struct plan_have_machine){ l->f->machines[i].name, digest, true };
	}
	for (size_t i = 0; i < l->f->n_links; i++) {
		const struct fed_link *link = &l->f->links[i];
		char *digest = plan_link_digest(link);

		strv_take(&l->strings, digest);
		l->links[i] = (struct plan_have_link){ link->id, digest, slot_of(p, link->id),
						       fed_link_is_net(link) };
	}
	l->have =
		(struct plan_have){ l->machines, l->f->n_machines, l->links, l->f->n_links, l->f };
	plan_free(p);
}

static void ledger_finish(struct ledger *l)
{
	federation_free(l->f);
	free(l->machines);
	free(l->links);
	strv_free(l->strings);
}

/* The steps as text, one per line. */
static char *steps(const char *text, const struct plan_have *have, const char *image)
{
	cleanup_free char *copy = image ? xstrdup(image) : NULL;
	struct federation *f = read_text(text);
	struct plan *p = plan_make(f, image_of, copy, have);
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < p->n_steps; i++)
		buf_printf(&out, "%s %s: %s\n", plan_verb_name(p->steps[i].verb),
			   p->steps[i].object, p->steps[i].why);
	plan_free(p);
	federation_free(f);
	return buf_steal_str(&out);
}

static void assert_steps(const char *text, const struct plan_have *have, const char *image,
			 const char *expected)
{
	cleanup_free char *found = steps(text, have, image);

	assert_string_equal(found, expected);
}

/* The steps after one edit of an office that runs. */
static void assert_edit(const char *old, const char *new, const char *expected)
{
	static const struct plan_have nothing;
	cleanup_free char *text = edited(old, new);
	struct ledger l;

	ledger_init(&l, office, &nothing);
	assert_steps(text, &l.have, NULL, expected);
	ledger_finish(&l);
}

static void test_from_nothing(void **state)
{
	static const struct plan_have nothing;

	(void)state;
	assert_steps(
		office, &nothing, NULL,
		"create db: new\ncreate firewall: new\ncreate app: new\ncreate guest: new\n"
		"create web: new\ncreate work: new\n"
		"link app>db.redis: new\nlink guest>firewall.net: new\nlink web>app.http: new\n"
		"link work>firewall.net: new\nlink work>web.http: new\n");
}

static void test_nothing_to_do(void **state)
{
	(void)state;
	assert_edit(MACHINE_WEB, MACHINE_WEB, "");
}

/* What no running machine knows of restarts nothing, and is said all the same. */
static void test_update(void **state)
{
	(void)state;
	assert_edit("label: blue", "label: red", "update work: label blue -> red\n");
	assert_edit(", label: blue", "", "update work: label blue -> none\n");
	assert_edit(
		MACHINE_APP,
		"  app: {appliance: app, env: {LANG: C}, start-timeout: 9, after: [firewall]}\n",
		"update app: after none -> firewall, start-timeout default -> 9\n");
	assert_edit("label: blue", "label: red, memory: 64M",
		    "replace work: memory default -> 64M, label blue -> red\n");
}

/* The word for a change is all that a plan shows of one: not its digest. */
static void test_secrets(void **state)
{
	static const char machine[] = "federation: x\nmachines:\n  a: {appliance: b, secrets: "
				      "{word: f, key: {file: g, owner: web}}}\n";
	struct federation *f = read_text(machine);
	struct fed_secret *word = &f->machines[0].secrets[1];
	cleanup_free char *before = NULL, *now = NULL, *other = NULL, *why = NULL;

	(void)state;
	assert_edit("label: blue", "label: blue, secrets: {word: f}",
		    "replace work: new secret word\n");
	assert_string_equal(word->name, "word");
	word->digest = xstrdup("0123");
	before = plan_machine_digest(f, &f->machines[0], "");
	assert_non_null(strstr(before, "secret.key=unread web\n"));
	assert_non_null(strstr(before, "secret.word=0123 \n"));
	free(word->file);
	word->file = xstrdup("elsewhere");
	other = plan_machine_digest(f, &f->machines[0], "");
	assert_string_equal(before, other);
	word->digest[0] = '1';
	now = plan_machine_digest(f, &f->machines[0], "");
	why = digest_changes(before, now);
	assert_string_equal(why, "secret word changed");
	federation_free(f);
}

static void test_stopped(void **state)
{
	static const struct plan_have nothing;
	struct ledger l;

	(void)state;
	ledger_init(&l, office, &nothing);
	l.machines[0].running = false;
	l.machines[1].running = false;
	assert_steps(office, &l.have, NULL, "start db: not running\nstart app: not running\n");
	ledger_finish(&l);
}

static void test_edited_machine(void **state)
{
	(void)state;
	assert_edit("memory: 64M", "memory: 96M", "replace firewall: memory 64M -> 96M\n");
	assert_edit("kind: micro}", "kind: light}", "replace web: kind micro -> light\n");
	assert_edit("{LANG: C}", "{LANG: de, A: b}",
		    "replace app: new variable A, variable LANG changed\n");
	assert_edit("{LANG: C}", "{}", "replace app: no variable LANG any more\n");
	assert_edit("{data: 64M}", "{data: 1G}", "replace db: volume data 64M -> 1G\n");
	assert_edit("appliance: shell}", "appliance: app}",
		    "replace guest: appliance shell -> app\n");
	assert_edit("appliance: shell}", "appliance: shell, run: \"sh -c 'a  b'\"}",
		    "replace guest: run default -> sh -c 'a  b'\n");
	assert_edit(", uplink: true", "", "replace firewall: uplink yes -> no\n");
}

static void test_rebuilt(void **state)
{
	static const struct plan_have nothing;
	struct ledger l;

	(void)state;
	ledger_init(&l, "federation: x\nmachines: {a: {appliance: b}}\n", &nothing);
	assert_steps("federation: x\nmachines: {a: {appliance: b}}\n", &l.have, "sha256:2",
		     "replace a: its image changed\n");
	ledger_finish(&l);
}

static void test_edited_link(void **state)
{
	(void)state;
	assert_edit("only: [192.0.2.80:80/tcp]", "only: [\"[2001:db8::1]:1-2\", 192.0.2.80:80/tcp]",
		    "relink guest>firewall.net: only 192.0.2.80:80/tcp -> 192.0.2.80:80/tcp "
		    "[2001:db8::1]:1-2\n");
	assert_edit("{net: {only: [192.0.2.80:80/tcp]}}", "net",
		    "relink guest>firewall.net: only 192.0.2.80:80/tcp -> any\n");
	assert_edit("[192.0.2.80:80/tcp]", "[]",
		    "relink guest>firewall.net: only 192.0.2.80:80/tcp -> nothing\n");
	assert_edit("port: 8080", "port: 8081",
		    "replace web: port of the link to app.http 8080 -> 8081\n"
		    "relink web>app.http: port 8080 -> 8081\n");
	assert_edit("port: 8080", "port: 8080, wait: false",
		    "relink web>app.http: wait yes -> no\n");
}

static void test_added_and_removed(void **state)
{
	(void)state;
	/* Somebody new who uses a service: nobody else is touched. */
	assert_edit(LINK_WEB, LINK_WEB "  guest -> web: http\n",
		    "replace guest: new link to web.http\nlink guest>web.http: new\n");
	assert_edit(MACHINE_GUEST "links:\n",
		    MACHINE_GUEST "  new: {appliance: shell}\nlinks:\n  new -> web: http\n",
		    "create new: new\nlink new>web.http: new\n");
	/* A router's client is an interface of the router. */
	assert_edit(LINK_GUEST, "",
		    "unlink guest>firewall.net: no longer in the file\n"
		    "replace firewall: no interface for guest any more\n"
		    "replace guest: no interface for firewall any more\n");
	assert_edit(LINK_WORK, LINK_WORK "  db -> firewall: net\n",
		    "replace firewall: new interface for db\n"
		    "replace db: new interface for firewall\n"
		    "link db>firewall.net: new\n");
}

static void test_remove_all(void **state)
{
	static const struct plan_have nothing;
	struct ledger l;

	(void)state;
	ledger_init(&l, office, &nothing);
	assert_steps("federation: office\nmachines: {}\n", &l.have, NULL,
		     "unlink app>db.redis: no longer in the file\n"
		     "unlink guest>firewall.net: no longer in the file\n"
		     "unlink web>app.http: no longer in the file\n"
		     "unlink work>firewall.net: no longer in the file\n"
		     "unlink work>web.http: no longer in the file\n"
		     "remove work: no longer in the file\n"
		     "remove web: no longer in the file\n"
		     "remove guest: no longer in the file\n"
		     "remove app: no longer in the file\n"
		     "remove firewall: no longer in the file\n"
		     "remove db: no longer in the file\n");
	ledger_finish(&l);
}

static void test_order_of_the_file(void **state)
{
	static const char other[] = "links:\n" LINK_GUEST LINK_DB LINK_WORK LINK_APP LINK_WEB
				    "machines:\n" MACHINE_GUEST MACHINE_WORK MACHINE_DB MACHINE_APP
					    MACHINE_WEB MACHINE_FIREWALL "federation: office\n";
	static const struct plan_have nothing;
	cleanup_free char *expected = steps(office, &nothing, NULL);
	struct ledger l;

	(void)state;
	assert_steps(other, &nothing, NULL, expected);
	ledger_init(&l, other, &nothing);
	assert_steps(office, &l.have, NULL, "");
	ledger_finish(&l);
}

static void test_addresses(void **state)
{
	static const struct plan_have nothing;
	struct federation *f = read_text(office);
	struct plan *p = plan_make(f, image_of, NULL, &nothing);

	(void)state;
	assert_int_equal(p->n_nets, 2);
	assert_string_equal(p->nets[0].link, "guest>firewall.net");
	assert_int_equal(p->nets[0].slot, 1);
	assert_int_equal(p->nets[1].slot, 2);
	/* These are for ever: machines that run have them. */
	assert_string_equal(p->nets[0].to4, "100.84.0.2");
	assert_string_equal(p->nets[0].from4, "100.84.0.3");
	assert_string_equal(p->nets[1].to4, "100.84.0.4");
	assert_string_equal(p->nets[0].to6, "fda0:379d:afbb::2");
	assert_string_equal(p->nets[0].from6, "fda0:379d:afbb::3");
	assert_string_equal(p->nets[0].from_mac, "02:e7:29:45:92:7a");
	assert_string_not_equal(p->nets[0].from_mac, p->nets[0].to_mac);
	assert_string_not_equal(p->nets[0].from_mac, p->nets[1].from_mac);
	plan_free(p);
	federation_free(f);
}

/* A link keeps its slot while it lives; one that is gone gives its slot to the next. */
static void test_slots(void **state)
{
	static const struct plan_have nothing;
	cleanup_free char *without = edited(LINK_GUEST, "");
	cleanup_free char *more = edited(LINK_GUEST, "  app -> firewall: net\n"
						     "  db -> firewall: net\n");
	struct ledger first, second, third;

	(void)state;
	ledger_init(&first, office, &nothing);
	ledger_init(&second, without, &first.have);
	assert_string_equal(second.links[2].id, "work>firewall.net");
	assert_int_equal(second.links[2].slot, 2);
	ledger_init(&third, more, &second.have);
	assert_string_equal(third.links[0].id, "app>db.redis");
	assert_string_equal(third.links[1].id, "app>firewall.net");
	assert_int_equal(third.links[1].slot, 1);
	assert_string_equal(third.links[2].id, "db>firewall.net");
	assert_int_equal(third.links[2].slot, 3);
	assert_string_equal(third.links[4].id, "work>firewall.net");
	assert_int_equal(third.links[4].slot, 2);
	ledger_finish(&first);
	ledger_finish(&second);
	ledger_finish(&third);
}

/* A ledger that says the same slot twice, or one out of range, is put right. */
static void test_bad_slots(void **state)
{
	static const struct plan_have_link links[] = {
		{ "guest>firewall.net", "", 7, true },
		{ "work>firewall.net", "", 7, true },
	};
	static const struct plan_have_link far[] = { { "guest>firewall.net", "", 40000, true } };
	const struct plan_have twice = { .links = links, .n_links = 2 };
	const struct plan_have beyond = { .links = far, .n_links = 1 };
	struct federation *f = read_text(office);
	struct plan *p = plan_make(f, image_of, NULL, &twice);

	(void)state;
	assert_int_equal(p->nets[0].slot, 7);
	assert_int_equal(p->nets[1].slot, 1);
	plan_free(p);
	p = plan_make(f, image_of, NULL, &beyond);
	assert_int_equal(p->nets[0].slot, 1);
	assert_int_equal(p->nets[1].slot, 2);
	plan_free(p);
	federation_free(f);
}

/* What the ledger holds may be of another version: still a plan, with poorer words. */
static void test_foreign_digest(void **state)
{
	static const struct plan_have_machine machines[] = { { "a", "rubbish\n\n=\nmemory",
							       true } };
	const struct plan_have have = { .machines = machines, .n_machines = 1 };
	cleanup_free char *found =
		steps("federation: x\nmachines: {a: {appliance: b}}\n", &have, NULL);

	(void)state;
	assert_true(str_starts(found, "replace a: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_from_nothing),
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_update),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_edited_machine),
		cmocka_unit_test(test_rebuilt),
		cmocka_unit_test(test_edited_link),
		cmocka_unit_test(test_added_and_removed),
		cmocka_unit_test(test_remove_all),
		cmocka_unit_test(test_order_of_the_file),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_bad_slots),
		cmocka_unit_test(test_foreign_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
