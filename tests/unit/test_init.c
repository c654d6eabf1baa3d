/* SPDX-License-Identifier: MIT */
/* atoll-init in a light machine: everything that does not need a kernel of its own. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "init_machine.h"
#include "mem.h"
#include "str.h"

/* Strings that messages may hold, whose fields are not const. */
#define TEXT(s)   ((char[]){ s })
#define ARGV(...) ((char *[]){ __VA_ARGS__, NULL })
#define RECORDS(array)                                                                             \
	{                                                                                          \
		(array), ARRAY_SIZE(array)                                                         \
	}

static bool has(const struct buf *b, const char *text)
{
	return b->len && memmem(buf_bytes(b), b->len, text, strlen(text));
}

static void expect_output(struct machine *m, const char *command, const char *expected)
{
	cleanup_free char *text = machine_output(m, command);

	assert_string_equal(text, expected);
}

/* One idle machine serves all tests of exec. */
static int start_idle(void **state)
{
	struct guest_config config = {
		.hostname = TEXT("islet"),
		.env = ARGV(TEXT("COLOUR=blue")),
	};

	*state = machine_create_ready(&config);
	return 0;
}

static int stop_idle(void **state)
{
	machine_destroy(*state);
	return 0;
}

static void test_idle(void **state)
{
	struct machine *m = *state;

	assert_true(machine_saw(m, PHASE_INIT));
	assert_true(machine_saw(m, PHASE_PREPARED));
	assert_true(machine_saw(m, PHASE_STARTED));
	assert_false(machine_saw(m, PHASE_EXITED));
	expect_output(m, "hostname", "islet");
}

static void test_output(void **state)
{
	struct call *c = call_shell(*state, "echo out; echo err >&2; exit 3");

	call_wait_exit(c);
	assert_true(has(&c->out, "out\n") && c->out.len == 4);
	assert_true(has(&c->err, "err\n") && c->err.len == 4);
	assert_int_equal(c->exit_code, 3);
	call_free(c);
}

static void test_environment(void **state)
{
	struct wire_exec x = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"), TEXT("echo $COLOUR $SHAPE $HOME $PWD $TERM.")),
		.env = ARGV(TEXT("SHAPE=round")),
		.workdir = TEXT("/usr"),
	};
	struct call *c = call_exec(*state, &x);

	call_wait_exit(c);
	assert_true(has(&c->out, "blue round /root /usr .\n"));
	call_free(c);
}

static void expect_refused(struct machine *m, struct wire_exec *x, int code, const char *message)
{
	struct call *c = call_exec(m, x);

	assert_int_equal(c->code, code);
	assert_non_null(strstr(c->message, message));
	call_free(c);
}

static void test_not_started(void **state)
{
	struct wire_exec none = { .argv = ARGV(TEXT("no-such-program")) };
	struct wire_exec folder = { .argv = ARGV(TEXT("/etc")) };
	struct wire_exec user = { .argv = ARGV(TEXT("true")), .user = TEXT("nobody-here") };
	struct wire_exec workdir = { .argv = ARGV(TEXT("true")), .workdir = TEXT("/nowhere") };
	struct wire_exec empty = { 0 };

	expect_refused(*state, &none, ENOENT, "no-such-program: not found");
	expect_refused(*state, &folder, EACCES, "/etc");
	expect_refused(*state, &user, EINVAL, "nobody-here");
	expect_refused(*state, &workdir, ENOTDIR, "/nowhere");
	expect_refused(*state, &empty, EINVAL, "command");
}

static void test_user(void **state)
{
	struct wire_exec x = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"), TEXT("id -u; id -g; echo $HOME")),
		.user = TEXT("www-data"),
	};
	struct call *c = call_exec(*state, &x);

	call_wait_exit(c);
	assert_true(has(&c->out, "33\n33\n/var/www\n"));
	call_free(c);
}

/* CAP_NET_ADMIN, bit 12, is atoll-init's alone when the appliance did not ask for it. */
static void test_capabilities(void **state)
{
	expect_output(*state,
		      "echo $((0x$(sed -n 's/^CapEff:.//p' /proc/self/status) >> 12 & 1)) "
		      "$((0x$(sed -n 's/^CapEff:.//p' /proc/1/status) >> 12 & 1))",
		      "0 1");
}

