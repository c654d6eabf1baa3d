/* SPDX-License-Identifier: MIT */
/* The broker's decision: for every machine and everything it can ask, allowed is what the links say. */
#include "broker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon.h"
#include "mem.h"
#include "model.h"
#include "str.h"

/* Decisions only ask whether there is a connection. */
static char connection;

static struct daemon world;
static struct fed *office;

static void add_machine(struct fed *f, const char *name, enum life life)
{
	struct machine *m = fed_add_machine(f, name);

	m->life = life;
	if (life == LIFE_READY || life == LIFE_RUNNING)
		m->control = (struct control *)(void *)&connection;
}

static struct link *add_link(struct fed *f, const char *id, bool net)
{
	struct link *k = fed_add_link(f, id);

	assert_non_null(k);
	k->net = net;
	return k;
}

static int begin(void **state)
{
	struct fed *other;

	(void)state;
	office = model_add_fed(&world, "office");
	add_machine(office, "work", LIFE_READY);
	add_machine(office, "web", LIFE_READY);
	add_machine(office, "app", LIFE_RUNNING);
	add_machine(office, "db", LIFE_FAILED);
	add_machine(office, "guest", LIFE_READY);
	add_machine(office, "firewall", LIFE_READY);
	add_link(office, "work>web.http", false);
	add_link(office, "web>app.http", false);
	add_link(office, "app>db.redis", false);
	add_link(office, "work>firewall.net", true);
	add_link(office, "guest>web.admin", false)->cut = true;

	/* The same names in another federation are other machines. */
	other = model_add_fed(&world, "home");
	add_machine(other, "guest", LIFE_READY);
	add_machine(other, "web", LIFE_READY);
	add_link(other, "guest>web.http", false);
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (struct fed *f = world.feds; f; f = f->next)
		for (struct machine *m = f->machines; m; m = m->next)
			m->control = NULL;
	model_free(&world);
	return 0;
}

static uint64_t ask(const char *from, const char *asked)
{
	return broker_decide(fed_find_machine(office, from), asked).code;
}

static void test_every_pair(void **state)
{
	static const char *const allowed[][2] = { { "work", "web.http" }, { "web", "app.http" } };
	static const char *const services[] = { "http", "redis", "net", "admin", "" };

	(void)state;
	for (struct machine *m = office->machines; m; m = m->next)
		for (struct machine *to = office->machines; to; to = to->next)
			for (size_t s = 0; s < ARRAY_SIZE(services); s++) {
				cleanup_free char *asked =
					xasprintf("%s.%s", to->name, services[s]);
				bool expected = false;

				for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
					expected |= str_eq(allowed[i][0], m->name) &&
						    str_eq(allowed[i][1], asked);
				assert_int_equal(ask(m->name, asked) == 0, expected);
			}
}

static void test_allowed_names_link_and_target(void **state)
{
	struct broker_decision d = broker_decide(fed_find_machine(office, "work"), "web.http");

	(void)state;
	assert_string_equal(d.link->id, "work>web.http");
	assert_ptr_equal(d.target, fed_find_machine(office, "web"));
	assert_null(d.message);
}

static void test_refusals(void **state)
{
	(void)state;
	assert_int_equal(ask("guest", "web.http"), EACCES);    /* only in the other federation */
	assert_int_equal(ask("guest", "web.admin"), EACCES);   /* cut */
	assert_int_equal(ask("work", "firewall.net"), EACCES); /* frames */
	assert_int_equal(ask("app", "db.redis"), EHOSTDOWN);   /* failed */
	assert_int_equal(ask("web", "work.http"), EACCES);     /* a link has a direction */
}

static void test_foreign_names(void **state)
{
	static const char *const odd[] = {
		"",          ".",          "web",           "web.",     ".http",
		"web.http.", "web.httpx",  "xweb.http",     "web-http", "web..http",
		"WEB.HTTP",  "web.http\n", "work>web.http", "web.htt",  "we.http",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++)
		assert_int_equal(ask("work", odd[i]), EACCES);
	assert_int_equal(ask("work", NULL), EACCES);
}

/* A machine without a connection cannot take a stream, whatever its state says. */
static void test_target_without_monitor(void **state)
{
	struct machine *web = fed_find_machine(office, "web");

	(void)state;
	web->control = NULL;
	assert_int_equal(ask("work", "web.http"), EHOSTDOWN);
	web->control = (struct control *)(void *)&connection;
	web->life = LIFE_STARTING;
	assert_int_equal(ask("work", "web.http"), EHOSTDOWN);
	web->life = LIFE_READY;
	assert_int_equal(ask("work", "web.http"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pair),
		cmocka_unit_test(test_allowed_names_link_and_target),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_foreign_names),
		cmocka_unit_test(test_target_without_monitor),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
