/* SPDX-License-Identifier: MIT */
/*
 * Owns the guest's process, passt's, and the files of the machine's folder. Reads no byte of guest
 * or daemon.
 *
 * Theory of operation
 *
 * keeper_run goes through: acquire (config, files, control socket, ids, guest, jailed half), give up
 * privileges, loop. The loop ends when the guest is gone and the jailed half has said how, or did
 * not say it in time, or died: then its end is the machine's, and the guest is killed. The exit
 * file is written in every case.
 */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "fd.h"
#include "halves.h"
#include "isolate.h"
#include "kind.h"
#include "log.h"
#include "loop.h"
#include "machine.h"
#include "mem.h"
#include "passt.h"
#include "process.h"
#include "secrets.h"
#include "str.h"
#include "userns.h"

#define CONFIG_MAX    (1 << 20)
#define REPORT_MS     5000 /* for the jailed half to say how a guest ended that is gone */
#define KILL_MS       5000 /* between attempts to kill a guest without a jailed half */
#define FAREWELL_MS   1000 /* for the jailed half to end after its machine */
#define FAILED_STATUS 125

/* passt of one uplink NIC. */
struct uplink {
	struct keeper *keeper;
	size_t index; /* in config->nics */
	struct passt *passt;
};

struct keeper {
	const char *dir;
	struct machine_config *config;
	const struct kind_ops *ops;
	struct guest guest;
	struct loop *loop;
	struct process jailed;
	int half;
	struct source *half_source;
	struct source *guest_source;
	struct source *timer;
	struct uplink uplinks[GUEST_MAX_NICS];
	bool gone;     /* the guest is, and was reaped */
	bool reported; /* `end` is complete */
	struct machine_exit end;
	char reason[HALF_TEXT_MAX];
};

/* The folder */

static char *in_folder(const struct keeper *k, const char *name)
{
	return xasprintf("%s/%s", k->dir, name);
}

static int read_config(struct keeper *k, struct err **err)
{
	cleanup_free char *path = in_folder(k, "config");
	cleanup_buf struct buf bytes = BUF_INIT;
	void *config;
	int r = file_read(path, CONFIG_MAX, &bytes, err);

	if (r < 0)
		return r;
	r = msg_decode(&machine_config_type, buf_bytes(&bytes), bytes.len, &config);
	if (r < 0)
		return err_set(err, EBADMSG, "%s: not a machine's configuration", path);
	k->config = config;
	if (k->config->guest.n != 1)
		return err_set(err, EINVAL, "%s: has %zu guest configurations instead of one", path,
			       k->config->guest.n);
	if (k->config->nics.n > GUEST_MAX_NICS)
		return err_set(err, E2BIG, "%s: %zu network interfaces, at most %d are possible",
			       path, k->config->nics.n, GUEST_MAX_NICS);
	k->ops = kind_find(k->config->kind, k->config->engine);
	if (!k->ops)
		return err_set(err, EINVAL, "%s: no machine of kind %s runs on engine %s", path,
			       k->config->kind ? k->config->kind : "(none)",
			       k->config->engine ? k->config->engine : "(none)");
	return 0;
}

/* One line of truth about the end, for whoever asks later; it replaces the last life's. */
static int write_exit(struct keeper *k, struct err **err)
{
	cleanup_free char *path = in_folder(k, "exit");
	cleanup_buf struct buf bytes = BUF_INIT;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	k->end.time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	k->end.reason = k->reason;
	msg_encode(&machine_exit_type, &k->end, &bytes);
	return file_write_atomic(path, buf_bytes(&bytes), bytes.len, 0600, err);
}

static void set_end(struct keeper *k, uint64_t status, bool requested, const char *reason)
{
	if (k->reported)
		return;
	k->reported = true;
	k->end.status = status;
	k->end.requested = requested;
	snprintf(k->reason, sizeof(k->reason), "%s", reason);
}

/* The console of this life; the last life's becomes the old one. */
static int open_console_log(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	cleanup_free char *path = in_folder(k, "console.log");
	cleanup_free char *old = in_folder(k, "console.log.1");
	const int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;

	/* Removed first: a rename over a file makes some file systems write out the new one. */
	unlink(old);
	if (rename(path, old) < 0 && errno != ENOENT)
		return err_set_errno(err, errno, "%s", path);
	setup->log = open(path, flags | O_TRUNC, 0600);
	if (setup->log < 0)
		return err_set_errno(err, errno, "%s", path);
	setup->old_log = open(old, flags, 0600);
	return setup->old_log < 0 ? err_set_errno(err, errno, "%s", old) : 0;
}

static int prepare_folder(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	cleanup_free char *control = in_folder(k, "control");
	cleanup_free char *end = in_folder(k, "exit");
	int r = open_console_log(k, setup, err);

	if (r < 0)
		return r;
	if (unlink(end) < 0 && errno != ENOENT)
		return err_set_errno(err, errno, "%s", end);
	return unix_listen(control, SOCK_SEQPACKET, 0600, &setup->listening, err);
}

