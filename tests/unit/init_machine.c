/* SPDX-License-Identifier: MIT */
#include "init_machine.h"

#include <errno.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"
#include "stream_msg.h"

#define WAIT_MS     10000
#define CONSOLE_MAX (1 << 20)

const char *machine_link, *machine_link_target;

/* The machine's side */

static void must(int r, const char *what)
{
	if (r < 0)
		die("%s: %m", what);
}

static void make_nodes(void)
{
	static const struct {
		const char *path;
		unsigned int minor;
	} nodes[] = { { "dev/null", 3 }, { "dev/zero", 5 }, { "dev/urandom", 9 } };

	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(1, nodes[i].minor)), "mknod");
		must(chmod(nodes[i].path, 0666), "chmod");
	}
	must(mkdir("dev/pts", 0755), "dev/pts");
	must(mount("devpts", "dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620"),
	     "devpts");
	must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
}

/* This system's files below a layer in memory, and pivot_root onto that. */
static void make_root(void)
{
	static const char *const tmpfs[] = { "dev", "run", "tmp" };
	static const char top[] = "/tmp"; /* a place to mount at, and nothing to clean up */

	must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	must(mount("layer", top, "tmpfs", 0, NULL), "tmpfs");
	must(chdir(top), top);
	must(mkdir("upper", 0755) | mkdir("work", 0755) | mkdir("root", 0755), "mkdir");
	must(mount("root", "root", "overlay", 0, "lowerdir=/,upperdir=upper,workdir=work"),
	     "overlay");
	must(chdir("root"), "root");
	for (size_t i = 0; i < ARRAY_SIZE(tmpfs); i++)
		must(mount("tmpfs", tmpfs[i], "tmpfs", 0, NULL), tmpfs[i]);
	must(mount("proc", "proc", "proc", 0, NULL), "proc");
	must(mount("sysfs", "sys", "sysfs", 0, NULL), "sys");
	make_nodes();
	if (machine_link)
		must(symlink(machine_link_target, machine_link), machine_link);
}

