/* SPDX-License-Identifier: MIT */
/*
 * The control socket, with the test as its clients and as the machine: machine_* and vcpus_* are here.
 * KVM's statistics too, which are bytes in a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "abi_vmm.h"
#include "ask.h"
#include "control.h"
#include "fd.h"
#include "log.h"
#include "machine.h"
#include "mem.h"
#include "stats.h"
#include "str.h"

/* ---- The machine --------------------------------------------------------------------------------- */

static struct {
	unsigned int buttons;
	int stats; /* a file of them */
} fake;

void machine_pause(struct machine *m)
{
	m->paused = true;
}

void machine_resume(struct machine *m)
{
	m->paused = false;
}

void machine_press_button(struct machine *m)
{
	(void)m;
	fake.buttons++;
}

void machine_quit(struct machine *m, enum vmm_end end, const char *detail)
{
	m->end = end;
	snprintf(m->end_detail, sizeof(m->end_detail), "%s", detail);
}

void vcpus_exits(const struct vcpus *v, uint64_t ret_counts[VCPU_REASONS])
{
	(void)v;
	memset(ret_counts, 0, VCPU_REASONS * sizeof(*ret_counts));
	ret_counts[6] = 42;
	ret_counts[63] = 1;
}

const char *vcpu_reason_name(unsigned int reason)
{
	return reason == 6 ? "mmio" : NULL;
}

int vcpus_stats_fd(struct vcpus *v, unsigned int cpu)
{
	(void)v;
	(void)cpu;
	return fake.stats;
}

int64_t vcpus_entry_ns(const struct vcpus *v)
{
	(void)v;
	return 3000;
}

/* ---- KVM's statistics ---------------------------------------------------------------------------- */

/* A struct kvm_stats_desc and what stands behind it: its name. */
union one_stat {
	struct kvm_stats_desc desc;
	char bytes[sizeof(struct kvm_stats_desc) + 16];
};

struct stats_file {
	struct kvm_stats_header header;
	char id[16];
	union one_stat stats[3];
	uint64_t values[4];
};

static struct stats_file make_stats(void)
{
	struct stats_file f = {
		.header = { .name_size = 16,
			    .num_desc = 3,
			    .id_offset = offsetof(struct stats_file, id),
			    .desc_offset = offsetof(struct stats_file, stats),
			    .data_offset = offsetof(struct stats_file, values) },
		.values = { 7, 0, 0, 9 },
	};

	strcpy(f.stats[0].desc.name, "exits");
	f.stats[0].desc.size = 1;
	strcpy(f.stats[1].desc.name, "histogram");
	f.stats[1].desc.size = 2;
	f.stats[1].desc.flags = KVM_STATS_TYPE_LOG_HIST;
	f.stats[1].desc.offset = 8;
	strcpy(f.stats[2].desc.name, "halts");
	f.stats[2].desc.size = 1;
	f.stats[2].desc.offset = 24;
	return f;
}

static void sum(const char *name, uint64_t value, void *data)
{
	uint64_t *total = data;

	*total += value * (str_eq(name, "exits") ? 1 : str_eq(name, "halts") ? 100 : 10000);
}

static void test_stats(void **state)
{
	const struct stats_file good = make_stats();
	struct stats_file f = good;
	uint64_t total = 0;

	(void)state;
	assert_int_equal(stats_parse(&f, sizeof(f), sum, &total), 0);
	assert_int_equal(total, 907);
	/* Cut anywhere, it is told from a whole one, and nothing behind it is read. */
	for (size_t len = 0; len < sizeof(f); len++) {
		cleanup_free void *cut = xmemdup(&f, len + 1);

		cut = xreallocarray(cut, len ? len : 1, 1);
		assert_int_equal(stats_parse(cut, len, sum, &total), -EBADMSG);
	}
	f.header.num_desc = UINT32_MAX;
	assert_int_equal(stats_parse(&f, sizeof(f), sum, &total), -EBADMSG);
	f = good;
	f.header.name_size = UINT32_MAX;
	assert_int_equal(stats_parse(&f, sizeof(f), sum, &total), -EBADMSG);
	f = good;
	f.header.data_offset = UINT32_MAX;
	f.stats[0].desc.offset = UINT32_MAX;
	assert_int_equal(stats_parse(&f, sizeof(f), sum, &total), -EBADMSG);
}

/* ---- Clients ------------------------------------------------------------------------------------- */

struct rig {
	struct options options;
	struct machine m;
	struct control *control;
	char path[64];
};

