/* SPDX-License-Identifier: MIT */
/*
 * Owns the machine's state and decides how it ends. Knows no frame, no stream and no privilege:
 * those are nic.c, call.c and keeper.c.
 *
 * Theory of operation
 *
 * The state follows the guest's phases (wire) until somebody wants an end: the daemon (CONTROL_STOP),
 * the keeper (SIGTERM), the guest itself (its application ended or failed), or we, because the guest
 * broke the wire's protocol. From then on `ending` walks down a ladder, each step with a time limit:
 * ask the agent, press the power button, kill. The guest is gone when the keeper says so; then the
 * exit file is written and the daemon hears MACHINE_EXITED.
 */
#include "machine.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "abi_control.h"
#include "console.h"
#include "control.h"
#include "fd.h"
#include "halves.h"
#include "isolate.h"
#include "links.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "nic.h"
#include "secrets.h"
#include "str.h"
#include "timeline.h"
#include "uplink_filter.h"
#include "vmm_client.h"
#include "wire.h"

#define UPLINK_ID      "uplink" /* the uplink's numbers stand under it; no link's id, these have '>' */
#define BUTTON_MS      5000     /* an orderly power-off behind the power button, at most */
#define AFTER_EXIT_MS  10000    /* from the application's end to the guest's */
#define AFTER_GRACE_MS 2000     /* from SIGKILL to the application, to the guest's end */
#define KILL_AGAIN_MS  5000
#define GRACE_MAX_MS   3600000
#define SIGTERM_GRACE  10000
#define LAST_WORDS_MS  500                 /* from the guest's end to the end of its wire */
#define FAREWELL_MS    100                 /* for the daemon to take the last message */
#define YOUNG_NS       INT64_C(1000000000) /* the daemon may still be on its way to connect */
#define FAILED_STATUS  125

/* How far the way to the end has been walked. */
enum ending {
	ENDING_NOT,
	ENDING_ASKED,   /* the agent was asked, or ends by itself */
	ENDING_BUTTON,  /* the power button was pressed */
	ENDING_KILLED,  /* it was killed */
	ENDING_GONE,    /* the guest is gone; its last words are read */
	ENDING_WRITING, /* the keeper writes the exit file */
	ENDING_TOLD,    /* the daemon was told */
};

/* A NIC and its place among the link's uses. */
struct interface {
	struct nic *nic;
	struct link_use use;
};

struct machine {
	struct loop *loop;
	const struct machine_config *config;
	int keeper;
	struct source *keeper_source;
	struct control *control;
	struct console *console;
	struct wire *wire;      /* NULL after the session's end */
	struct vmm_client *vmm; /* NULL: the guest is not atoll-vmm */
	struct links *links;
	struct interface nics[GUEST_MAX_NICS];
	size_t n_nics;
	bool has_button;
	pid_t guest;
	enum machine_state state;
	struct control_times times;
	enum ending ending;
	bool killed;           /* by us */
	int wait_status;       /* ENDING_GONE: of the guest's process */
	int64_t grace;         /* what the last CONTROL_STOP allowed, in ms */
	struct source *ladder; /* the next step's time */
	bool requested;
	bool has_status; /* the application ended by itself: status */
	uint64_t status;
	char reason[HALF_TEXT_MAX];
};

static void tell_keeper(struct machine *m, enum half_verb verb, uint64_t a)
{
	struct half_msg msg = { .verb = verb, .a = a };

	if (half_send(m->keeper, &msg, -1) < 0)
		log_error("the monitor's other half does not listen");
}

static void send_state(struct machine *m)
{
	struct control_state state = {
		.state = m->state,
		.pid = (uint64_t)m->guest,
		.status = m->status,
		.requested = m->requested,
		.message = m->reason,
		.times = { &m->times, 1 },
	};

	control_send(m->control, &control_state_type, &state);
}

static void set_state(struct machine *m, enum machine_state state)
{
	if (state <= m->state)
		return;
	m->state = state;
	send_state(m);
}

/* The first reason is the one that counts; what follows from it is not news. */
static void __attribute__((format(printf, 2, 3)))
give_reason(struct machine *m, const char *fmt, ...)
{
	va_list ap;

	if (m->reason[0])
		return;
	va_start(ap, fmt);
	vsnprintf(m->reason, sizeof(m->reason), fmt, ap);
	va_end(ap);
}

