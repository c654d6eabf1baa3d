/* SPDX-License-Identifier: MIT */
/*
 * Owns nothing but the way of struct machine through its life.
 *
 * Theory of operation
 *
 * A machine is alive as long as its monitor is: as long as a child of ours was not reaped or, for
 * one that an earlier daemon started, as long as DIR/lock is held. The connection to the monitor
 * comes and goes below that: `attach` is a timer that connects again until it succeeds or the
 * monitor is dead; then the file DIR/exit, the monitor's last act, tells how it ended. Without one
 * the last line of DIR/monitor.log does.
 *
 *	STOPPED/FAILED --machine_start--> STARTING --(CONTROL_STATE)--> RUNNING --> READY
 *	      ^                              |  `-- limit: not READY in time: machine_stop
 *	      `--------- monitor gone -------+<---- STOPPING <--machine_stop--'
 */
#include "machine.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "broker.h"
#include "children.h"
#include "control.h"
#include "counts.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "nets.h"
#include "paths.h"
#include "str.h"

#define ATTACH_EVERY     10    /* ms between two tries to connect */
#define ATTACH_LIMIT     15000 /* ms until a monitor that does not listen is given up */
#define STOP_SLACK       5000  /* ms beyond the grace before the next harder step */
#define LOG_TAIL         4096  /* bytes of a log that are looked at for its last lines */
#define START_LIMIT_HOST 30000
#define START_LIMIT_KVM  60000
#define START_LIMIT_TCG  180000

static void changed(struct machine *m, enum life life)
{
	if (m->life != life)
		log_debug("%s/%s: %s", m->fed->name, m->name, life_name(life));
	m->life = life;
	daemon_machine_changed(m);
}

/* From the file, else by what the engine makes of a usual machine. */
static int64_t start_limit(const struct machine *m)
{
	const struct federation *file = m->fed->spec;
	const struct fed_machine *spec = file ? federation_machine(file, m->name) : NULL;

	if (spec && spec->start_timeout)
		return (int64_t)spec->start_timeout * 1000;
	if (str_eq(m->config->engine, "tcg"))
		return START_LIMIT_TCG;
	return str_eq(m->config->engine, "kvm") ? START_LIMIT_KVM : START_LIMIT_HOST;
}

static char *in_dir(const struct machine *m, const char *name)
{
	return xasprintf("%s/%s", m->dir, name);
}

