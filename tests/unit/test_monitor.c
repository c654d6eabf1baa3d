/* SPDX-License-Identifier: MIT */
/*
 * The whole monitor with a light machine, whose guest (monitor_guest.c) behaves well or not. The
 * test is the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi_control.h"
#include "abi_wire.h"
#include "chan.h"
#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "str.h"

/* AddressSanitizer maps terabytes. (clang says it otherwise than gcc.) */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

#define STR(s)      ((char[]){ s })
#define PATIENCE_MS 15000

/* The last message of each kind that the monitor sent. */
struct heard {
	struct control_state *state;
	struct control_request *request;
	struct control_result *result;
	struct control_counters *counters;
	unsigned int n_states, n_requests, n_results;
	bool ended;
};

struct rig {
	struct loop *loop;
	char *dir;
	pid_t monitor;
	struct chan *chan;
	struct heard heard;
};

static char folder[] = "/tmp/test_monitor.XXXXXX";

/* This process's own: the control groups of other runs of this test have other names. */
static char federation[32];

/* The daemon's side */

static void take(struct rig *rig, const struct msg_type *type, const void *bytes, size_t len,
		 void **place)
{
	msg_free(type, *place);
	*place = NULL;
	assert_int_equal(msg_decode(type, bytes, len, place), 0);
	(void)rig;
}

static void handle_msg(struct chan *chan, uint16_t type, const void *msg, size_t len, int *fd,
		       void *data)
{
	struct rig *rig = data;
	struct heard *heard = &rig->heard;

	(void)chan;
	(void)fd;
	if (type == CONTROL_STATE) {
		take(rig, &control_state_type, msg, len, (void **)&heard->state);
		heard->n_states++;
	} else if (type == CONTROL_REQUEST) {
		take(rig, &control_request_type, msg, len, (void **)&heard->request);
		heard->n_requests++;
	} else if (type == CONTROL_RESULT) {
		take(rig, &control_result_type, msg, len, (void **)&heard->result);
		heard->n_results++;
	} else if (type == CONTROL_COUNTERS) {
		take(rig, &control_counters_type, msg, len, (void **)&heard->counters);
	} else {
		fail_msg("a message of type %u", type);
	}
}

static void handle_end(struct chan *chan, int reason, void *data)
{
	(void)chan;
	(void)reason;
	((struct rig *)data)->heard.ended = true;
}

static const struct chan_ops chan_ops = { handle_msg, handle_end };

static int connect_control(struct rig *rig)
{
	cleanup_free char *path = xasprintf("%s/control", rig->dir);
	int64_t end = clock_ms() + PATIENCE_MS;
	int fd = -1;

	while (unix_connect(path, SOCK_SEQPACKET, &fd, NULL) < 0) {
		assert_true(clock_ms() < end);
		loop_step(rig->loop, 5);
	}
	return fd;
}

static void hello(struct rig *rig)
{
	struct control_hello msg = { .version = CONTROL_VERSION };

	rig->chan = chan_create(rig->loop, connect_control(rig), &chan_ops, rig);
	rig->heard.ended = false;
	assert_int_equal(chan_send(rig->chan, &control_hello_type, &msg, -1), 0);
}

static void hang_up(struct rig *rig)
{
	chan_destroy(steal_ptr(rig->chan));
}