/* How a guest ended that did not say how its application did. */
static void judge(struct machine *m)
{
	char line[256];

	m->status = FAILED_STATUS;
	if (m->requested) {
		m->status = m->killed ? 128 + SIGKILL : 0;
		give_reason(m, m->killed ? "killed" : "stopped");
	} else if (WIFSIGNALED(m->wait_status)) {
		give_reason(m, "the guest's process was killed by signal %d (%s)",
			    WTERMSIG(m->wait_status), strsignal(WTERMSIG(m->wait_status)));
	} else {
		console_last_line(m->console, line, sizeof(line));
		give_reason(m,
			    "the guest's process ended with status %d before the application%s%s",
			    WEXITSTATUS(m->wait_status), *line ? ": " : "", line);
	}
}

static void conclude(struct machine *m)
{
	struct half_msg ended = { .verb = HALF_ENDED };

	m->ending = ENDING_WRITING;
	console_drain(m->console);
	if (!m->has_status)
		judge(m);
	ended.a = m->status;
	ended.b = m->requested;
	snprintf(ended.text, sizeof(ended.text), "%s", m->reason);
	if (half_send(m->keeper, &ended, -1) < 0)
		loop_quit(m->loop, 1);
}

/* The ladder */

static void kill_guest(struct machine *m)
{
	if (m->ending >= ENDING_GONE)
		return;
	m->ending = ENDING_KILLED;
	m->killed = true;
	tell_keeper(m, HALF_KILL, 0);
	source_arm(m->ladder, KILL_AGAIN_MS);
}

static void press_button(struct machine *m)
{
	if (!m->has_button || m->ending >= ENDING_BUTTON) {
		kill_guest(m);
		return;
	}
	m->ending = ENDING_BUTTON;
	tell_keeper(m, HALF_POWER, 0);
	source_arm(m->ladder, m->grace < BUTTON_MS ? m->grace : BUTTON_MS);
}

static void handle_ladder(void *data)
{
	struct machine *m = data;

	if (m->ending == ENDING_GONE) {
		conclude(m);
	} else if (m->ending == ENDING_TOLD) {
		loop_quit(m->loop, 0);
	} else if (m->ending < ENDING_GONE) {
		if (m->ending == ENDING_KILLED)
			log_warn("the guest was killed and still is there; once more");
		press_button(m);
	}
}

/* The guest ends by itself; `ms` is how long it has. */
static void expect_end(struct machine *m, int64_t ms)
{
	if (m->ending != ENDING_NOT)
		return;
	m->ending = ENDING_ASKED;
	source_arm(m->ladder, ms);
}

static void stop(struct machine *m, uint64_t grace)
{
	if (m->ending >= ENDING_KILLED)
		return;
	if (!m->has_status)
		m->requested = true;
	grace = grace < GRACE_MAX_MS ? grace : GRACE_MAX_MS;
	m->grace = (int64_t)grace;
	set_state(m, MACHINE_STOPPING);
	if (grace == 0) {
		kill_guest(m);
	} else if (m->ending < ENDING_BUTTON) {
		m->ending = ENDING_ASKED;
		if (wire_stop(m->wire, grace))
			source_arm(m->ladder, (int64_t)grace + AFTER_GRACE_MS);
		else
			press_button(m);
	}
}

static void fail(struct machine *m, const char *why)
{
	log_error("%s", why);
	give_reason(m, "%s", why);
	m->has_status = true;
	m->status = FAILED_STATUS;
	set_state(m, MACHINE_STOPPING);
	kill_guest(m);
}

/* The wire */

static void take_end_phase(struct machine *m, const struct wire_state *state)
{
	m->has_status = true;
	if (state->phase == PHASE_EXITED) {
		m->status = state->status & 0xff;
		give_reason(m, m->requested ? "stopped" : "the application ended with status %u",
			    (unsigned int)m->status);
	} else {
		m->status = FAILED_STATUS;
		give_reason(m, "%s", state->message && *state->message ? state->message : "failed");
	}
	set_state(m, MACHINE_STOPPING);
	expect_end(m, AFTER_EXIT_MS);
}

static void handle_phase(const struct wire_state *state, void *data)
{
	struct machine *m = data;
	if (state->phase >= PHASE_EXITED) {
		take_end_phase(m, state);
		return;
	}
	timeline_take_phase(&m->times, state, str_eq(m->config->kind, "light"));
	if (state->phase == PHASE_INIT)
		vmm_client_ask_times(m->vmm);
	if (state->phase == PHASE_STARTED)
		set_state(m, MACHINE_RUNNING);
	else if (state->phase == PHASE_READY)
		set_state(m, MACHINE_READY);
	else
		send_state(m);
}

static void handle_wire_end(const char *what, void *data)
{
	struct machine *m = data;
	cleanup_free char *why = what ? xasprintf("guest broke the wire protocol: %s", what) : NULL;

	wire_destroy(steal_ptr(m->wire));
	if (m->ending == ENDING_GONE) {
		conclude(m);
		return;
	}
	if (why) {
		fail(m, why);
		return;
	}
	if (m->ending == ENDING_NOT)
		set_state(m, MACHINE_STOPPING);
	expect_end(m, AFTER_GRACE_MS);
}