static void enter_root(void)
{
	must((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
}

static void copy_self(void)
{
	cleanup_fd int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	cleanup_fd int out = open("." HELPER_PATH, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	cleanup_buf struct buf all = BUF_INIT;

	must(fd_read_all(in, 64 << 20, &all), "self");
	must(fd_write_all(out, buf_bytes(&all), all.len), "helper");
}

/* A NIC whose other side nobody reads: enough to be configured. */
static void make_nic(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct ifreq tap = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	must(fd, "/dev/net/tun");
	must(ioctl(fd, TUNSETIFF, &tap), "TUNSETIFF");
	tap.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(tap.ifr_hwaddr.sa_data, "\x02\0\0\0\0\x07", 6);
	must(ioctl(fd, SIOCSIFHWADDR, &tap), "SIOCSIFHWADDR");
	/* It lives as long as the machine; below 4 are numbers that mean something. */
	must(fcntl(fd, F_DUPFD, 20), "F_DUPFD");
}

static char *init_path(void)
{
	const char *libexec = getenv("ATOLL_LIBEXEC");
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (libexec)
		return xasprintf("%s/atoll-init", libexec);
	exe[n < 0 ? 0 : n] = '\0';
	return xasprintf("%.*s/../../atoll-init", (int)(strrchr(exe, '/') - exe), exe);
}

static void run_init(int init, int wire, int console)
{
	static const char *const argv[] = { "atoll-init", "light", NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log_init("harness", LOG_LEVEL_INFO);
	make_nic();
	make_root();
	copy_self();
	enter_root();
	/* wire, init and console are above 3: machine_create sees to it */
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(console, 1);
	dup2(console, 2);
	dup2(wire, WIRE_LIGHT_FD);
	fexecve(init, (char **)(uintptr_t)argv, environ);
	die("atoll-init: %m");
}

/* A copy of fd beyond the numbers that mean something to atoll-init. */
static int high_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 20);

	close(fd);
	return high;
}

static pid_t start_init(int wire, int console)
{
	cleanup_free char *path = init_path();
	int init = high_fd(open(path, O_RDONLY | O_CLOEXEC));
	int ends[2];
	pid_t pid, middle;

	if (init < 0)
		fail_msg("%s: %s", path, strerror(errno));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	middle = fork();
	if (middle == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		must(unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC |
			     CLONE_NEWPID),
		     "unshare");
		pid = fork();
		if (pid == 0)
			run_init(init, wire, console);
		fd_write_all(ends[1], &pid, sizeof(pid));
		/* Its copy of the wire must not keep that open. */
		close_range(0, ~0U, 0);
		/* It waits for its child, whose status only it can have. */
		waitpid(pid, &init, 0);
		_exit(WIFEXITED(init) ? WEXITSTATUS(init) : 128 + WTERMSIG(init));
	}
	assert_int_equal(fd_read_exact(ends[0], &pid, sizeof(pid)), 0);
	close(ends[0]);
	close(ends[1]);
	close(init);
	return middle;
}

/* The monitor's side */

static void handle_console(int fd, uint32_t events, void *data)
{
	struct machine *m = data;
	ssize_t n = read(fd, buf_reserve(&m->console_text, 4096), 4096);

	(void)events;
	if (n <= 0)
		source_set_events(m->console_source, 0);
	else if (m->console_text.len < CONSOLE_MAX)
		buf_commit(&m->console_text, (size_t)n);
}

static void handle_state(struct stream *s, void *data)
{
	struct machine *m = data;
	struct wire_state *state;
	uint16_t type;

	while (stream_next_msg(s, &type) == 0) {
		assert_int_equal(type, WIRE_STATE);
		assert_int_equal(stream_take_msg(s, &wire_state_type, (void **)&state), 0);
		m->phases |= 1U << state->phase;
		m->status = state->status;
		if (state->message) {
			free(m->message);
			m->message = xstrdup(state->message);
		}
		msg_free(&wire_state_type, state);
	}
}

static void handle_control_close(struct stream *s, int reason, void *data)
{
	(void)s;
	(void)reason;
	((struct machine *)data)->control = NULL;
}

static void handle_echo(struct stream *s, void *data)
{
	size_t n;
	const uint8_t *p = stream_peek(s, &n);

	(void)data;
	stream_consume(s, stream_write(s, p, n));
}

static void handle_echo_eof(struct stream *s, void *data)
{
	(void)data;
	stream_close(s);
}

static void handle_link(struct stream *s, void *data)
{
	static const struct stream_ops echo = { .handle_readable = handle_echo,
						.handle_eof = handle_echo_eof };
	struct machine *m = data;
	struct wire_reply reply = { .code = (uint64_t)m->open_code };
	struct wire_open *open;
	uint16_t type;

	if (stream_next_msg(s, &type) < 0)
		return;
	assert_int_equal(stream_take_msg(s, &wire_open_type, (void **)&open), 0);
	free(m->opened);
	m->opened = xstrdup(open->link);
	msg_free(&wire_open_type, open);
	stream_send_msg(s, &wire_reply_type, &reply);
	if (m->open_code)
		stream_close(s);
	else
		stream_set_ops(s, &echo, m);
}

static void handle_open(struct mux *mux, struct stream *s, void *data)
{
	static const struct stream_ops ops = { .handle_readable = handle_link };

	(void)mux;
	stream_accept(s, &ops, data);
}

static void handle_end(struct mux *mux, int reason, void *data)
{
	struct machine *m = data;

	(void)reason;
	m->wire_ended = true;
	m->mux = NULL;
	mux_destroy(mux);
}

static void send_start(struct machine *m, struct guest_config *config,
		       const struct msg_records *secrets)
{
	static const struct stream_ops ops = { .handle_readable = handle_state,
					       .handle_close = handle_control_close };
	struct wire_start start = { .version = WIRE_VERSION };

	start.guest.items = config;
	start.guest.n = 1;
	if (secrets)
		start.secrets = *secrets;
	m->control = mux_open(m->mux, &ops, m);
	assert_int_equal(stream_send_msg(m->control, &wire_start_type, &start), 0);
}

struct machine *machine_create_with(struct guest_config *config, const struct msg_records *secrets)
{
	static const struct mux_ops ops = { .handle_open = handle_open, .handle_end = handle_end };
	struct machine *m = xcalloc(1, sizeof(*m));
	int wire[2], console[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire), 0);
	assert_int_equal(pipe2(console, O_CLOEXEC), 0);
	wire[1] = high_fd(wire[1]);
	console[1] = high_fd(console[1]);
	m->pid = start_init(wire[1], console[1]);
	close(wire[1]);
	close(console[1]);
	m->console = console[0];
	m->loop = loop_create();
	m->console_source = loop_add_fd(m->loop, m->console, EPOLLIN, handle_console, m);
	m->mux = mux_create(m->loop, wire[0], MUX_CLIENT, &ops, m);
	send_start(m, config, secrets);
	return m;
}