/* The guest */

static int start_guest(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	int r;

	k->guest.config = k->config;
	k->guest.dir = k->dir;
	k->guest.vmm = -1;
	r = k->ops->start(&k->guest, err);
	if (r < 0)
		return r;
	setup->guest = k->guest.pid;
	setup->started = clock_ns();
	setup->has_button = k->ops->power_button != NULL;
	setup->wire = steal_fd(&k->guest.wire);
	setup->console = steal_fd(&k->guest.console);
	setup->vmm = steal_fd(&k->guest.vmm);
	for (size_t i = 0; i < k->config->nics.n; i++) {
		setup->nics[i].transport = k->guest.nics[i].transport;
		setup->nics[i].fd = steal_fd(&k->guest.nics[i].fd);
	}
	return 0;
}

static void tell(struct keeper *k, const struct half_msg *msg, int fd)
{
	if (k->half >= 0 && half_send(k->half, msg, fd) < 0)
		log_warn("the monitor's jailed half does not listen");
}

static void end_loop(struct keeper *k)
{
	cleanup_err struct err *err = NULL;
	struct half_msg written = { .verb = HALF_WRITTEN };

	if (write_exit(k, &err) < 0)
		log_error("%s", err_msg(err));
	tell(k, &written, -1);
	loop_quit(k->loop, 0);
}

static void handle_guest_end(int fd, uint32_t events, void *data)
{
	struct keeper *k = data;
	struct half_msg msg = { .verb = HALF_GONE };
	int status = 0;

	(void)fd;
	(void)events;
	if (waitpid(k->guest.pid, &status, WNOHANG) == 0)
		return;
	source_clear(k->guest_source);
	k->gone = true;
	if (k->reported) {
		end_loop(k);
		return;
	}
	msg.a = (uint64_t)status;
	tell(k, &msg, -1);
	source_arm(k->timer, REPORT_MS);
}

/* The jailed half's words and silence */

static void take_kill(struct keeper *k, const struct half_msg *msg)
{
	(void)msg;
	if (!k->gone)
		k->ops->kill(&k->guest);
}

static void take_power(struct keeper *k, const struct half_msg *msg)
{
	(void)msg;
	if (!k->gone && k->ops->power_button)
		k->ops->power_button(&k->guest);
}

static void take_usage(struct keeper *k, const struct half_msg *msg)
{
	struct half_msg used = { .verb = HALF_USED, .a = msg->a };

	if (!k->gone)
		k->ops->usage(&k->guest, &used.b, &used.c);
	tell(k, &used, -1);
}

static void take_ended(struct keeper *k, const struct half_msg *msg)
{
	if (!k->gone)
		return;
	set_end(k, msg->a, msg->b != 0, msg->text);
	end_loop(k);
}

/* Without its jailed half nobody reads the guest: it is ended. */
static void lose_jailed(struct keeper *k, const char *why)
{
	log_error("%s", why);
	source_clear(k->half_source);
	fd_close(&k->half);
	set_end(k, FAILED_STATUS, false, why);
	if (k->gone) {
		end_loop(k);
		return;
	}
	k->ops->kill(&k->guest);
	source_arm(k->timer, KILL_MS);
}

static void handle_timer(void *data)
{
	struct keeper *k = data;

	if (k->gone) {
		lose_jailed(k, "the monitor's jailed half did not say how the guest ended");
		return;
	}
	k->ops->kill(&k->guest);
	source_arm(k->timer, KILL_MS);
}

static void handle_half(int fd, uint32_t events, void *data)
{
	static const struct {
		enum half_verb verb;
		void (*take)(struct keeper *k, const struct half_msg *msg);
	} verbs[] = { { HALF_KILL, take_kill },
		      { HALF_POWER, take_power },
		      { HALF_USAGE, take_usage },
		      { HALF_ENDED, take_ended } };
	struct keeper *k = data;
	cleanup_fd int passed = -1;
	struct half_msg msg;
	int r = half_recv(fd, &msg, &passed);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		lose_jailed(k, "the monitor's jailed half died");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (verbs[i].verb == msg.verb)
			verbs[i].take(k, &msg);
}

static void handle_term(int signo, void *data)
{
	struct half_msg msg = { .verb = HALF_STOP };

	(void)signo;
	tell(data, &msg, -1);
}

/* By hand, for whoever debugs a guest: the button without all that a stop tries first. */
static void handle_power_signal(int signo, void *data)
{
	(void)signo;
	take_power(data, NULL);
}

/* Uplinks */

static void handle_passt(int fd, void *data)
{
	struct uplink *uplink = data;
	struct half_msg msg = { .verb = HALF_NIC, .a = uplink->index };
	cleanup_fd int socket = fd;

	tell(uplink->keeper, &msg, socket);
}

static void start_uplinks(struct keeper *k)
{
	const struct machine_nic *nics = k->config->nics.items;

	for (size_t i = 0; i < k->config->nics.n; i++) {
		if (!nics[i].uplink)
			continue;
		k->uplinks[i] = (struct uplink){ .keeper = k, .index = i };
		k->uplinks[i].passt = passt_create(k->loop, &nics[i], k->guest.ids.helper,
						   handle_passt, &k->uplinks[i]);
	}
}