/* Waits until the condition holds. */
#define await(rig_, condition_)                                                                    \
	do {                                                                                       \
		int64_t end_ = clock_ms() + PATIENCE_MS;                                           \
		while (!(condition_)) {                                                            \
			if (clock_ms() > end_)                                                     \
				fail_msg("never: %s", #condition_);                                \
			loop_step((rig_)->loop, 20);                                               \
		}                                                                                  \
	} while (0)

/* What the monitor and its guest said, for whoever wonders why it did not come so far. */
static void print_logs(const struct rig *rig)
{
	static const char *const names[] = { "monitor.log", "console.log" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *path = xasprintf("%s/%s", rig->dir, names[i]);
		cleanup_buf struct buf bytes = BUF_INIT;

		if (file_read(path, 65536, &bytes, NULL) == 0)
			print_message("%s: %.*s\n", names[i], (int)bytes.len,
				      (const char *)buf_bytes(&bytes));
	}
}

static void await_state(struct rig *rig, enum machine_state state)
{
	int64_t end = clock_ms() + PATIENCE_MS;

	while (!rig->heard.state || rig->heard.state->state < state) {
		if (clock_ms() > end) {
			print_logs(rig);
			fail_msg("state is %d and not %d%s",
				 rig->heard.state ? (int)rig->heard.state->state : -1, (int)state,
				 rig->heard.ended ? ", the monitor hung up" : "");
		}
		loop_step(rig->loop, 20);
	}
}

/* The machine */

/* What the next ones get: how many secrets, and standard input. */
static struct machine_secret secrets[] = { { .name = STR("word") }, { .name = STR("key") } };
static size_t n_secrets;
static int input = -1;

static void write_config(struct rig *rig, const char *mode, const char *kind)
{
	cleanup_free char *rootfs = xasprintf("%s/rootfs.erofs", folder);
	cleanup_free char *path = xasprintf("%s/config", rig->dir);
	cleanup_free char *mode_copy = xstrdup(mode), *kind_copy = xstrdup(kind);
	cleanup_buf struct buf bytes = BUF_INIT;
	char *argv[] = { mode_copy, NULL };
	struct guest_config guest = { .hostname = STR("guest"), .argv = argv };
	struct machine_config config = {
		.federation = federation,
		.name = STR("monitor"),
		.kind = kind_copy,
		.engine = STR("host"),
		.arch = STR("amd64"),
		.memory = 64 << 20,
		.cpus = 1,
		.rootfs = rootfs,
		.init = STR(MONITOR_GUEST),
		.secrets = { secrets, n_secrets },
		.guest = { &guest, 1 },
	};

	assert_int_equal(msg_encode(&machine_config_type, &config, &bytes), 0);
	assert_int_equal(file_write_atomic(path, buf_bytes(&bytes), bytes.len, 0600, NULL), 0);
}

static void launch(struct rig *rig)
{
	rig->monitor = fork();
	if (rig->monitor == 0) {
		cleanup_free char *log = xasprintf("%s/monitor.log", rig->dir);

		loop_child_reset();
		if (!freopen(log, "w", stderr) || (input >= 0 && dup2(input, 0) < 0))
			_exit(1);
		execl(MONITOR, "atoll-monitor", rig->dir, NULL);
		_exit(127);
	}
}

/* A machine whose guest is in that mode, the daemon connected. */
static void start(struct rig *rig, const char *mode)
{
	write_config(rig, mode, "light");
	launch(rig);
	hello(rig);
}

static int monitor_exit_code(struct rig *rig)
{
	int status;

	assert_int_equal(waitpid(rig->monitor, &status, 0), rig->monitor);
	rig->monitor = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct machine_exit *read_exit(struct rig *rig)
{
	cleanup_free char *path = xasprintf("%s/exit", rig->dir);
	cleanup_buf struct buf bytes = BUF_INIT;
	void *msg;

	assert_int_equal(file_read(path, 65536, &bytes, NULL), 0);
	assert_int_equal(msg_decode(&machine_exit_type, buf_bytes(&bytes), bytes.len, &msg), 0);
	return msg;
}

static void expect_exit_file(struct rig *rig, uint64_t status, bool requested, const char *reason)
{
	struct machine_exit *end;

	assert_int_equal(monitor_exit_code(rig), 0);
	end = read_exit(rig);
	assert_int_equal(end->status, status);
	assert_int_equal(end->requested, requested);
	assert_non_null(strstr(end->reason, reason));
	msg_free(&machine_exit_type, end);
}

/* The machine ended, and daemon and exit file say the same. */
static void expect_end(struct rig *rig, uint64_t status, bool requested, const char *reason)
{
	await_state(rig, MACHINE_EXITED);
	assert_int_equal(rig->heard.state->status, status);
	assert_int_equal(rig->heard.state->requested, requested);
	assert_non_null(strstr(rig->heard.state->message, reason));
	expect_exit_file(rig, status, requested, reason);
}

static void stop(struct rig *rig, uint64_t grace)
{
	struct control_stop msg = { .grace = grace };

	assert_int_equal(chan_send(rig->chan, &control_stop_type, &msg, -1), 0);
}

static bool console_has(struct rig *rig, const char *text)
{
	cleanup_free char *path = xasprintf("%s/console.log", rig->dir);
	cleanup_buf struct buf bytes = BUF_INIT;
	cleanup_free char *all = NULL;

	if (file_read(path, 4 << 20, &bytes, NULL) < 0)
		return false;
	all = buf_steal_str(&bytes);
	return strstr(all, text) != NULL;
}

/* The only process whose parent is pid and whose command is `name`. */
static pid_t child_of(pid_t pid, const char *name)
{
	cleanup_free char *command = xasprintf("pgrep -P %d -x '%s'", pid, name);
	FILE *out = popen(command, "r");
	int found = 0;

	if (fscanf(out, "%d", &found) != 1)
		found = 0;
	pclose(out);
	return found;
}

static int setup(void **state)
{
	static unsigned int number;
	static struct rig rig;

	memset(&rig, 0, sizeof(rig));
	rig.loop = loop_create();
	rig.dir = xasprintf("%s/%u", folder, number++);
	assert_int_equal(dir_make(rig.dir, 0700, NULL), 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	if (rig->monitor > 0) {
		kill(rig->monitor, SIGKILL);
		waitpid(rig->monitor, NULL, 0);
	}
	chan_destroy(rig->chan);
	msg_free(&control_state_type, rig->heard.state);
	msg_free(&control_request_type, rig->heard.request);
	msg_free(&control_result_type, rig->heard.result);
	msg_free(&control_counters_type, rig->heard.counters);
	loop_destroy(rig->loop);
	free(rig->dir);
	return 0;
}

/* A life in order */

static void test_life(void **state)
{
	struct rig *rig = *state;
	const struct control_times *times;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	assert_int_equal(rig->heard.state->times.n, 1);
	times = rig->heard.state->times.items;
	assert_true(times->launch && times->launch <= times->guest);
	assert_true(times->guest <= times->init && times->init <= times->ready);
	assert_true(rig->heard.state->pid > 0);
	stop(rig, 3000);
	expect_end(rig, 7, true, "stopped");
}

static void test_application_ends(void **state)
{
	start(*state, "end");
	expect_end(*state, 3, false, "status 3");
}

static void test_guest_fails(void **state)
{
	start(*state, "fail");
	expect_end(*state, 125, false, "the disk is not there");
}

static void test_guest_goes_without_a_word(void **state)
{
	/* It can be over before a daemon has connected: the file tells. */
	write_config(*state, "silent", "light");
	launch(*state);
	expect_exit_file(*state, 125, false, "status 9 before the application: something is wrong");
}

static void test_sigterm_stops(void **state)
{
	struct rig *rig = *state;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	kill(rig->monitor, SIGTERM);
	expect_end(rig, 7, true, "stopped");
}

/* Guests that do not end when they are asked */

static void test_deaf_guest_is_killed(void **state)
{
	struct rig *rig = *state;

	start(rig, "deaf");
	await_state(rig, MACHINE_READY);
	stop(rig, 100);
	expect_end(rig, 128 + SIGKILL, true, "killed");
}

static void test_kill_now(void **state)
{
	struct rig *rig = *state;
	int64_t begin;

	start(rig, "deaf");
	await_state(rig, MACHINE_READY);
	begin = clock_ms();
	stop(rig, 0);
	expect_end(rig, 128 + SIGKILL, true, "killed");
	assert_true(clock_ms() - begin < 3000);
}

/* Guests that break the protocol */

static void expect_broken(struct rig *rig, const char *mode)
{
	start(rig, mode);
	expect_end(rig, 125, false, "guest broke the wire protocol");
}

static void test_garbage(void **state)
{
	expect_broken(*state, "garbage");
}

static void test_malformed_state(void **state)
{
	expect_broken(*state, "malformed");
}

static void test_backwards(void **state)
{
	expect_broken(*state, "backwards");
}

static void test_wrong_request(void **state)
{
	expect_broken(*state, "wrong-request");
}

static void test_console_flood(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *path = xasprintf("%s/console.log", rig->dir);
	int64_t end = clock_ms() + 1500;
	struct stat st;

	start(rig, "flood");
	await_state(rig, MACHINE_READY);
	while (clock_ms() < end)
		loop_step(rig->loop, 50);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size <= 1 << 20);
	stop(rig, 500);
	expect_end(rig, 7, true, "stopped");
}

/* Streams */

static void open_stream(struct rig *rig, uint64_t id, const struct msg_type *type, const void *msg,
			int *ret_fd)
{
	cleanup_buf struct buf open = BUF_INIT;
	struct control_stream stream = { .id = id, .link = STR("web>monitor.echo") };
	int fds[2];

	assert_int_equal(msg_encode(type, msg, &open), 0);
	stream.open = (struct msg_bytes){ buf_bytes(&open), open.len };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(chan_send(rig->chan, &control_stream_type, &stream, fds[1]), 0);
	close(fds[1]);
	fd_set_nonblock(fds[0], true);
	*ret_fd = fds[0];
}

static uint64_t open_service(struct rig *rig, char *service, int *ret_fd)
{
	struct wire_service msg = { .service = service, .from = STR("web") };
	unsigned int before = rig->heard.n_results;

	open_stream(rig, 11, &wire_service_type, &msg, ret_fd);
	await(rig, rig->heard.n_results > before);
	assert_int_equal(rig->heard.result->id, 11);
	return rig->heard.result->code;
}

static void expect_echo(struct rig *rig, int fd)
{
	char bytes[8] = "";
	ssize_t n;

	assert_int_equal(write(fd, "hello", 5), 5);
	await(rig, (n = read(fd, bytes, sizeof(bytes))) != -1);
	assert_int_equal(n, 5);
	assert_memory_equal(bytes, "hello", 5);
}

static const struct control_link_count *count_of(struct rig *rig, const char *link)
{
	struct control_count msg = { .id = 5 };

	msg_free(&control_counters_type, steal_ptr(rig->heard.counters));
	assert_int_equal(chan_send(rig->chan, &control_count_type, &msg, -1), 0);
	await(rig, rig->heard.counters);
	assert_int_equal(rig->heard.counters->id, 5);
	MSG_EACH (struct control_link_count, count, &rig->heard.counters->links)
		if (str_eq(count->link, link))
			return count;
	return NULL;
}

static void test_stream_counted_and_cut(void **state)
{
	struct rig *rig = *state;
	struct control_cut cut = { .link = STR("web>monitor.echo") };
	const struct control_link_count *count;
	cleanup_fd int fd = -1, other = -1;
	char byte;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	assert_int_equal(open_service(rig, STR("echo"), &fd), 0);
	expect_echo(rig, fd);
	assert_int_equal(open_service(rig, STR("none"), &other), ENOENT);
	count = count_of(rig, "web>monitor.echo");
	assert_non_null(count);
	assert_int_equal(count->streams, 1);
	assert_int_equal(count->open, 1);
	assert_int_equal(count->rx_bytes, 5);
	assert_int_equal(count->tx_bytes, 5);
	assert_true(rig->heard.counters->memory > 0);
	assert_int_equal(chan_send(rig->chan, &control_cut_type, &cut, -1), 0);
	await(rig, read(fd, &byte, 1) == 0);
	assert_int_equal(count_of(rig, "web>monitor.echo")->open, 0);
	stop(rig, 1000);
	expect_end(rig, 7, true, "stopped");
}

static void test_stream_needs_a_question(void **state)
{
	struct rig *rig = *state;
	struct wire_open wrong = { .link = STR("db.redis") };
	cleanup_fd int fd = -1;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	open_stream(rig, 4, &wire_open_type, &wrong, &fd);
	await(rig, rig->heard.result);
	assert_int_equal(rig->heard.result->code, EINVAL);
}

static void test_config(void **state)
{
	struct rig *rig = *state;
	struct control_config msg = { .id = 21, .service = STR("net"), .generation = 3 };

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	assert_int_equal(chan_send(rig->chan, &control_config_type, &msg, -1), 0);
	await(rig, rig->heard.result);
	assert_int_equal(rig->heard.result->id, 21);
	assert_int_equal(rig->heard.result->code, 0);
}

/* Links that the guest asks for */

static void answer(struct rig *rig, uint64_t code, int fd)
{
	struct control_verdict msg = { .id = rig->heard.request->id,
				       .code = code,
				       .message = STR("no such link"),
				       .link = STR("monitor>db.redis") };

	assert_int_equal(chan_send(rig->chan, &control_verdict_type, &msg, fd), 0);
}

static void test_link_refused(void **state)
{
	struct rig *rig = *state;

	start(rig, "ask");
	await(rig, rig->heard.request);
	assert_string_equal(rig->heard.request->link, "db.redis");
	answer(rig, EACCES, -1);
	await(rig, console_has(rig, "link: 13 no such link"));
}

static void test_link_allowed(void **state)
{
	struct rig *rig = *state;
	int fds[2];

	start(rig, "ask");
	await(rig, rig->heard.request);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fd_set_nonblock(fds[0], true);
	answer(rig, 0, fds[1]);
	close(fds[1]);
	await(rig, console_has(rig, "link: 0"));
	expect_echo(rig, fds[0]);
	assert_int_equal(count_of(rig, "monitor>db.redis")->streams, 1);
	close(fds[0]);
}

/* A verdict that allows must bring a descriptor. */
static void test_link_allowed_without_descriptor(void **state)
{
	struct rig *rig = *state;

	start(rig, "ask");
	await(rig, rig->heard.request);
	answer(rig, 0, -1);
	await(rig, console_has(rig, "link: 5"));
}

/* A request waits for the next daemon, and is asked again. */
static void test_request_survives_the_daemon(void **state)
{
	struct rig *rig = *state;
	uint64_t id;

	start(rig, "ask");
	await(rig, rig->heard.request);
	id = rig->heard.request->id;
	hang_up(rig);
	msg_free(&control_request_type, steal_ptr(rig->heard.request));
	hello(rig);
	await(rig, rig->heard.request);
	assert_int_equal(rig->heard.request->id, id);
	answer(rig, EACCES, -1);
	await(rig, console_has(rig, "link: 13"));
}

static void test_requests_are_bounded(void **state)
{
	struct rig *rig = *state;

	start(rig, "ask-much");
	await(rig, console_has(rig, "link: 11 too many requests"));
	assert_true(rig->heard.n_requests <= 256);
	stop(rig, 1000);
	expect_end(rig, 7, true, "stopped");
}

/* Daemons */

static void test_new_daemon_replaces_the_old(void **state)
{
	struct rig *rig = *state;
	struct chan *old;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	old = steal_ptr(rig->chan);
	msg_free(&control_state_type, steal_ptr(rig->heard.state));
	hello(rig);
	await(rig, rig->heard.ended); /* of the old one */
	await_state(rig, MACHINE_READY);
	chan_destroy(old);
	stop(rig, 1000);
	expect_end(rig, 7, true, "stopped");
}

static void test_bad_daemons_are_dropped(void **state)
{
	static const uint8_t messages[][16] = {
		{ 0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff },       /* no message */
		{ CONTROL_STOP, 0, 0, 0, 0, 0, 0, 0 },              /* no HELLO before it */
		{ CONTROL_HELLO, 0, 0, 0, 8, 0, 0, 0, 1, 0, 9, 9 }, /* a field that is none */
	};
	struct rig *rig = *state;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	hang_up(rig);
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		cleanup_fd int fd = connect_control(rig);
		char reply[4096];

		assert_true(send(fd, messages[i], i == 1 ? 8 : 16, MSG_NOSIGNAL) > 0);
		assert_true(recv(fd, reply, sizeof(reply), 0) <= 0);
	}
	hello(rig);
	await_state(rig, MACHINE_READY);
	assert_int_equal(rig->heard.state->state, MACHINE_READY);
}

/* Deaths of a half */

static void test_jailed_half_dies(void **state)
{
	struct rig *rig = *state;
	struct machine_exit *end;
	pid_t guest;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	guest = (pid_t)rig->heard.state->pid;
	kill(child_of(rig->monitor, "atoll-monitor"), SIGKILL);
	assert_int_equal(monitor_exit_code(rig), 0);
	assert_int_equal(kill(guest, 0), -1);
	end = read_exit(rig);
	assert_int_equal(end->status, 125);
	assert_string_equal(end->reason, "the monitor's jailed half died");
	msg_free(&machine_exit_type, end);
}

static void test_keeper_dies(void **state)
{
	struct rig *rig = *state;
	pid_t jailed, guest;

	start(rig, "deaf");
	await_state(rig, MACHINE_READY);
	guest = (pid_t)rig->heard.state->pid;
	jailed = child_of(rig->monitor, "atoll-monitor");
	kill(rig->monitor, SIGKILL);
	await(rig, kill(guest, 0) < 0 && kill(jailed, 0) < 0);
}

/* What the halves may */

static char *status_of(pid_t pid)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", pid);
	cleanup_buf struct buf bytes = BUF_INIT;

	assert_int_equal(file_read(path, 65536, &bytes, NULL), 0);
	return buf_steal_str(&bytes);
}