static void test_signal(void **state)
{
	struct call *c = call_shell(*state, "echo begun; sleep 60; true");
	uint8_t bad = 65, term = SIGTERM;

	call_wait_out(c, "begun");
	call_frame(c, EXEC_SIGNAL, &bad, 1);
	call_frame(c, EXEC_SIGNAL, &term, 1);
	call_wait_exit(c);
	assert_int_equal(c->exit_code, 128 + SIGTERM);
	call_free(c);
}

static void test_input(void **state)
{
	struct call *c = call_shell(*state, "cat; echo end");

	call_frame(c, EXEC_STDIN, "one ", 4);
	call_frame(c, EXEC_STDIN, "", 0);
	call_frame(c, EXEC_STDIN, "two ", 4);
	call_wait_out(c, "one two ");
	assert_false(c->exited);
	call_frame(c, EXEC_STDIN_END, NULL, 0);
	call_wait_exit(c);
	assert_true(has(&c->out, "one two end\n"));
	call_free(c);
}

/* More than pipes and windows hold, with a process that only begins to read after a while. */
static void test_much_input(void **state)
{
	struct call *c = call_shell(*state, "sleep 0.2; wc -c");
	cleanup_free uint8_t *frame = xcalloc(1, EXEC_FRAME_MAX);

	for (int i = 0; i < 3; i++)
		call_frame(c, EXEC_STDIN, frame, EXEC_FRAME_MAX);
	call_frame(c, EXEC_STDIN, frame, 777);
	call_frame(c, EXEC_STDIN_END, NULL, 0);
	call_wait_exit(c);
	assert_true(has(&c->out, "197385\n"));
	call_free(c);
}

static void test_closed_input(void **state)
{
	struct call *c = call_shell(*state, "exec <&-; echo closed; sleep 0.2; echo end");
	cleanup_free uint8_t *frame = xcalloc(1, EXEC_FRAME_MAX);

	call_wait_out(c, "closed");
	call_frame(c, EXEC_STDIN, frame, EXEC_FRAME_MAX);
	call_frame(c, EXEC_STDIN, frame, EXEC_FRAME_MAX);
	call_wait_exit(c);
	assert_int_equal(c->exit_code, 0);
	call_free(c);
}

/* A reader that pauses stops the writer, and loses nothing. */
static void test_much_output(void **state)
{
	struct machine *m = *state;
	struct call *c = call_shell(m, "head -c 8000000 /dev/zero; echo last >&2");

	c->paused = true;
	machine_run_for(m, 100);
	assert_false(c->exited);
	assert_in_range(c->out.len, 0, 7999999);
	call_resume(c);
	call_wait_exit(c);
	assert_int_equal(c->out.len, 8000000);
	assert_true(has(&c->err, "last\n"));
	call_free(c);
}

static void test_background(void **state)
{
	struct call *c = call_shell(*state, "sleep 60 & echo $!");

	call_wait_exit(c);
	assert_int_equal(c->exit_code, 0);
	assert_true(c->out.len > 1);
	call_free(c);
}

static void test_terminal(void **state)
{
	struct wire_exec x = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"),
			     TEXT("tty; stty size; echo $TERM; read x; echo got $x; stty size; "
				  "cat; exit 4")),
		.tty = 1,
		.term = TEXT("dumb"),
		.rows = 40,
		.cols = 100,
	};
	struct call *c = call_exec(*state, &x);

	call_wait_out(c, "/dev/pts/");
	call_wait_out(c, "40 100\r\n");
	call_wait_out(c, "dumb\r\n");
	call_frame(c, EXEC_WINSIZE, "\x32\0\x84\0", 4);
	call_frame(c, EXEC_STDIN, "line\n", 5);
	call_wait_out(c, "got line\r\n50 132\r\n");
	call_frame(c, EXEC_STDIN_END, NULL, 0);
	call_wait_exit(c);
	assert_int_equal(c->exit_code, 4);
	call_free(c);
}

static void test_terminal_interrupt(void **state)
{
	struct wire_exec x = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"), TEXT("echo begun; exec sleep 60")),
		.tty = 1,
	};
	struct call *c = call_exec(*state, &x);

	call_wait_out(c, "begun");
	call_frame(c, EXEC_STDIN, "\003", 1);
	call_wait_exit(c);
	assert_int_equal(c->exit_code, 128 + SIGINT);
	call_free(c);
}

