/* SPDX-License-Identifier: MIT */
/*
 * What happens in a test's machine: the monitor's end of the wire (abi_wire.h), as far as a test needs
 * it. atoll-init runs `prepare`, starts the application when it provides a service, and says when all
 * services accept connections; then the test is an exec. The machine is killed at its end.
 */
#include "trial_internal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "abi_wire.h"
#include "fd.h"
#include "mem.h"
#include "str.h"
#include "stream_msg.h"

#define SECONDS  60   /* when the recipe does not say */
#define SAID_MAX 4096 /* of the end of the output */
#define CHUNK    4096

struct run {
	const struct recipe *recipe;
	struct trial_result *result;
	const struct trial_watch *watch; /* or NULL */
	struct loop *loop;
	struct mux *mux;
	struct stream *exec;
	bool replied, done;
};

static void finish(struct run *run)
{
	run->done = true;
}

static void fail(struct run *run, char *fault)
{
	if (run->done || run->result->fault)
		free(fault);
	else
		run->result->fault = fault;
	finish(run);
}

static void say(struct run *run, const void *text, size_t len)
{
	struct buf *said = &run->result->said;

	buf_append(said, text, len);
	if (said->len > 2 * SAID_MAX)
		buf_consume(said, said->len - SAID_MAX);
}

static uint64_t seconds_of(const struct recipe *recipe)
{
	return recipe->test_seconds ? recipe->test_seconds : SECONDS;
}

/* --- what is opened --- */

static const char *folder_of(const struct trial_watch *w, int number)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->numbers[i] == number)
			return w->folders[i];
	return NULL;
}

static void take_event(struct run *run, const struct inotify_event *e)
{
	const char *folder = folder_of(run->watch, e->wd);
	cleanup_free char *path = NULL;

	if (e->mask & IN_Q_OVERFLOW)
		run->result->missed = true;
	if (!folder || !e->len || (e->mask & IN_ISDIR))
		return;
	path = *folder ? xasprintf("%s/%s", folder, e->name) : xstrdup(e->name);
	run->result->opened(path, run->result->data);
}