static unsigned long number_in(const char *status, const char *field, int base)
{
	const char *line = strstr(status, field);

	assert_non_null(line);
	return strtoul(line + strlen(field), NULL, base);
}

static unsigned long keeper_capabilities(const struct rig *rig)
{
	cleanup_free char *status = status_of(rig->monitor);

	return number_in(status, "CapEff:\t", 16);
}

static void test_privileges_and_memory(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *keeper = NULL, *jailed = NULL;
	pid_t pid;

	start(rig, "good");
	await_state(rig, MACHINE_READY);
	pid = child_of(rig->monitor, "atoll-monitor");
	assert_true(pid > 0);
	/* The keeper gives up what it had while the guest may be ready already. */
	await(rig, !(keeper_capabilities(rig) & 1ul << 12 /* net_admin */));
	keeper = status_of(rig->monitor);
	jailed = status_of(pid);
	assert_int_equal(number_in(jailed, "CapBnd:\t", 16), 0);
	assert_int_equal(number_in(jailed, "CapEff:\t", 16), 0);
	assert_int_equal(number_in(jailed, "NoNewPrivs:\t", 10), 1);
	assert_int_equal(number_in(jailed, "Seccomp:\t", 10), 2);
	assert_int_not_equal(number_in(jailed, "Uid:\t", 10), 0);
#ifndef SANITIZED
	assert_true(number_in(jailed, "VmRSS:", 10) < 3072);
	assert_true(number_in(keeper, "VmRSS:", 10) < 3072);
#endif
}