static void handle_request(const struct control_request *request, void *data)
{
	struct machine *m = data;

	control_send(m->control, &control_request_type, request);
}

static void handle_result(const struct control_result *result, void *data)
{
	struct machine *m = data;

	control_send(m->control, &control_result_type, result);
}

/* atoll-vmm's word, for which a state may have been sent without it. */
static void handle_times(const struct vmm_times *times, void *data)
{
	struct machine *m = data;

	timeline_take_vmm(&m->times, times);
	if (m->state == MACHINE_READY)
		send_state(m);
}

static const struct wire_ops wire_ops = {
	.handle_state = handle_phase,
	.handle_end = handle_wire_end,
	.calls = { .handle_request = handle_request, .handle_result = handle_result },
};

/* The daemon's messages */

static void handle_daemon(bool there, void *data)
{
	struct machine *m = data;

	if (there)
		send_state(m);
	if (wire_calls(m->wire))
		calls_set_daemon(wire_calls(m->wire), there);
	if (!there && m->ending == ENDING_TOLD)
		loop_quit(m->loop, 0);
}

static void refuse(struct machine *m, uint64_t id)
{
	char text[] = "the machine's agent is gone";
	struct control_result result = { .id = id, .code = EPIPE, .message = text };

	control_send(m->control, &control_result_type, &result);
}

static void handle_stream(const struct control_stream *msg, int *fd, void *data)
{
	struct machine *m = data;

	if (wire_calls(m->wire))
		calls_stream(wire_calls(m->wire), msg, fd);
	else
		refuse(m, msg->id);
}

static void handle_config(const struct control_config *msg, void *data)
{
	struct machine *m = data;

	if (wire_calls(m->wire))
		calls_config(wire_calls(m->wire), msg);
	else
		refuse(m, msg->id);
}

static void handle_verdict(const struct control_verdict *msg, int *fd, void *data)
{
	struct machine *m = data;

	if (wire_calls(m->wire))
		calls_verdict(wire_calls(m->wire), msg, fd);
}

static void handle_nic(const struct control_nic *msg, int *fd, void *data)
{
	struct machine *m = data;

	for (size_t i = 0; i < m->n_nics && *fd >= 0; i++)
		if (str_eq(nic_name(m->nics[i].nic), msg->name))
			nic_attach(m->nics[i].nic, steal_fd(fd));
	if (*fd >= 0)
		log_warn("the daemon joins a NIC %s that there is not", msg->name ? msg->name : "");
}

static void handle_cut(const struct control_cut *msg, void *data)
{
	struct machine *m = data;

	links_cut(m->links, msg->link);
}

static void handle_stop(const struct control_stop *msg, void *data)
{
	stop(data, msg->grace);
}

static void handle_count(const struct control_count *msg, void *data)
{
	tell_keeper(data, HALF_USAGE, msg->id);
}

static const struct control_ops control_ops = {
	.handle_daemon = handle_daemon,
	.handle_stream = handle_stream,
	.handle_verdict = handle_verdict,
	.handle_nic = handle_nic,
	.handle_cut = handle_cut,
	.handle_config = handle_config,
	.handle_stop = handle_stop,
	.handle_count = handle_count,
};

/* The keeper's messages */

static void take_used(struct machine *m, const struct half_msg *msg, int *fd)
{
	struct control_counters counters = { .id = msg->a, .memory = msg->b, .cpu = msg->c };

	(void)fd;
	links_count(m->links, &counters.links);
	control_send(m->control, &control_counters_type, &counters);
	links_free_counts(&counters.links);
}

static void take_nic(struct machine *m, const struct half_msg *msg, int *fd)
{
	if (msg->a < m->n_nics && *fd >= 0)
		nic_attach(m->nics[msg->a].nic, steal_fd(fd));
}

static void take_stop(struct machine *m, const struct half_msg *msg, int *fd)
{
	(void)msg;
	(void)fd;
	stop(m, SIGTERM_GRACE);
}

/* What the guest said last may not have been read yet: it is before the end of the wire. */
static void take_gone(struct machine *m, const struct half_msg *msg, int *fd)
{
	(void)fd;
	m->wait_status = (int)msg->a;
	m->ending = ENDING_GONE;
	source_arm(m->ladder, LAST_WORDS_MS);
	if (!m->wire)
		conclude(m);
}

