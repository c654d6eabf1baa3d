/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdio.h>

#include "log.h"
#include "machine.h"
#include "str.h"
#include "stream_msg.h"
#include "timestamp.h"

#define MESSAGE_MAX 4096 /* wire_state.message */

static struct stream *control; /* NULL when there is none */

static int take_start(struct agent *agent, struct stream *stream)
{
	void *start;
	int r;

	if (agent->config)
		return -EPROTO;
	r = stream_take_msg(stream, &wire_start_type, &start);
	if (r == 0)
		machine_begin(agent, start);
	return r;
}

static int take_stop(struct agent *agent, struct stream *stream)
{
	struct wire_stop *stop;
	int r = stream_take_msg(stream, &wire_stop_type, (void **)&stop);

	if (r < 0)
		return r;
	machine_stop(agent, stop->grace);
	msg_free(&wire_stop_type, stop);
	return 0;
}

static void handle_readable(struct stream *stream, void *data)
{
	struct agent *agent = data;
	uint16_t type;
	int r;

	while (stream == control && (r = stream_next_msg(stream, &type)) != -EAGAIN) {
		if (r == 0)
			r = type == WIRE_START  ? take_start(agent, stream)
			    : type == WIRE_STOP ? take_stop(agent, stream)
						: -EPROTO;
		if (r < 0) {
			log_error("wire: control: not a message that is expected here: %s",
				  strerror(-r));
			control = NULL;
			stream_reset(stream);
			machine_lost(agent);
		}
	}
}

/* The monitor lets go of the machine, in this way or by closing the wire. */
static void handle_eof(struct stream *stream, void *data)
{
	(void)stream;
	machine_lost(data);
}

static void handle_close(struct stream *stream, int reason, void *data)
{
	(void)stream;
	(void)reason;
	control = NULL;
	machine_lost(data);
}

void control_open(struct agent *agent, struct stream *stream)
{
	static const struct stream_ops ops = {
		.handle_readable = handle_readable,
		.handle_eof = handle_eof,
		.handle_close = handle_close,
	};

	if (control) {
		stream_reset(stream);
		return;
	}
	control = stream;
	stream_set_ops(stream, &ops, agent);
}

void control_state(enum wire_phase phase, int status, const char *message)
{
	struct wire_state state = { .phase = phase, .status = (uint64_t)status };
	char text[MESSAGE_MAX + 1];
	int r;

	if (!control)
		return;
	state.uptime = timestamp_now();
	state.began = timestamp_began();
	if (message) {
		snprintf(text, sizeof(text), "%s", message);
		state.message = text;
	}
	r = stream_send_msg(control, &wire_state_type, &state);
	if (r < 0)
		log_warn("wire: control: state %d is not sent: %s", (int)phase, strerror(-r));
}

void control_close(void)
{
	if (control)
		stream_close(control);
	control = NULL;
}