/* Configurations that cannot be */

static void expect_no_start(struct rig *rig, const char *why)
{
	struct machine_exit *end;

	launch(rig);
	assert_int_equal(monitor_exit_code(rig), 1);
	end = read_exit(rig);
	assert_int_equal(end->status, 125);
	if (!strstr(end->reason, why))
		fail_msg("\"%s\" is not in: %s", why, end->reason);
	msg_free(&machine_exit_type, end);
}

static void test_no_config(void **state)
{
	expect_no_start(*state, "config: No such file");
}

static void test_config_of_noise(void **state)
{
	struct rig *rig = *state;
	cleanup_free char *path = xasprintf("%s/config", rig->dir);

	assert_int_equal(file_write_atomic(path, "noise", 5, 0600, NULL), 0);
	expect_no_start(rig, "not a machine's configuration");
}

static void test_unknown_kind(void **state)
{
	write_config(*state, "good", "heavy");
	expect_no_start(*state, "no machine of kind heavy runs on engine host");
}

/* A monitor that reads those bytes from where the daemon writes secrets. */
static void expect_refused_secrets(struct rig *rig, const void *bytes, size_t n, const char *why)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(ends[1], bytes, n), 0);
	close(ends[1]);
	input = ends[0];
	n_secrets = ARRAY_SIZE(secrets);
	write_config(rig, "good", "light");
	expect_no_start(rig, why);
	n_secrets = 0;
	input = -1;
	close(ends[0]);
}