static int setup(void **state)
{
	static struct rig rig;
	const struct stats_file f = make_stats();
	int fd;

	rig = (struct rig){ 0 };
	log_init("test", LOG_LEVEL_ERROR);
	options_init(&rig.options);
	rig.options.cpus = 2;
	rig.m.options = &rig.options;
	rig.m.loop = loop_create();
	rig.m.vm.fd = -1;
	rig.m.launch_ns = 1000;
	rig.m.kvm_ns = 2000;
	rig.m.platform.stamps[4] = 4000;
	fake.buttons = 0;
	fake.stats = memfd_create("stats", MFD_CLOEXEC);
	assert_int_equal(fd_write_all(fake.stats, &f, sizeof(f)), 0);
	snprintf(rig.path, sizeof(rig.path), "/tmp/test_vmm_control.%d", (int)getpid());
	assert_int_equal(unix_listen(rig.path, SOCK_SEQPACKET, 0600, &fd, NULL), 0);
	assert_int_equal(control_create(&rig.m, fd, false, &rig.control, NULL), 0);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;

	control_destroy(rig->control);
	loop_destroy(rig->m.loop);
	fd_close(&fake.stats);
	unlink(rig->path);
	return 0;
}

static void run(struct rig *rig)
{
	for (int i = 0; i < 8; i++)
		loop_step(rig->m.loop, 0);
}

static int connect_client(struct rig *rig)
{
	int fd;

	assert_int_equal(unix_connect(rig->path, SOCK_SEQPACKET, &fd, NULL), 0);
	fd_set_nonblock(fd, true);
	run(rig);
	return fd;
}

static void *receive(int fd, const struct msg_type *type)
{
	static uint8_t bytes[65536];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	void *msg;

	assert_true(n > 0);
	assert_int_equal(msg_decode(type, bytes, (size_t)n, &msg), 0);
	return msg;
}

static void ask(struct rig *rig, int fd, uint64_t verb, uint64_t value)
{
	const struct vmm_request request = { 77, verb, value };
	cleanup_buf struct buf bytes = BUF_INIT;

	assert_int_equal(msg_encode(&vmm_request_type, &request, &bytes), 0);
	assert_true(send(fd, buf_bytes(&bytes), bytes.len, 0) > 0);
	run(rig);
}

static void expect(struct rig *rig, int fd, uint64_t verb, uint64_t value, uint64_t code,
		   const char *message)
{
	struct vmm_result *result;

	ask(rig, fd, verb, value);
	result = receive(fd, &vmm_result_type);
	assert_int_equal(result->id, 77);
	assert_int_equal(result->code, code);
	assert_string_equal(result->message ? result->message : "", message);
	msg_free(&vmm_result_type, result);
}