static void take_written(struct machine *m, const struct half_msg *msg, int *fd)
{
	bool heard;

	(void)msg;
	(void)fd;
	set_state(m, MACHINE_EXITED);
	m->ending = ENDING_TOLD;
	/* A daemon that heard it hangs up; nobody waits long for one that does not. */
	heard = control_connected(m->control) || clock_ns() - (int64_t)m->times.launch < YOUNG_NS;
	source_arm(m->ladder, heard ? FAREWELL_MS : 1);
}

static void handle_keeper(int fd, uint32_t events, void *data)
{
	static const struct {
		enum half_verb verb;
		void (*take)(struct machine *m, const struct half_msg *msg, int *fd);
	} verbs[] = { { HALF_GONE, take_gone },
		      { HALF_USED, take_used },
		      { HALF_NIC, take_nic },
		      { HALF_STOP, take_stop },
		      { HALF_WRITTEN, take_written } };
	struct machine *m = data;
	cleanup_fd int passed = -1;
	struct half_msg msg;
	int r = half_recv(fd, &msg, &passed);

	(void)events;
	if (r == -EAGAIN)
		return;
	if (r < 0) {
		loop_quit(m->loop, 1);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (verbs[i].verb == msg.verb)
			verbs[i].take(m, &msg, &passed);
}

/* A NIC's frames in its link's numbers. */

static void count_nic(struct link_use *use, struct control_link_count *sum)
{
	nic_count(CONTAINER_OF(use, struct interface, use)->nic, sum);
}

static void cut_nic(struct link_use *use)
{
	nic_detach(CONTAINER_OF(use, struct interface, use)->nic);
}

static const struct link_use_ops nic_use_ops = { count_nic, cut_nic };

static void create_nics(struct machine *m, const struct machine_setup *setup)
{
	MSG_EACH (const struct machine_nic, nic, &m->config->nics) {
		size_t i = m->n_nics++;
		struct nic_setup nic_setup = {
			.name = nic->name ? nic->name : "",
			.transport = setup->nics[i].transport,
			.fd = setup->nics[i].fd,
			.mtu = nic->mtu ? nic->mtu : 1500,
			.allows = nic->uplink ? uplink_allows : NULL,
			.mend = nic->uplink ? uplink_mend : NULL,
		};

		m->nics[i].nic = nic_create(m->loop, &nic_setup);
		links_join(m->links, nic->uplink ? UPLINK_ID : nic->link, false, &nic_use_ops,
			   &m->nics[i].use);
	}
}

/* The wire begins with WIRE_START, and the secrets are in it and nowhere else. */
static int create_wire(struct machine *m, const struct machine_setup *setup, struct err **err)
{
	struct msg_records secrets;
	int r = secrets_receive(setup->secrets, m->config, &secrets, err);

	if (r < 0)
		return r;
	r = wire_create(m->loop, setup->wire, m->config, &secrets, m->links, &wire_ops, m, &m->wire,
			err);
	secrets_free(&secrets);
	return r;
}

static int create(struct machine *m, const struct machine_setup *setup, struct err **err)
{
	m->loop = loop_create();
	m->config = setup->config;
	m->keeper = setup->keeper;
	m->guest = setup->guest;
	m->has_button = setup->has_button;
	m->state = MACHINE_STARTING;
	m->times.launch = (uint64_t)setup->launched;
	m->times.guest = (uint64_t)setup->started;
	m->links = links_create();
	m->ladder = loop_add_timer(m->loop, handle_ladder, m);
	m->keeper_source = loop_add_fd(m->loop, m->keeper, EPOLLIN, handle_keeper, m);
	m->console = console_create(m->loop, setup->console, setup->log, setup->old_log);
	m->control = control_create(m->loop, setup->listening, &control_ops, m);
	create_nics(m, setup);
	if (setup->vmm >= 0)
		m->vmm = vmm_client_create(m->loop, setup->vmm, handle_times, m);
	return create_wire(m, setup, err);
}

static void finish(struct machine *m)
{
	wire_destroy(m->wire);
	vmm_client_destroy(m->vmm);
	control_destroy(m->control);
	console_destroy(m->console);
	for (size_t i = 0; i < m->n_nics; i++) {
		link_leave(&m->nics[i].use);
		nic_destroy(m->nics[i].nic);
	}
	links_destroy(m->links);
	loop_destroy(m->loop);
	fd_close(&m->keeper);
}

int machine_run(struct machine_setup *setup, int ready, struct err **err)
{
	struct machine m = { .keeper = -1 };
	int r;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	isolate_descriptors(setup, ready);
	r = create(&m, setup, err);
	setsid();
	if (r == 0)
		r = isolate_self(setup->uid, err);
	if (r == 0) {
		shutdown(ready, SHUT_RDWR);
		r = loop_run(m.loop) ? -EPIPE : 0;
	}
	finish(&m);
	return r;
}