/* Everything that a terminal's process printed arrives before its exit. */
static void test_terminal_drained(void **state)
{
	struct wire_exec x = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"), TEXT("stty -opost; seq 1 20000; echo last")),
		.tty = 1,
	};
	struct call *c = call_exec(*state, &x);

	call_wait_exit(c);
	assert_true(has(&c->out, "20000\nlast\n"));
	call_free(c);
}

static void expect_gone(struct machine *m, const char *pid)
{
	cleanup_free char *command =
		xasprintf("for i in $(seq 50); do kill -0 %s || break; sleep 0.1; done; "
			  "kill -0 %s 2>/dev/null || echo gone",
			  pid, pid);

	expect_output(m, command, "gone");
}

/* Also a group that ignores the first signal. */
static void test_reset(void **state)
{
	struct machine *m = *state;
	struct call *c = call_shell(m, "trap '' HUP; echo $$ go; while :; do sleep 1; done");
	cleanup_free char *pid = NULL;

	call_wait_out(c, "go");
	pid = xstrndup((char *)buf_bytes(&c->out), strcspn((char *)buf_bytes(&c->out), " "));
	call_free(c);
	expect_gone(m, pid);
}

static void test_bad_frame(void **state)
{
	struct call *c = call_shell(*state, "cat");
	uint32_t head = EXEC_FRAME_MAX + 1;

	stream_write(c->stream, &head, sizeof(head));
	while (c->stream)
		machine_run_for(*state, 5);
	assert_false(c->exited);
	call_free(c);
}

/* Machines of their own */

static void test_files(void **state)
{
	struct guest_host hosts[] = { { TEXT("web"), TEXT("10.0.0.2") },
				      { TEXT("web"), TEXT("fd00::2") },
				      { TEXT("bad name"), TEXT("10.0.0.3") },
				      { TEXT("bad"), TEXT("address") } };
	struct guest_nic nics[] = { {
		.mac = TEXT(NIC_MAC),
		.name = TEXT("firewall"),
		.addr4 = TEXT("10.83.0.1/31"),
		.addr6 = TEXT("fd00::1/127"),
		.gateway4 = TEXT("10.83.0.0"),
		.gateway6 = TEXT("fd00::"),
		.mtu = 1400,
	} };
	struct guest_config config = {
		.hostname = TEXT("desk"),
		.dns = ARGV(TEXT("10.0.0.53"), TEXT("fd00::53"), TEXT("x")),
		.hosts = RECORDS(hosts),
		.nics = RECORDS(nics),
	};
	struct machine *m = machine_create_ready(&config);

	(void)state;
	expect_output(m, "cat /etc/hosts",
		      "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
		      "127.0.1.1 desk\n10.0.0.2 web\nfd00::2 web");
	expect_output(m, "cat /etc/resolv.conf", "nameserver 10.0.0.53\nnameserver fd00::53");
	expect_output(m, "cat /sys/class/net/firewall/mtu /sys/class/net/firewall/address",
		      "1400\n" NIC_MAC);
	/* iface, destination, gateway */
	expect_output(m, "awk '$1 == \"firewall\" {print $2, $3}' /proc/net/route | sort",
		      "00000000 0000530A\n0000530A 00000000");
	expect_output(m,
		      "awk '$6 == \"firewall\" {print $1, $3, $5}' /proc/net/if_inet6 | grep ^fd",
		      "fd000000000000000000000000000001 7f 82");
	expect_output(m,
		      "grep -c '^0*0 00 0*0 00 fd000000000000000000000000000000 .* firewall' "
		      "/proc/net/ipv6_route",
		      "1");
	machine_destroy(m);
}

static void test_missing_nic(void **state)
{
	struct guest_nic nics[] = { { .mac = TEXT("02:00:00:00:00"), .name = TEXT("x") } };
	struct guest_config config = { .nics = RECORDS(nics) };
	struct machine *m = machine_create(&config);

	(void)state;
	assert_int_equal(machine_wait_end(m), 125);
	assert_non_null(strstr(m->message, "interface x: \"02:00:00:00:00\" is not a MAC"));
	machine_destroy(m);
}