bool machine_locked(const struct machine *m)
{
	cleanup_free char *path = in_dir(m, "lock");
	cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

char *machine_lock_owner(const struct machine *m)
{
	cleanup_free char *path = in_dir(m, "lock");
	cleanup_buf struct buf text = BUF_INIT;
	uint64_t pid;

	if (file_read(path, 32, &text, NULL) < 0)
		return xstrdup("unknown");
	buf_append(&text, "", 1);
	buf_bytes(&text)[strcspn((char *)buf_bytes(&text), "\n")] = '\0';
	if (str_to_u64((char *)buf_bytes(&text), INT32_MAX, &pid) < 0)
		return xstrdup("unknown");
	return xstrdup((char *)buf_bytes(&text));
}

/* Makes a line of foreign text fit for an error message. */
static void make_printable(char *s)
{
	for (; *s; s++)
		if (iscntrl((unsigned char)*s))
			*s = ' ';
}

char *machine_last_lines(const struct machine *m, const char *file, unsigned int lines)
{
	cleanup_free char *path = in_dir(m, file);
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *tail = xcalloc(1, LOG_TAIL + 1);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n =
		size <= 0 ? 0 : pread(fd, tail, LOG_TAIL, size > LOG_TAIL ? size - LOG_TAIL : 0);
	char *text = NULL;

	while (n > 0 && lines > 0) {
		char *line, *newline;

		while (n > 0 && isspace((unsigned char)tail[n - 1]))
			tail[--n] = '\0';
		newline = memrchr(tail, '\n', (size_t)n);
		line = newline ? newline + 1 : tail;
		make_printable(line);
		if (*line) {
			char *joined = text ? xasprintf("%s | %s", line, text) : xstrdup(line);

			free(text);
			text = joined;
			lines--;
		}
		n = newline ? newline - tail : 0;
		tail[n] = '\0';
	}
	return text;
}

/* The end */

static void read_exit(struct machine *m)
{
	cleanup_free char *path = in_dir(m, "exit");
	cleanup_buf struct buf bytes = BUF_INIT;
	void *msg = NULL;

	msg_free(&machine_exit_type, m->exit);
	m->exit = NULL;
	if (file_read(path, MSG_MAX, &bytes, NULL) < 0)
		return;
	if (msg_decode(&machine_exit_type, buf_bytes(&bytes), bytes.len, &msg) < 0) {
		log_warn("%s: not an exit file", path);
		return;
	}
	m->exit = msg;
}

static void fold_counts(struct machine *m)
{
	cleanup_err struct err *err = NULL;

	for (struct link *k = m->fed->links; k; k = k->next) {
		if (!str_eq(k->from, m->name))
			continue;
		link_fold(k);
		if (link_save(k, &err) < 0)
			log_warn("%s/%s: its counts were not written: %s", m->fed->name, k->id,
				 err_msg(err));
	}
}

/* How a machine without a monitor has ended. */
static enum life judge(struct machine *m)
{
	cleanup_free char *line = NULL;

	read_exit(m);
	if (m->failure) {
		set_string(&m->message, m->failure);
		return LIFE_FAILED;
	}
	if (m->exit) {
		set_string(&m->message, m->exit->reason);
		return m->exit->requested || m->exit->status == 0 ? LIFE_STOPPED : LIFE_FAILED;
	}
	line = machine_last_lines(m, "monitor.log", 1);
	set_string(&m->message, line ? line : "its monitor ended without a word");
	return m->stop_asked ? LIFE_STOPPED : LIFE_FAILED;
}

static void gone(struct machine *m)
{
	enum life life = judge(m);

	source_clear(m->attach);
	source_clear(m->limit);
	m->monitor = 0;
	m->pid = 0;
	m->memory = 0;
	m->stop_asked = false;
	free(steal_ptr(m->failure));
	fold_counts(m);
	changed(m, life);
}

static void handle_reaped(pid_t pid, int status, void *data)
{
	struct machine *m = data;

	(void)pid;
	log_debug("%s/%s: monitor: %s", m->fed->name, m->name, child_status(status));
	m->monitor = 0;
	if (!m->control)
		gone(m);
	/* else the connection's end follows, behind the messages that are still in it */
}

/* The connection */

static void handle_end(int reason, void *data)
{
	struct machine *m = data;

	(void)reason;
	control_destroy(steal_ptr(m->control));
	nets_machine_left(m);
	m->attach_deadline = clock_ms() + ATTACH_LIMIT;
	source_arm(m->attach, 0);
}

static void handle_state(const struct control_state *state, void *data)
{
	static const enum life lives[] = {
		[MACHINE_STARTING] = LIFE_STARTING, [MACHINE_RUNNING] = LIFE_RUNNING,
		[MACHINE_READY] = LIFE_READY,       [MACHINE_STOPPING] = LIFE_STOPPING,
		[MACHINE_EXITED] = LIFE_STOPPING,
	};
	struct machine *m = data;

	if (state->state == 0 || state->state >= ARRAY_SIZE(lives))
		return;
	m->pid = (pid_t)state->pid;
	if (state->times.n)
		m->times = *(const struct control_times *)state->times.items;
	set_string(&m->message, state->message && *state->message ? state->message : NULL);
	if (state->state == MACHINE_READY && m->limit && !m->stop_asked)
		source_arm(m->limit, -1);
	changed(m, m->stop_asked ? LIFE_STOPPING : lives[state->state]);
}

static void handle_request(const struct control_request *request, void *data)
{
	broker_handle(data, request);
}

static void take_count(struct machine *m, const struct control_link_count *count)
{
	struct link *k = count->link ? fed_find_link(m->fed, count->link) : NULL;
	struct ledger_counts now = { .streams = count->streams,
				     .tx_bytes = count->tx_bytes,
				     .rx_bytes = count->rx_bytes,
				     .tx_frames = count->tx_frames,
				     .rx_frames = count->rx_frames,
				     .dropped = count->dropped };

	if (!k || !str_eq(k->from, m->name))
		return;
	if (memcmp(&k->life, &now, sizeof(now)) != 0)
		k->counted = true;
	k->life = now;
	k->open = count->open;
}

static void handle_counters(const struct control_counters *counters, void *data)
{
	struct machine *m = data;

	m->memory = counters->memory;
	m->cpu = counters->cpu;
	MSG_EACH (const struct control_link_count, count, &counters->links)
		take_count(m, count);
	counts_came(m->fed->daemon->counts);
}

static const struct control_ops control_ops = {
	.handle_state = handle_state,
	.handle_request = handle_request,
	.handle_counters = handle_counters,
	.handle_end = handle_end,
};

static bool monitor_lives(const struct machine *m)
{
	return m->monitor || machine_locked(m);
}

static void give_up(struct machine *m)
{
	set_string(&m->failure, "its monitor does not answer on its control socket");
	log_warn("%s/%s: %s", m->fed->name, m->name, m->failure);
	if (m->monitor) {
		kill(m->monitor, SIGKILL);
		return; /* reaped, then gone */
	}
	gone(m);
}

static void handle_attach(void *data)
{
	struct machine *m = data;
	cleanup_free char *path = in_dir(m, "control");

	if (m->control)
		return;
	if (control_connect(m->fed->daemon->loop, path, &control_ops, m, &m->control) == 0) {
		if (m->stop_asked)
			control_stop(m->control, m->stop_grace);
		changed(m, m->life);
	} else if (!monitor_lives(m)) {
		gone(m);
	} else if (clock_ms() >= m->attach_deadline) {
		give_up(m);
	} else {
		source_arm(m->attach, ATTACH_EVERY);
	}
}

/* Starting */

static void handle_limit(void *data);

static void follow(struct machine *m)
{
	struct loop *loop = m->fed->daemon->loop;

	m->attach = loop_add_timer(loop, handle_attach, m);
	m->attach_deadline = clock_ms() + ATTACH_LIMIT;
	m->limit = loop_add_timer(loop, handle_limit, m);
	source_arm(m->limit, start_limit(m));
}

static int write_config(struct machine *m, struct err **err)
{
	cleanup_free char *path = in_dir(m, "config");
	cleanup_buf struct buf bytes = BUF_INIT;

	if (msg_encode(&machine_config_type, m->config, &bytes) < 0)
		return err_set(err, EINVAL, "its configuration is out of bounds");
	return file_write_atomic(path, buf_bytes(&bytes), bytes.len, 0600, err);
}

static int spawn(struct machine *m, int secrets, struct err **err)
{
	cleanup_free char *program = paths_program("atoll-monitor");
	cleanup_free char *log = in_dir(m, "monitor.log");
	cleanup_fd int output =
		open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	char *argv[] = { program, m->dir, NULL };

	if (output < 0)
		return err_set_errno(err, errno, "%s", log);
	return children_spawn(m->fed->daemon->children, argv, secrets, output, handle_reaped, m,
			      &m->monitor, err);
}

/* What an earlier life left would be taken for this one's. */
static void clear_dir(struct machine *m)
{
	static const char *const files[] = { "exit", "control" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *path = in_dir(m, files[i]);

		unlink(path);
	}
	msg_free(&machine_exit_type, m->exit);
	m->exit = NULL;
	free(steal_ptr(m->message));
	free(steal_ptr(m->failure));
	m->times = (struct control_times){ 0 };
	m->stop_asked = false;
}

int machine_start(struct machine *m, struct machine_config *config, int secrets, struct err **err)
{
	struct timespec now;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	msg_free(&machine_config_type, m->config);
	m->config = config;
	m->wanted = true;
	m->started = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (machine_locked(m)) {
		cleanup_free char *owner = machine_lock_owner(m);

		return err_set(
			err, EBUSY,
			"a monitor that this daemon does not know (process %s) owns %s; end it "
			"(kill %s) and try again",
			owner, m->dir, owner);
	}
	r = dir_make(m->dir, 0700, err);
	if (r == 0)
		r = machine_save(m, err);
	if (r < 0)
		return r;
	clear_dir(m);
	r = write_config(m, err);
	if (r == 0)
		r = spawn(m, secrets, err);
	if (r < 0)
		return r;
	follow(m);
	source_arm(m->attach, 1);
	changed(m, LIFE_STARTING);
	return 0;
}

void machine_adopt(struct machine *m)
{
	if (!m->config || !machine_locked(m)) {
		m->life = m->config ? judge(m) : LIFE_STOPPED;
		if (m->life == LIFE_FAILED && !m->exit)
			m->life = LIFE_STOPPED; /* never started, or the host went down with it */
		fold_counts(m);
		return;
	}
	m->life = LIFE_STARTING; /* until its monitor says more */
	follow(m);
	handle_attach(m);
}

/* Ending */

/* What a start that took too long waited for: whoever reads it looks there first. */
static const char *awaited(const struct control_times *times)
{
	if (times->started)
		return "its application was started, but not all that it provides accepts "
		       "connections";
	if (times->prepared)
		return "its links were not up";
	if (times->agent)
		return "what comes before its application was not done: mounts, modules, prepare";
	if (times->guest)
		return "its guest was made, but atoll-init in it did not speak";
	return "its guest is not known to have been made";
}

static void handle_limit(void *data)
{
	struct machine *m = data;
	cleanup_free char *tail = NULL;

	if (m->stop_asked) {
		if (m->control && m->stop_grace) {
			machine_stop(m, 0);
			return;
		}
		log_warn("%s/%s: it does not end; its monitor is killed", m->fed->name, m->name);
		if (m->monitor)
			kill(m->monitor, SIGKILL);
		return;
	}
	tail = machine_last_lines(m, "console.log", 3);
	free(m->failure);
	m->failure = xasprintf("not ready within %lld s: %s; its console's last lines: %s",
			       (long long)start_limit(m) / 1000, awaited(&m->times),
			       tail ? tail : "(nothing)");
	machine_stop(m, 2000);
}

void machine_stop(struct machine *m, int64_t grace_ms)
{
	if (!machine_alive(m))
		return;
	m->stop_asked = true;
	m->stop_grace = grace_ms;
	if (m->control) {
		control_count(m->control); /* its last counts, while it has them */
		control_stop(m->control, grace_ms);
	}
	source_arm(m->limit, grace_ms + STOP_SLACK);
	changed(m, LIFE_STOPPING);
}
