/* SPDX-License-Identifier: MIT */
/*
 * A guest for test_monitor: stands in for atoll-init, and behaves as the application's command line
 * in its configuration says (first word: one of the modes below).
 *
 * It answers WIRE_SERVICE and WIRE_EXEC with yes and then sends back what it gets, and a service
 * "none" with ENOENT.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi_wire.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"
#include "stream_msg.h"

#define ENDED_BY_STOP 7 /* exit code of the "application" when it is stopped */

static struct loop *loop;
static struct mux *mux;
static struct stream *control;
static bool deaf; /* does not hear WIRE_STOP */

static void send_state(enum wire_phase phase, uint64_t status, const char *message)
{
	cleanup_free char *copy = message ? xstrdup(message) : NULL;
	struct wire_state state = { .phase = phase, .status = status, .message = copy };

	stream_send_msg(control, &wire_state_type, &state);
}

static void leave(void *unused)
{
	(void)unused;
	exit(0);
}

/* The "application" ended: say so, and go once it was sent. */
static void end(uint64_t status)
{
	send_state(PHASE_EXITED, status, NULL);
	source_arm(loop_add_timer(loop, leave, NULL), 20);
}

static void echo(struct stream *s, void *data)
{
	size_t len;
	const uint8_t *bytes = stream_peek(s, &len);
	size_t n = stream_write(s, bytes, len);

	(void)data;
	stream_consume(s, n);
}

static void finish_echo(struct stream *s, void *data)
{
	(void)data;
	stream_close(s);
}

static const struct stream_ops echo_ops = { .handle_readable = echo,
					    .handle_writable = echo,
					    .handle_eof = finish_echo };

/* A stream of the monitor */

static uint64_t judge(struct stream *s, uint16_t type)
{
	static const struct msg_type *const types[] = { [WIRE_EXEC] = &wire_exec_type,
							[WIRE_SERVICE] = &wire_service_type,
							[WIRE_CONFIG] = &wire_config_type };
	uint64_t code = 0;
	void *msg;

	if (type >= ARRAY_SIZE(types) || !types[type] || stream_take_msg(s, types[type], &msg) < 0)
		die("an unexpected message %u", type);
	if (type == WIRE_SERVICE && str_eq(((struct wire_service *)msg)->service, "none"))
		code = ENOENT;
	msg_free(types[type], msg);
	return code;
}

static void handle_question(struct stream *s, void *data)
{
	struct wire_reply reply = { 0 };
	uint16_t type;

	(void)data;
	if (stream_next_msg(s, &type) < 0)
		return;
	reply.code = judge(s, type);
	stream_send_msg(s, &wire_reply_type, &reply);
	stream_set_ops(s, &echo_ops, NULL);
}

/* A stream of ours: a link is asked for, the answer goes to the console, bytes are sent back. */

static void handle_reply(struct stream *s, void *data)
{
	struct wire_reply *reply;
	uint16_t type;
	void *msg;

	(void)data;
	if (stream_next_msg(s, &type) < 0)
		return;
	if (stream_take_msg(s, &wire_reply_type, &msg) < 0)
		die("no reply");
	reply = msg;
	printf("link: %llu %s\n", (unsigned long long)reply->code,
	       reply->message ? reply->message : "");
	if (reply->code)
		stream_close(s);
	else
		stream_set_ops(s, &echo_ops, NULL);
	msg_free(&wire_reply_type, msg);
}

static void handle_lost(struct stream *s, int reason, void *data)
{
	(void)s;
	(void)reason;
	(void)data;
	printf("link: lost\n");
}

static const struct stream_ops ask_ops = { .handle_readable = handle_reply,
					   .handle_close = handle_lost };

static void ask(void)
{
	static char link[] = "db.redis";
	struct wire_open open = { .link = link };

	stream_send_msg(mux_open(mux, &ask_ops, NULL), &wire_open_type, &open);
}