static void test_services(void **state)
{
	struct guest_service services[] = {
		{ TEXT("echo"), TEXT("tcp/7007") },
		{ TEXT("conf"), TEXT("unix/run/conf.sock") },
	};
	struct guest_config config = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"),
			     TEXT("sleep 0.2; " HELPER_PATH
				  " answer unix/run/conf.sock & sleep 0.2; "
				  "exec " HELPER_PATH " serve tcp/7007")),
		.services = RECORDS(services),
	};
	struct machine *m = machine_create(&config);
	cleanup_buf struct buf payload = BUF_INIT;
	struct wire_stop any = { .grace = 7 };
	struct call *c;

	(void)state;
	machine_wait_phase(m, PHASE_STARTED);
	assert_false(machine_saw(m, PHASE_READY));
	machine_wait_phase(m, PHASE_READY);

	c = call_service(m, "echo");
	assert_int_equal(c->code, 0);
	stream_write(c->stream, "marco", 5);
	call_wait_out(c, "marco");
	stream_shutdown(c->stream);
	while (c->stream)
		machine_run_for(m, 5);
	call_free(c);

	msg_encode(&wire_stop_type, &any, &payload);
	c = call_config(m, "conf", buf_bytes(&payload), payload.len);
	assert_int_equal(c->code, payload.len);
	call_free(c);

	c = call_service(m, "nothing");
	assert_int_equal(c->code, ENOENT);
	call_free(c);
	machine_destroy(m);
}

static void test_service_refused(void **state)
{
	struct guest_service services[] = { { TEXT("echo"), TEXT("tcp/7007") },
					    { TEXT("odd"), TEXT("sctp/1") } };
	struct guest_config config = { .services = RECORDS(services) };
	struct machine *m = machine_create(&config);
	struct call *c;

	(void)state;
	machine_wait_phase(m, PHASE_STARTED);
	c = call_service(m, "echo");
	assert_int_equal(c->code, ECONNREFUSED);
	assert_non_null(strstr(c->message, "tcp/7007"));
	call_free(c);
	c = call_service(m, "odd");
	assert_int_equal(c->code, EINVAL);
	call_free(c);
	machine_destroy(m);
}

static void test_links(void **state)
{
	struct guest_link links[] = { { TEXT("db.redis"), 6379 }, { TEXT("app.http"), 0 } };
	struct guest_config config = { .links = RECORDS(links) };
	struct machine *m = machine_create_ready(&config);

	(void)state;
	expect_output(m, HELPER_PATH " dial tcp/6379", "hello");
	assert_string_equal(m->opened, "db.redis");
	expect_output(m, HELPER_PATH " dial unix/run/atoll/links/app.http", "hello");
	assert_string_equal(m->opened, "app.http");
	expect_output(m, "stat -c %a /run/atoll/links/app.http", "666");

	m->open_code = EACCES;
	/* 2: it was reset, not just closed */
	expect_output(m, HELPER_PATH " dial tcp/6379; echo $?", "2");
	assert_true(has(&m->console_text, "link db.redis: refused: Permission denied"));
	machine_destroy(m);
}

/* More at once than are let in: the rest waits, and nothing is lost. */
static void test_many_connections(void **state)
{
	struct guest_link links[] = { { TEXT("db.redis"), 6379 } };
	struct guest_config config = { .links = RECORDS(links) };
	struct machine *m = machine_create_ready(&config);

	(void)state;
	expect_output(m,
		      "for i in $(seq 200); do " HELPER_PATH
		      " dial tcp/6379 & done | tr -d '\\n' | "
		      "wc -c",
		      "1000");
	machine_destroy(m);
}

static void test_app_end(void **state)
{
	struct guest_config config = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"), TEXT("id -u; exit 7")),
		.user = TEXT("www-data"),
	};
	struct machine *m = machine_create(&config);

	(void)state;
	assert_int_equal(machine_wait_end(m), 7);
	assert_true(machine_saw(m, PHASE_EXITED));
	assert_int_equal(m->status, 7);
	assert_true(has(&m->console_text, "33\n"));
	machine_destroy(m);
}

