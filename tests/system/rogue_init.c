/* SPDX-License-Identifier: MIT */
/*
 * rogue-init: a guest that does not keep to its links. It stands in for atoll-init in a light machine and lets a
 * test ask the broker for anything:
 *
 *	atoll exec MACHINE -- open TO.SERVICE     exit code: 0 when a stream was opened, else the errno
 *	atoll exec MACHINE -- garbage             breaks the wire's protocol
 *	atoll exec MACHINE -- streams N           opens N streams and says nothing on them
 *	atoll exec MACHINE -- mute                never answers anything again
 *
 * A machine whose name begins with "silent" never sends a byte; one with "garbled" sends no frame from the start.
 *
 * It says yes to every stream that reaches it, so what does not get through was stopped by the host.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi_wire.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "str.h"
#include "stream_msg.h"

static struct mux *mux;
static bool mute;

static void say(struct stream *s, uint64_t code)
{
	const struct wire_reply reply = { .code = code };

	stream_send_msg(s, &wire_reply_type, &reply);
}

/* Ends an exec with an exit code. */
static void finish_exec(struct stream *exec, uint32_t code)
{
	const uint8_t frame[8] = { 4, 0, 0, EXEC_EXIT, (uint8_t)code };

	stream_write(exec, frame, sizeof(frame));
	stream_close(exec);
}

/* The stream that `open` asked for: its reply ends the exec that asked. */
static void handle_answer(struct stream *s, void *data)
{
	uint16_t type;
	void *msg;

	if (stream_next_msg(s, &type) < 0)
		return;
	if (stream_take_msg(s, &wire_reply_type, &msg) < 0)
		exit(3);
	finish_exec(data, (uint32_t)((struct wire_reply *)msg)->code);
	msg_free(&wire_reply_type, msg);
	stream_close(s);
}

static void handle_answer_lost(struct stream *s, int reason, void *data)
{
	(void)s;
	(void)reason;
	finish_exec(data, ECONNRESET);
}

static const struct stream_ops answer_ops = {
	.handle_readable = handle_answer,
	.handle_close = handle_answer_lost,
};

static void ignore(struct stream *s, void *data)
{
	(void)s;
	(void)data;
}

static const struct stream_ops idle_ops = { .handle_readable = ignore };

static void send_garbage(void)
{
	char junk[4096];

	memset(junk, 0xa5, sizeof(junk));
	if (write(WIRE_LIGHT_FD, junk, sizeof(junk)) < 0)
		exit(4);
}

static void do_exec(struct stream *s, char **argv)
{
	say(s, 0);
	if (str_eq(argv[0], "open") && argv[1]) {
		const struct wire_open open = { .link = argv[1] };
		struct stream *asked = mux_open(mux, &answer_ops, s);

		if (!asked)
			finish_exec(s, EMFILE);
		else
			stream_send_msg(asked, &wire_open_type, &open);
		return;
	}
	if (str_eq(argv[0], "garbage")) {
		send_garbage();
		return;
	}
	if (str_eq(argv[0], "streams") && argv[1]) {
		for (int n = atoi(argv[1]); n > 0; n--)
			mux_open(mux, &idle_ops, NULL);
	}
	mute = str_eq(argv[0], "mute");
	finish_exec(s, 0);
}

static void do_start(struct stream *s)
{
	for (uint64_t phase = PHASE_INIT; phase <= PHASE_READY; phase++) {
		const struct wire_state state = { .phase = phase };

		stream_send_msg(s, &wire_state_type, &state);
	}
}

static void take(struct stream *s, uint16_t type)
{
	static const struct msg_type *const types[] = {
		[WIRE_START] = &wire_start_type,   [WIRE_STOP] = &wire_stop_type,
		[WIRE_EXEC] = &wire_exec_type,     [WIRE_SERVICE] = &wire_service_type,
		[WIRE_CONFIG] = &wire_config_type,
	};
	void *msg;

	if (type >= ARRAY_SIZE(types) || !types[type] || stream_take_msg(s, types[type], &msg) < 0)
		exit(5);
	if (type == WIRE_START)
		do_start(s);
	else if (type == WIRE_STOP)
		exit(0);
	else if (type == WIRE_EXEC)
		do_exec(s, ((struct wire_exec *)msg)->argv);
	else
		say(s, 0);
	msg_free(types[type], msg);
}

static void handle_readable(struct stream *s, void *data)
{
	uint16_t type;

	(void)data;
	if (!mute && stream_next_msg(s, &type) == 0)
		take(s, type);
}

static const struct stream_ops stream_ops = { .handle_readable = handle_readable };

static void handle_open(struct mux *m, struct stream *s, void *data)
{
	(void)m;
	stream_accept(s, &stream_ops, data);
}

static void handle_end(struct mux *m, int reason, void *data)
{
	(void)m;
	(void)reason;
	(void)data;
	exit(0);
}

static const struct mux_ops mux_ops = { .handle_open = handle_open, .handle_end = handle_end };

int main(void)
{
	struct loop *loop = loop_create();
	char name[65] = "";

	log_init("rogue-init", LOG_LEVEL_INFO);
	gethostname(name, sizeof(name) - 1);
	if (str_starts(name, "garbled"))
		send_garbage();
	if (str_starts(name, "silent"))
		log_info("I say nothing");
	while (str_starts(name, "silent"))
		pause();
	mux = mux_create(loop, WIRE_LIGHT_FD, MUX_SERVER, &mux_ops, NULL);
	return loop_run(loop);
}