static bool is_gone(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void test_requests(void **state)
{
	struct rig *rig = *state;
	cleanup_fd int fd = connect_client(rig);

	expect(rig, fd, VMM_PAUSE, 0, 0, "");
	assert_true(rig->m.paused);
	expect(rig, fd, VMM_RESUME, 0, 0, "");
	assert_false(rig->m.paused);
	expect(rig, fd, VMM_POWER_BUTTON, 0, 0, "");
	assert_int_equal(fake.buttons, 1);
	expect(rig, fd, VMM_BALLOON, 1 << 20, ENODEV, "the machine has no balloon");
	expect(rig, fd, 0, 0, EOPNOTSUPP, "unknown request 0");
	expect(rig, fd, 1000, 0, EOPNOTSUPP, "unknown request 1000");
	assert_int_equal(rig->m.end, 0);
	expect(rig, fd, VMM_KILL, 0, 0, "");
	assert_int_equal(rig->m.end, VMM_KILLED);
}

static void test_stop(void **state)
{
	struct rig *rig = *state;
	cleanup_fd int fd = connect_client(rig);

	expect(rig, fd, VMM_STOP, UINT64_MAX, ERANGE, "more than a day of grace");
	rig->m.paused = true;
	expect(rig, fd, VMM_STOP, 30, 0, "");
	assert_false(rig->m.paused);
	assert_int_equal(fake.buttons, 1);
	assert_int_equal(rig->m.end, 0);
	for (int i = 0; i < 10 && !rig->m.end; i++)
		loop_step(rig->m.loop, 20);
	assert_int_equal(rig->m.end, VMM_KILLED);
	assert_string_equal(rig->m.end_detail, "it did not power off in time");
}

static void test_statistics(void **state)
{
	struct rig *rig = *state;
	cleanup_fd int fd = connect_client(rig);
	struct vmm_statistics *s;
	struct vmm_times *times;
	struct vmm_count *counts;

	ask(rig, fd, VMM_COUNTERS, 0);
	s = receive(fd, &vmm_statistics_type);
	assert_int_equal(s->id, 77);
	assert_int_equal(s->times.n, 1);
	times = s->times.items;
	assert_int_equal(times->launch, 1000);
	assert_int_equal(times->kvm, 2000);
	assert_int_equal(times->entry, 3000);
	assert_int_equal(strv_len(times->stamps), 1);
	assert_string_equal(times->stamps[0], "4 4000");
	assert_int_equal(s->exits.n, 2);
	counts = s->exits.items;
	assert_string_equal(counts[0].name, "mmio");
	assert_int_equal(counts[0].count, 42);
	assert_string_equal(counts[1].name, "exit 63");
	assert_int_equal(s->kvm.n, 2);
	counts = s->kvm.items;
	assert_string_equal(counts[0].name, "exits");
	assert_int_equal(counts[0].count, 14); /* of two processors */
	assert_string_equal(counts[1].name, "halts");
	assert_int_equal(counts[1].count, 18);
	msg_free(&vmm_statistics_type, s);
}

static void test_times_alone(void **state)
{
	struct rig *rig = *state;
	cleanup_fd int fd = connect_client(rig);
	struct vmm_statistics *s;

	ask(rig, fd, VMM_TIMES, 0);
	s = receive(fd, &vmm_statistics_type);
	assert_int_equal(s->id, 77);
	assert_int_equal(s->times.n, 1);
	assert_int_equal(((struct vmm_times *)s->times.items)->entry, 3000);
	assert_int_equal(s->exits.n + s->kvm.n + s->devices.n, 0);
	msg_free(&vmm_statistics_type, s);
}

/* It loses its connection; the others and the machine do not notice. */
static void test_malformed(void **state)
{
	static const uint8_t junk[][16] = { { 1 }, { 1, 0, 0, 0, 255, 255, 255, 255 }, { 99 } };
	static uint8_t large[8192];
	struct rig *rig = *state;
	cleanup_fd int other = connect_client(rig);

	for (size_t i = 0; i <= ARRAY_SIZE(junk); i++) {
		cleanup_fd int fd = connect_client(rig);

		if (i < ARRAY_SIZE(junk))
			assert_int_equal(send(fd, junk[i], sizeof(junk[i]), 0), sizeof(junk[i]));
		else
			assert_int_equal(send(fd, large, sizeof(large), 0), sizeof(large));
		run(rig);
		assert_true(is_gone(fd));
	}
	expect(rig, other, VMM_PAUSE, 0, 0, "");
}

/* ---- "atoll-vmm ask", in a child ----------------------------------------------------------------- */

static int run_ask(struct rig *rig, const char *const *words, char *ret_text, size_t size)
{
	char *argv[8] = { (char[]){ "ask" }, rig->path };
	int argc = 2, fds[2], status;
	size_t got = 0;
	pid_t pid;

	while (words[argc - 2])
		argv[argc] = xstrdup(words[argc - 2]), argc++;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		status = ask_main(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	close(fds[1]);
	fd_set_nonblock(fds[0], true);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		loop_step(rig->m.loop, 5);
		if (rig->m.end)
			control_announce_end(rig->control);
	}
	for (ssize_t n; got + 1 < size && (n = read(fds[0], ret_text + got, size - 1 - got)) > 0;)
		got += (size_t)n;
	ret_text[got] = '\0';
	close(fds[0]);
	for (int i = 2; i < argc; i++)
		free(argv[i]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define ASK(...) run_ask(rig, (const char *const[]){ __VA_ARGS__, NULL }, text, sizeof(text))

/* ---- Several clients ----------------------------------------------------------------------------- */

static void test_many_clients(void **state)
{
	struct rig *rig = *state;
	int fds[VMM_SOCKET_CLIENTS + 1];
	struct vmm_result *refused;
	char text[1024];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = connect_client(rig);
	refused = receive(fds[VMM_SOCKET_CLIENTS], &vmm_result_type);
	assert_int_equal(refused->code, EBUSY);
	msg_free(&vmm_result_type, refused);
	assert_true(is_gone(fds[VMM_SOCKET_CLIENTS]));
	/* However soon it comes. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(ASK("stats"), 125);
		assert_non_null(strstr(text, "it has 8 clients, as many as it takes\n"));
	}
	fd_close(&fds[0]);
	run(rig);
	fd_close(&fds[VMM_SOCKET_CLIENTS]);
	fds[0] = connect_client(rig); /* its place is free again */
	expect(rig, fds[0], VMM_PAUSE, 0, 0, "");
	machine_quit(&rig->m, VMM_POWERED_OFF, "the guest powered off");
	control_announce_end(rig->control);
	for (size_t i = 0; i < VMM_SOCKET_CLIENTS; i++) {
		struct vmm_ended *ended = receive(fds[i], &vmm_ended_type);

		assert_int_equal(ended->end, VMM_POWERED_OFF);
		assert_string_equal(ended->detail, "the guest powered off");
		msg_free(&vmm_ended_type, ended);
		fd_close(&fds[i]);
	}
}

/* One that asks and does not read is dropped, and nothing waits for it. */
static void test_deaf_client(void **state)
{
	struct rig *rig = *state;
	cleanup_fd int fd = connect_client(rig);
	cleanup_buf struct buf bytes = BUF_INIT;
	const struct vmm_request request = { 1, VMM_COUNTERS, 0 };
	bool gone = false;

	assert_int_equal(msg_encode(&vmm_request_type, &request, &bytes), 0);
	for (int i = 0; i < 10000 && !gone; i++) {
		gone = send(fd, buf_bytes(&bytes), bytes.len, MSG_NOSIGNAL) < 0 && errno == EPIPE;
		loop_step(rig->m.loop, 0);
	}
	assert_true(gone);
}

static void test_connected(void **state)
{
	struct rig *rig = *state;
	struct control *c;
	struct err *err = NULL;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(control_create(&rig->m, fds[0], true, &c, NULL), 0);
	expect(rig, fds[1], VMM_PAUSE, 0, 0, "");
	control_destroy(c);
	assert_true(is_gone(fds[1]));
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(control_create(&rig->m, fds[0], true, &c, &err), -EINVAL);
	assert_string_equal(err_msg(err), "--control: it is not a socket of packets");
	err_free(err);
	close(fds[1]);
}

static void test_ask(void **state)
{
	struct virtio nic = { .name = "net0", .counters = { .throttled = 2, .dropped = 3 } };
	struct rig *rig = *state;
	char text[8192];

	assert_int_equal(ASK("pause"), 0);
	assert_string_equal(text, "");
	assert_true(rig->m.paused);
	assert_int_equal(ASK("stats"), 0);
	assert_non_null(strstr(text, "paused\n"));
	assert_non_null(strstr(text, "timestamp 4"));
	assert_int_equal(ASK("stats", "--format", "json"), 0);
	assert_string_equal(text,
			    "{\"paused\":true,\"balloon\":0,\"launch_ns\":1000,\"kvm_ns\":2000,"
			    "\"entry_ns\":3000,\"timestamps\":{\"4\":4000},"
			    "\"exits\":{\"mmio\":42,\"exit 63\":1},"
			    "\"kvm\":{\"exits\":14,\"halts\":18},\"devices\":{}}\n");
	rig->m.devices[rig->m.n_devices++] = &nic;
	assert_int_equal(ASK("stats", "--format=json"), 0);
	assert_non_null(strstr(text, "\"devices\":{\"net0\":{\"notifications\":0,"));
	assert_non_null(strstr(text, "\"out_bytes\":0,\"throttled\":2,\"dropped\":3}}}\n"));
	rig->m.n_devices = 0;
	assert_int_equal(ASK("balloon", "1M"), 125);
	assert_non_null(strstr(text, "the machine has no balloon\n"));
	assert_int_equal(ASK("puase"), 2);
	assert_non_null(strstr(text, "unknown command \"puase\"; did you mean \"pause\"?\n"));
	assert_int_equal(ASK("stop", "soon"), 2);
	assert_non_null(strstr(text, "ask SOCKET stop [SECONDS]\n"));
	assert_int_equal(ASK("stats", "--format"), 2);
	assert_int_equal(ASK("balloon"), 2);
	assert_int_equal(ASK("kill"), 0);
	assert_string_equal(text, "killed by request\n");
	strcat(rig->path, "x");
	assert_int_equal(ASK("pause"), 125);
	assert_non_null(strstr(text, "x: No such file or directory\n"));
	rig->path[strlen(rig->path) - 1] = '\0';
}

#define WITH_RIG(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stats), WITH_RIG(test_requests),    WITH_RIG(test_stop),
		WITH_RIG(test_statistics),    WITH_RIG(test_times_alone), WITH_RIG(test_malformed),
		WITH_RIG(test_many_clients),  WITH_RIG(test_deaf_client), WITH_RIG(test_connected),
		WITH_RIG(test_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