static void test_app_missing(void **state)
{
	struct guest_config config = { .argv = ARGV(TEXT("no-such-app")) };
	struct machine *m = machine_create(&config);

	(void)state;
	assert_int_equal(machine_wait_end(m), 125);
	assert_string_equal(m->message, "no-such-app: not found");
	assert_false(machine_saw(m, PHASE_STARTED));
	machine_destroy(m);
}

static void test_prepare(void **state)
{
	struct guest_config config = {
		.prepare = ARGV(TEXT("sh"), TEXT("-c"), TEXT("echo ready > /run/prepared")),
		.argv = ARGV(TEXT("cat"), TEXT("/run/prepared")),
	};
	struct machine *m = machine_create(&config);

	(void)state;
	assert_int_equal(machine_wait_end(m), 0);
	assert_true(has(&m->console_text, "ready\n"));
	machine_destroy(m);
}

/* They are there for `prepare` already. */
static void test_secrets(void **state)
{
	static uint8_t bytes[] = "a\0b\nc";
	struct wire_secret secrets[] = {
		{ .name = TEXT("mine"), .data = { bytes, 5 } },
		{ .name = TEXT("theirs"), .owner = TEXT("www-data"), .data = { bytes, 1 } },
	};
	const struct msg_records list = RECORDS(secrets);
	struct guest_config config = {
		.prepare = ARGV(TEXT("sh"), TEXT("-c"), TEXT("cat /run/secrets/theirs >/run/seen")),
	};
	struct machine *m = machine_create_with(&config, &list);

	(void)state;
	machine_wait_phase(m, PHASE_READY);
	expect_output(m, "cat /run/seen", "a");
	expect_output(m, "od -An -c /run/secrets/mine", "   a  \\0   b  \\n   c");
	expect_output(m, "stat -c '%n %a %U %s' /run/secrets/*",
		      "/run/secrets/mine 400 root 5\n/run/secrets/theirs 400 www-data 1");
	machine_destroy(m);
}

static void expect_no_secret(const char *name, const char *owner, size_t len, const char *message)
{
	static uint8_t bytes[] = "word";
	cleanup_free char *copy = xstrdup(name);
	cleanup_free char *user = owner ? xstrdup(owner) : NULL;
	struct wire_secret secret = { .name = copy, .owner = user, .data = { bytes, len } };
	const struct msg_records list = { &secret, 1 };
	struct guest_config config = { 0 };
	struct machine *m = machine_create_with(&config, &list);

	assert_int_equal(machine_wait_end(m), 125);
	assert_true(machine_saw(m, PHASE_FAILED));
	assert_non_null(strstr(m->message, message));
	machine_destroy(m);
}

static void test_no_secrets(void **state)
{
	(void)state;
	expect_no_secret("../escape", NULL, 4, "secret \"../escape\"");
	expect_no_secret("..", NULL, 4, "a file's name");
	expect_no_secret("word", NULL, 0, "bytes are expected");
	expect_no_secret("word", "nobody-here", 4, "nobody-here");
}

/* An image's link leads neither secrets nor sockets elsewhere. */
static void test_no_way_around(void **state)
{
	static const char *const message =
		" is Atoll's own folder, root's and in memory, and the image or a volume has "
		"something else there: ";
	cleanup_free char *secrets = xasprintf("/run/secrets%s", message);
	cleanup_free char *links = xasprintf("/run/atoll/links%s", message);
	struct guest_config config = { 0 };
	struct machine *m;

	(void)state;
	machine_link_target = "/tmp";
	machine_link = "run/secrets";
	expect_no_secret("word", NULL, 4, secrets);
	machine_link = "run/atoll";
	m = machine_create(&config);
	assert_int_equal(machine_wait_end(m), 125);
	assert_non_null(strstr(m->message, links));
	machine_destroy(m);
	machine_link = NULL;
}

static void test_prepare_fails(void **state)
{
	struct guest_config config = {
		.prepare = ARGV(TEXT("sh"), TEXT("-c"), TEXT("echo no way >&2; exit 9")),
		.argv = ARGV(TEXT("echo"), TEXT("started")),
	};
	struct machine *m = machine_create(&config);

	(void)state;
	assert_int_equal(machine_wait_end(m), 125);
	assert_non_null(strstr(m->message, "ended with status 9"));
	assert_false(machine_saw(m, PHASE_PREPARED));
	assert_true(has(&m->console_text, "no way\n"));
	assert_false(has(&m->console_text, "started"));
	machine_destroy(m);
}