struct machine *machine_create(struct guest_config *config)
{
	return machine_create_with(config, NULL);
}

struct machine *machine_create_ready(struct guest_config *config)
{
	struct machine *m = machine_create(config);

	machine_wait_phase(m, PHASE_READY);
	return m;
}

int machine_wait_end(struct machine *m)
{
	int64_t end = clock_ms() + WAIT_MS;
	int status;

	while (waitpid(m->pid, &status, WNOHANG) == 0) {
		loop_step(m->loop, 5);
		if (clock_ms() > end) {
			kill(m->pid, SIGKILL);
			fail_msg("atoll-init does not end; console:\n%.*s",
				 (int)m->console_text.len, (char *)buf_bytes(&m->console_text));
		}
	}
	/* What was sent with its last breath. */
	machine_run_for(m, 20);
	m->pid = 0;
	/* What a sanitizer has to say. */
	if (memmem(buf_bytes(&m->console_text), m->console_text.len, "ERROR: ", 7))
		fail_msg("console:\n%.*s", (int)m->console_text.len,
			 (char *)buf_bytes(&m->console_text));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int machine_destroy(struct machine *m)
{
	int status = 0;

	mux_destroy(m->mux);
	m->mux = NULL;
	if (m->pid)
		status = machine_wait_end(m);
	loop_destroy(m->loop);
	close(m->console);
	buf_free(&m->console_text);
	free(m->message);
	free(m->opened);
	free(m);
	return status;
}

void machine_send_stop(struct machine *m, uint64_t grace)
{
	struct wire_stop stop = { .grace = grace };

	assert_int_equal(stream_send_msg(m->control, &wire_stop_type, &stop), 0);
}

bool machine_saw(const struct machine *m, enum wire_phase phase)
{
	return m->phases >> phase & 1;
}

static void step(struct machine *m, int64_t end, const char *what)
{
	if (clock_ms() > end)
		fail_msg("%s: not within %d ms; console:\n%.*s", what, WAIT_MS,
			 (int)m->console_text.len, (char *)buf_bytes(&m->console_text));
	loop_step(m->loop, 20);
}

void machine_wait(struct machine *m, const bool *flag, const char *what)
{
	int64_t end = clock_ms() + WAIT_MS;

	while (!*flag)
		step(m, end, what);
}

void machine_wait_phase(struct machine *m, enum wire_phase phase)
{
	int64_t end = clock_ms() + WAIT_MS;

	while (!machine_saw(m, phase))
		step(m, end, "phase");
}

void machine_run_for(struct machine *m, int64_t ms)
{
	int64_t end = clock_ms() + ms;

	while (clock_ms() < end)
		loop_step(m->loop, 5);
}

/* Calls */

static void take_reply(struct call *c)
{
	struct wire_reply *reply;
	uint16_t type;

	if (stream_next_msg(c->stream, &type) < 0)
		return;
	assert_int_equal(stream_take_msg(c->stream, &wire_reply_type, (void **)&reply), 0);
	c->replied = true;
	c->code = (int)reply->code;
	c->message = reply->message ? xstrdup(reply->message) : NULL;
	msg_free(&wire_reply_type, reply);
}

/* One frame, if all of it is there. */
static bool take_frame(struct call *c)
{
	size_t n, len;
	const uint8_t *p = stream_peek(c->stream, &n);
	uint32_t head, type;

	if (n < EXEC_FRAME_HEADER)
		return false;
	memcpy(&head, p, sizeof(head));
	head = le32toh(head);
	len = head & 0xffffff;
	type = head >> 24;
	assert_in_range(len, 0, EXEC_FRAME_MAX);
	if (n < EXEC_FRAME_HEADER + len)
		return false;
	assert_false(c->exited);
	assert_true(type == EXEC_STDOUT || type == EXEC_STDERR || type == EXEC_EXIT);
	p += EXEC_FRAME_HEADER;
	if (type == EXEC_EXIT) {
		c->exited = true;
		memcpy(&c->exit_code, p, sizeof(c->exit_code));
		c->exit_code = le32toh(c->exit_code);
	} else {
		buf_append(type == EXEC_STDOUT ? &c->out : &c->err, p, len);
	}
	stream_consume(c->stream, EXEC_FRAME_HEADER + len);
	return true;
}

static void handle_call_readable(struct stream *s, void *data)
{
	struct call *c = data;
	size_t n;
	const uint8_t *p;

	if (c->paused)
		return;
	if (!c->replied)
		take_reply(c);
	if (c->frames) {
		while (take_frame(c))
			continue;
		return;
	}
	p = stream_peek(s, &n);
	if (c->replied && n) {
		buf_append(&c->out, p, n);
		stream_consume(s, n);
	}
}

static void handle_call_eof(struct stream *s, void *data)
{
	((struct call *)data)->stream = NULL;
	stream_close(s);
}

static void handle_call_close(struct stream *s, int reason, void *data)
{
	(void)s;
	(void)reason;
	((struct call *)data)->stream = NULL;
}

static struct call *call(struct machine *m, const struct msg_type *type, const void *msg)
{
	static const struct stream_ops ops = {
		.handle_readable = handle_call_readable,
		.handle_eof = handle_call_eof,
		.handle_close = handle_call_close,
	};
	struct call *c = xcalloc(1, sizeof(*c));

	c->machine = m;
	c->frames = type == &wire_exec_type;
	c->stream = mux_open(m->mux, &ops, c);
	assert_non_null(c->stream);
	assert_int_equal(stream_send_msg(c->stream, type, msg), 0);
	machine_wait(m, &c->replied, "reply");
	return c;
}

struct call *call_exec(struct machine *m, struct wire_exec *x)
{
	return call(m, &wire_exec_type, x);
}

struct call *call_shell(struct machine *m, const char *command)
{
	cleanup_free char *copy = xstrdup(command);
	char sh[] = "sh", dash_c[] = "-c", *argv[] = { sh, dash_c, copy, NULL };
	struct wire_exec x = { .argv = argv };

	return call_exec(m, &x);
}

struct call *call_service(struct machine *m, const char *service)
{
	cleanup_free char *name = xstrdup(service);
	struct wire_service msg = { .service = name };

	return call(m, &wire_service_type, &msg);
}

struct call *call_config(struct machine *m, const char *service, const void *payload, size_t len)
{
	cleanup_free char *name = xstrdup(service);
	cleanup_free uint8_t *copy = xmemdup(payload, len);
	struct wire_config msg = { .service = name, .payload = { copy, len } };

	return call(m, &wire_config_type, &msg);
}

void call_frame(struct call *c, enum exec_frame type, const void *data, size_t len)
{
	uint32_t head = htole32((uint32_t)type << 24 | (uint32_t)len);

	assert_int_equal(stream_write(c->stream, &head, sizeof(head)), sizeof(head));
	assert_int_equal(stream_write(c->stream, data, len), len);
}

void call_wait_out(struct call *c, const char *text)
{
	int64_t end = clock_ms() + WAIT_MS;

	while (!c->out.len || !memmem(buf_bytes(&c->out), c->out.len, text, strlen(text)))
		step(c->machine, end, text);
}

void call_wait_exit(struct call *c)
{
	machine_wait(c->machine, &c->exited, "exit");
}

void call_resume(struct call *c)
{
	c->paused = false;
	if (c->stream)
		handle_call_readable(c->stream, c);
}

void call_free(struct call *c)
{
	if (c->stream && c->machine->mux)
		stream_reset(c->stream);
	buf_free(&c->out);
	buf_free(&c->err);
	free(c->message);
	free(c);
}

char *machine_output(struct machine *m, const char *command)
{
	struct call *c = call_shell(m, command);
	char *text;

	assert_int_equal(c->code, 0);
	if (c->stream) /* the command may have ended by the time that the reply is read */
		call_frame(c, EXEC_STDIN_END, NULL, 0);
	call_wait_exit(c);
	text = buf_steal_str(&c->out);
	if (*text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = '\0';
	call_free(c);
	return text;
}