static void test_refused_secrets(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} cases[] = {
		{ "", 0, "secret \"word\" is expected on standard input, from atolld" },
		{ "\1\0", 2, "secret \"word\" is expected on standard input" },
		{ "\0\0\0\0", 4, "secret \"word\": 0 bytes, from 1 to 65536 expected" },
		{ "\1\0\1\0", 4, "secret \"word\": 65537 bytes, from 1 to 65536 expected" },
		{ "\377\377\377\377", 4, "bytes, from 1 to 65536 expected" },
		{ "\3\0\0\0ab", 6, "secret \"word\" is cut short" },
		{ "\2\0\0\0ab", 6, "secret \"key\" is expected on standard input" },
		{ "\2\0\0\0ab\377\377\0\0", 10, "secret \"key\": 65535 bytes, from 1 to 65534" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		expect_refused_secrets(*state, cases[i].bytes, cases[i].n, cases[i].why);
}

static int prepare(void **state)
{
	cleanup_free char *command = NULL;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	snprintf(federation, sizeof(federation), "test%d", (int)getpid());
	assert_non_null(mkdtemp(folder));
	command =
		xasprintf("cd %s && mkdir r && mkfs.erofs rootfs.erofs r >/dev/null 2>&1", folder);
	if (system(command) == 0)
		return 0;
	dir_remove(folder, NULL); /* without a setup, there is no teardown */
	return -1;
}

static int clean(void **state)
{
	(void)state;
	return dir_remove(folder, NULL);
}

#define MONITOR_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void test_needs_root(void **state)
{
	(void)state;
	print_message("skipped: a light machine needs root and mkfs.erofs\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MONITOR_TEST(test_life),
		MONITOR_TEST(test_application_ends),
		MONITOR_TEST(test_guest_fails),
		MONITOR_TEST(test_guest_goes_without_a_word),
		MONITOR_TEST(test_sigterm_stops),
		MONITOR_TEST(test_deaf_guest_is_killed),
		MONITOR_TEST(test_kill_now),
		MONITOR_TEST(test_garbage),
		MONITOR_TEST(test_malformed_state),
		MONITOR_TEST(test_backwards),
		MONITOR_TEST(test_wrong_request),
		MONITOR_TEST(test_console_flood),
		MONITOR_TEST(test_stream_counted_and_cut),
		MONITOR_TEST(test_stream_needs_a_question),
		MONITOR_TEST(test_config),
		MONITOR_TEST(test_link_refused),
		MONITOR_TEST(test_link_allowed),
		MONITOR_TEST(test_link_allowed_without_descriptor),
		MONITOR_TEST(test_request_survives_the_daemon),
		MONITOR_TEST(test_requests_are_bounded),
		MONITOR_TEST(test_new_daemon_replaces_the_old),
		MONITOR_TEST(test_bad_daemons_are_dropped),
		MONITOR_TEST(test_jailed_half_dies),
		MONITOR_TEST(test_keeper_dies),
		MONITOR_TEST(test_privileges_and_memory),
		MONITOR_TEST(test_no_config),
		MONITOR_TEST(test_config_of_noise),
		MONITOR_TEST(test_unknown_kind),
		MONITOR_TEST(test_refused_secrets),
	};
	const struct CMUnitTest none[] = { cmocka_unit_test(test_needs_root) };

	if (geteuid() != 0 || system("command -v mkfs.erofs >/dev/null") != 0)
		return cmocka_run_group_tests(none, NULL, NULL);
	return cmocka_run_group_tests(tests, prepare, clean);
}