/* The modes: what is done when everything has been reported as ready. */

static void be_good(void)
{
}

static void be_deaf(void)
{
	deaf = true;
	signal(SIGTERM, SIG_IGN);
}

static void end_with_3(void)
{
	end(3);
}

static void fail(void)
{
	send_state(PHASE_FAILED, 0, "the disk is not there");
	source_arm(loop_add_timer(loop, leave, NULL), 20);
}

static void go_without_a_word(void)
{
	printf("something is wrong\n");
	_exit(9);
}

static void send_garbage(void)
{
	char junk[4096];

	memset(junk, 0xa5, sizeof(junk));
	fd_write_all(WIRE_LIGHT_FD, junk, sizeof(junk));
}

static void send_malformed_state(void)
{
	/* A type that is right, and a field that is none. */
	static const uint8_t bytes[] = {
		WIRE_STATE, 0, 0, 0, 8, 0, 0, 0, 1, 0, 9, 0, 255, 0, 0, 0
	};

	stream_write(control, bytes, sizeof(bytes));
}

static void go_backwards(void)
{
	send_state(PHASE_INIT, 0, NULL);
}

static void send_malformed_request(void)
{
	struct stream *s = mux_open(mux, &ask_ops, NULL);
	struct wire_reply reply = { 0 };

	stream_send_msg(s, &wire_reply_type, &reply);
}

/* In steps, so that the session's own limit on unanswered streams is not what is met. */
static void ask_more(void *unused)
{
	static int steps = 10;

	for (int i = 0; i < 40; i++)
		ask();
	if (--steps)
		source_arm(loop_add_timer(loop, ask_more, unused), 10);
}

static void ask_much(void)
{
	ask_more(NULL);
}

static void flood_console(void)
{
	static char line[4096];

	memset(line, 'x', sizeof(line));
	if (fork() == 0)
		for (;;)
			fd_write_all(1, line, sizeof(line));
}

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
	{ "good", be_good },
	{ "deaf", be_deaf },
	{ "end", end_with_3 },
	{ "fail", fail },
	{ "silent", go_without_a_word },
	{ "garbage", send_garbage },
	{ "malformed", send_malformed_state },
	{ "backwards", go_backwards },
	{ "wrong-request", send_malformed_request },
	{ "ask", ask },
	{ "ask-much", ask_much },
	{ "flood", flood_console },
};

static void start(const struct wire_start *msg)
{
	const struct guest_config *config = msg->guest.items;

	for (uint64_t phase = PHASE_INIT; phase <= PHASE_READY; phase++)
		send_state(phase, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (str_eq(modes[i].name, config->argv[0]))
			modes[i].run();
}

static void handle_control(struct stream *s, void *data)
{
	uint16_t type;
	void *msg;

	(void)data;
	while (stream_next_msg(s, &type) == 0) {
		bool is_start = type == WIRE_START;
		const struct msg_type *msg_type = is_start ? &wire_start_type : &wire_stop_type;

		if (stream_take_msg(s, msg_type, &msg) < 0)
			die("neither WIRE_START nor WIRE_STOP");
		if (is_start)
			start(msg);
		else if (!deaf)
			end(ENDED_BY_STOP);
		msg_free(msg_type, msg);
	}
}

static const struct stream_ops control_ops = { .handle_readable = handle_control };
static const struct stream_ops question_ops = { .handle_readable = handle_question };

static void handle_open(struct mux *m, struct stream *s, void *data)
{
	(void)m;
	(void)data;
	if (!control)
		control = s;
	stream_accept(s, s == control ? &control_ops : &question_ops, NULL);
}

static const struct mux_ops mux_ops = { .handle_open = handle_open };

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_init("guest", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	loop = loop_create();
	mux = mux_create(loop, WIRE_LIGHT_FD, MUX_SERVER, &mux_ops, NULL);
	return loop_run(loop);
}