static void test_stop(void **state)
{
	struct guest_config config = {
		.argv = ARGV(
			TEXT("sh"), TEXT("-c"),
			TEXT("trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.1; done")),
	};
	struct machine *m = machine_create_ready(&config);

	(void)state;
	while (!has(&m->console_text, "up"))
		machine_run_for(m, 5);
	machine_send_stop(m, 5000);
	assert_int_equal(machine_wait_end(m), 5);
	assert_int_equal(m->status, 5);
	assert_true(has(&m->console_text, "bye"));
	machine_destroy(m);
}

static void test_stop_deaf(void **state)
{
	struct guest_config config = {
		.argv = ARGV(TEXT("sh"), TEXT("-c"),
			     TEXT("trap '' TERM; echo up; while :; do sleep 0.1; done")),
	};
	struct machine *m = machine_create_ready(&config);

	(void)state;
	while (!has(&m->console_text, "up"))
		machine_run_for(m, 5);
	machine_send_stop(m, 300);
	assert_int_equal(machine_wait_end(m), 128 + SIGKILL);
	assert_int_equal(m->status, 128 + SIGKILL);
	machine_destroy(m);
}

static void test_stop_in_prepare(void **state)
{
	struct guest_config config = { .prepare = ARGV(TEXT("sleep"), TEXT("60")) };
	struct machine *m = machine_create(&config);

	(void)state;
	machine_wait_phase(m, PHASE_INIT);
	machine_send_stop(m, 100);
	assert_int_equal(machine_wait_end(m), 0);
	assert_false(machine_saw(m, PHASE_PREPARED));
	machine_destroy(m);
}

/* An interactive shell ignores SIGTERM: it must not hold the machine for the whole grace. */
static void test_stop_with_shell(void **state)
{
	struct guest_config config = { 0 };
	struct machine *m = machine_create_ready(&config);
	struct call *c = call_shell(m, "trap '' TERM HUP; echo up; while :; do sleep 0.1; done");
	int64_t begin;

	(void)state;
	call_wait_out(c, "up");
	begin = clock_ms();
	machine_send_stop(m, 30000);
	assert_int_equal(machine_wait_end(m), 0);
	assert_in_range(clock_ms() - begin, 0, 3000);
	call_free(c);
	machine_destroy(m);
}

static void test_monitor_gone(void **state)
{
	struct guest_config config = { .argv = ARGV(TEXT("sleep"), TEXT("60")) };
	struct machine *m = machine_create_ready(&config);

	(void)state;
	assert_int_equal(machine_destroy(m), 128 + SIGTERM);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest exec_tests[] = {
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_not_started),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_much_input),
		cmocka_unit_test(test_closed_input),
		cmocka_unit_test(test_much_output),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_interrupt),
		cmocka_unit_test(test_terminal_drained),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_bad_frame),
	};
	const struct CMUnitTest life_tests[] = {
		cmocka_unit_test(test_files),           cmocka_unit_test(test_missing_nic),
		cmocka_unit_test(test_services),        cmocka_unit_test(test_service_refused),
		cmocka_unit_test(test_links),           cmocka_unit_test(test_many_connections),
		cmocka_unit_test(test_app_end),         cmocka_unit_test(test_app_missing),
		cmocka_unit_test(test_prepare),         cmocka_unit_test(test_prepare_fails),
		cmocka_unit_test(test_secrets),         cmocka_unit_test(test_no_secrets),
		cmocka_unit_test(test_no_way_around),   cmocka_unit_test(test_stop),
		cmocka_unit_test(test_stop_deaf),       cmocka_unit_test(test_stop_in_prepare),
		cmocka_unit_test(test_stop_with_shell), cmocka_unit_test(test_monitor_gone),
	};
	int r = helper_main(argc, argv);

	if (r >= 0)
		return r;
	if (getuid() != 0) {
		printf("1..1\nok 1 - init # skip making namespaces and an overlay needs root\n");
		return 0;
	}
	r = cmocka_run_group_tests_name("exec", exec_tests, start_idle, stop_idle);
	return cmocka_run_group_tests_name("life", life_tests, NULL, NULL) || r;
}