/* The jailed half */

static int run_jailed(int channel, void *data, struct err **err)
{
	return machine_run(data, channel, err);
}

static void close_setup(struct machine_setup *setup)
{
	fd_close(&setup->keeper);
	fd_close(&setup->listening);
	fd_close(&setup->console);
	fd_close(&setup->wire);
	fd_close(&setup->vmm);
	fd_close(&setup->log);
	fd_close(&setup->old_log);
	fd_close(&setup->secrets);
	for (size_t i = 0; i < ARRAY_SIZE(setup->nics); i++)
		fd_close(&setup->nics[i].fd);
}

static int start_jailed(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	int sockets[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return err_set_errno(err, errno, "socketpair");
	k->half = sockets[0];
	setup->keeper = sockets[1];
	setup->config = k->config;
	setup->uid = k->guest.ids.helper;
	r = process_spawn(CLONE_NEWPID, -1, run_jailed, setup, &k->jailed, err);
	if (r == 0)
		r = process_await(&k->jailed, err);
	if (r < 0)
		return err_prefix(err, "the monitor's jail");
	return 0;
}

static void watch(struct keeper *k)
{
	k->timer = loop_add_timer(k->loop, handle_timer, k);
	k->half_source = loop_add_fd(k->loop, k->half, EPOLLIN, handle_half, k);
	k->guest_source = loop_add_fd(k->loop, k->guest.pidfd, EPOLLIN, handle_guest_end, k);
	loop_add_signal(k->loop, SIGPWR, handle_power_signal, k);
}

static int acquire(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	cleanup_free char *name = NULL;
	int r = prepare_folder(k, setup, err);

	if (r < 0)
		return r;
	name = xasprintf("%s/%s", k->config->federation, k->config->name);
	r = ids_take(name, NULL, &k->guest.ids, err);
	if (r < 0)
		return r;
	return start_guest(k, setup, err);
}

static int run(struct keeper *k, struct machine_setup *setup, struct err **err)
{
	int r = start_jailed(k, setup, err);

	close_setup(setup);
	setsid();
	if (r == 0) {
		watch(k);
		start_uplinks(k);
		r = isolate_keeper(err);
	}
	if (r < 0) {
		k->ops->kill(&k->guest);
		waitpid(k->guest.pid, NULL, 0);
		return r;
	}
	loop_run(k->loop);
	return 0;
}

/* It says its last words to the daemon and ends by itself. */
static void await_jailed(struct keeper *k)
{
	struct pollfd end = { .fd = k->jailed.pidfd, .events = POLLIN };

	if (k->half >= 0 && k->jailed.pidfd >= 0 && poll(&end, 1, FAREWELL_MS) == 0)
		log_warn("the monitor's jailed half does not end; killed");
	process_destroy(&k->jailed);
}

static void finish(struct keeper *k)
{
	for (size_t i = 0; i < ARRAY_SIZE(k->uplinks); i++)
		passt_destroy(k->uplinks[i].passt);
	await_jailed(k);
	fd_close(&k->half);
	fd_close(&k->guest.pidfd);
	ids_release(&k->guest.ids);
	loop_destroy(k->loop);
	msg_free(&machine_config_type, k->config);
}

static void init_setup(struct machine_setup *setup, int64_t launched)
{
	*setup = (struct machine_setup){ .keeper = -1,
					 .listening = -1,
					 .console = -1,
					 .wire = -1,
					 .vmm = -1,
					 .log = -1,
					 .old_log = -1,
					 .secrets = -1,
					 .launched = launched };
	for (size_t i = 0; i < ARRAY_SIZE(setup->nics); i++)
		setup->nics[i].fd = -1;
}

int keeper_run(const char *dir, int64_t launched, struct err **err)
{
	struct keeper k = { .dir = dir, .half = -1, .jailed = PROCESS_INIT };
	struct machine_setup setup;
	int r;

	init_setup(&setup, launched);
	k.guest.pidfd = k.guest.wire = k.guest.console = k.guest.ids.lock = -1;
	for (size_t i = 0; i < GUEST_MAX_NICS; i++)
		k.guest.nics[i].fd = -1;
	/* From the first step on: until the loop runs, a SIGTERM waits and does not end us. */
	k.loop = loop_create();
	loop_add_signal(k.loop, SIGTERM, handle_term, &k);
	r = read_config(&k, err);
	if (r == 0 && k.config->secrets.n)
		r = secrets_take(&setup.secrets, err);
	if (r == 0)
		r = acquire(&k, &setup, err);
	if (r == 0) {
		r = run(&k, &setup, err);
		k.ops->finish(&k.guest);
	}
	if (r < 0) {
		set_end(&k, FAILED_STATUS, false, err_msg(*err));
		write_exit(&k, NULL);
	}
	close_setup(&setup);
	finish(&k);
	return r;
}