static void handle_opened(int fd, uint32_t events, void *data)
{
	char room[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	(void)events;
	while ((n = read(fd, room, sizeof(room))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(room + at);

			take_event(data, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
}

/* --- the test --- */

/* One frame, if all of it is there. */
static bool take_frame(struct run *run, struct stream *s)
{
	size_t n, len;
	const uint8_t *p = stream_peek(s, &n);
	uint32_t head, status;

	if (n < EXEC_FRAME_HEADER)
		return false;
	memcpy(&head, p, sizeof(head));
	head = le32toh(head);
	len = head & 0xffffff;
	if (len > EXEC_FRAME_MAX) {
		fail(run, xstrdup("the machine's first process speaks nonsense"));
		return false;
	}
	if (n < EXEC_FRAME_HEADER + len)
		return false;
	p += EXEC_FRAME_HEADER;
	if (head >> 24 != EXEC_EXIT) {
		say(run, p, len);
	} else if (len == sizeof(status)) {
		memcpy(&status, p, sizeof(status));
		run->result->status = (int)le32toh(status);
		run->result->ran = true;
		finish(run);
	}
	stream_consume(s, EXEC_FRAME_HEADER + len);
	return true;
}

static void take_reply(struct run *run, struct stream *s)
{
	void *msg;
	uint16_t type;
	int r = stream_next_msg(s, &type);

	if (r == -EAGAIN)
		return;
	if (r < 0 || type != WIRE_REPLY || stream_take_msg(s, &wire_reply_type, &msg) < 0) {
		fail(run, xstrdup("the machine's first process speaks nonsense"));
		return;
	}
	run->replied = true;
	if (((struct wire_reply *)msg)->code)
		fail(run,
		     xasprintf("it cannot be started: %s", ((struct wire_reply *)msg)->message));
	msg_free(&wire_reply_type, msg);
}

static void handle_exec(struct stream *s, void *data)
{
	struct run *run = data;

	if (!run->replied)
		take_reply(run, s);
	while (run->replied && !run->done && take_frame(run, s))
		continue;
}

static void start_test(struct run *run)
{
	static const struct stream_ops ops = { .handle_readable = handle_exec };
	struct wire_exec exec = { .argv = run->recipe->test, .user = run->recipe->user };
	const uint32_t end = htole32((uint32_t)EXEC_STDIN_END << 24);

	run->exec = mux_open(run->mux, &ops, run);
	if (!run->exec || stream_send_msg(run->exec, &wire_exec_type, &exec) < 0 ||
	    stream_write(run->exec, &end, sizeof(end)) != sizeof(end))
		fail(run, xstrdup("it cannot be started"));
}

/* --- the machine --- */

static void take_state(struct run *run, const struct wire_state *state)
{
	switch (state->phase) {
	case PHASE_READY:
		start_test(run);
		break;
	case PHASE_EXITED:
		fail(run, xasprintf("the application ended with status %llu %s",
				    (unsigned long long)state->status,
				    run->exec ? "before the test did"
					      : "before its services accepted connections"));
		break;
	case PHASE_FAILED:
		fail(run, xasprintf("the machine does not start: %s",
				    state->message ? state->message : ""));
		break;
	default:
		break;
	}
}

static void handle_control(struct stream *s, void *data)
{
	uint16_t type;
	void *msg;

	while (stream_next_msg(s, &type) == 0) {
		if (type != WIRE_STATE || stream_take_msg(s, &wire_state_type, &msg) < 0) {
			fail(data, xstrdup("the machine's first process speaks nonsense"));
			return;
		}
		take_state(data, msg);
		msg_free(&wire_state_type, msg);
	}
}

static void handle_end(struct mux *mux, int reason, void *data)
{
	struct run *run = data;

	(void)reason;
	fail(run, xstrdup("the machine ended"));
	run->mux = NULL;
	mux_destroy(mux);
}

static void handle_console(int fd, uint32_t events, void *data)
{
	char chunk[CHUNK];
	ssize_t n;

	(void)events;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		say(data, chunk, (size_t)n);
}

static void handle_timeout(void *data)
{
	struct run *run = data;

	fail(run, xasprintf("%s within %llu s (test: {seconds: …} says how long it may take)",
			    run->exec ? "it does not end"
			    : run->recipe->n_provides
				    ? "the application's services do not accept connections"
				    : "the machine does not start",
			    (unsigned long long)seconds_of(run->recipe)));
}

/* What a machine is told, as the daemon does it; only an application that others wait for is started. */
static void configure(const struct recipe *recipe, struct guest_config *config)
{
	config->hostname = xstrdup(recipe->name);
	config->federation = xstrdup("test");
	config->prepare = recipe->prepare ? strv_dup(recipe->prepare) : NULL;
	config->env = recipe->env ? strv_dup(recipe->env) : NULL;
	config->user = recipe->user ? xstrdup(recipe->user) : NULL;
	config->workdir = recipe->workdir ? xstrdup(recipe->workdir) : NULL;
	for (size_t i = 0; i < recipe->n_provides; i++) {
		struct guest_service *s;

		if (str_eq(recipe->provides[i].target, "frames"))
			continue;
		s = msg_records_add(&config->services, sizeof(*s));
		s->name = xstrdup(recipe->provides[i].name);
		s->target = xstrdup(recipe->provides[i].target);
	}
	if (config->services.n && recipe->argv)
		config->argv = strv_dup(recipe->argv);
}

static void begin(struct run *run)
{
	static const struct stream_ops ops = { .handle_readable = handle_control };
	struct wire_start *start = xcalloc(1, sizeof(*start));
	struct stream *control = mux_open(run->mux, &ops, run);

	start->version = WIRE_VERSION;
	configure(run->recipe, msg_records_add(&start->guest, sizeof(struct guest_config)));
	if (!control || stream_send_msg(control, &wire_start_type, start) < 0)
		fail(run, xstrdup("what it runs is too long for a machine's configuration"));
	msg_free(&wire_start_type, start);
}

/* Until the test ended, or something else did. */
static void converse(struct run *run, int wire, int console)
{
	static const struct mux_ops ops = { .handle_end = handle_end };
	const struct trial_watch *w = run->watch;
	struct source *timer;

	run->loop = loop_create();
	run->mux = mux_create(run->loop, wire, MUX_CLIENT, &ops, run);
	loop_add_fd(run->loop, console, EPOLLIN, handle_console, run);
	timer = loop_add_timer(run->loop, handle_timeout, run);
	source_arm(timer, (int64_t)seconds_of(run->recipe) * 1000);
	if (w)
		loop_add_fd(run->loop, w->fd, EPOLLIN, handle_opened, run);
	begin(run);
	while (!run->done && loop_step(run->loop, -1) == 0)
		continue;
	handle_console(console, 0, run);
	if (w)
		handle_opened(w->fd, 0, run);
	mux_destroy(run->mux);
	loop_destroy(run->loop);
}

/* Out of the way of the numbers that mean something to atoll-init. */
static int high(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, PROCESS_FD_MIN);

	close(fd);
	return copy;
}

static int open_channels(struct trial_root *root, int *ret_wire, int *ret_console, struct err **err)
{
	int wire[2], console[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire) < 0)
		return err_set_errno(err, errno, "socketpair");
	*ret_wire = wire[0];
	root->wire = high(wire[1]);
	if (pipe2(console, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set_errno(err, errno, "pipe");
	*ret_console = console[0];
	fd_set_nonblock(console[1], false);
	root->console = high(console[1]);
	/* So that the machine's root can open /dev/stderr, which is this pipe. */
	if (root->base >= 0 && fchown(root->console, (uid_t)root->base, (gid_t)root->base) < 0)
		return err_set_errno(err, errno, "console");
	return 0;
}

int trial_machine_run(struct trial_root *root, const char *init, struct trial_result *result,
		      struct err **err)
{
	struct run run = { .recipe = root->recipe, .result = result, .watch = root->watch };
	struct process machine = PROCESS_INIT;
	cleanup_fd int console = -1;
	int wire = -1, r = 0;

	root->wire = root->console = -1;
	root->init = open(init, O_RDONLY | O_CLOEXEC);
	root->init = root->init < 0 ? -1 : high(root->init);
	if (root->init < 0)
		r = err_set_errno(err, errno, "%s", init);
	if (r == 0)
		r = open_channels(root, &wire, &console, err);
	if (r == 0)
		r = trial_root_start(root, &machine, err);
	fd_close(&root->wire);
	fd_close(&root->console);
	fd_close(&root->init);
	if (r < 0) {
		fd_close(&wire);
		return r;
	}
	converse(&run, wire, console);
	process_destroy(&machine);
	return 0;
}

void trial_result_finish(struct trial_result *r)
{
	free(r->fault);
	buf_free(&r->said);
}
