/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "stream_msg.h"

struct wire {
	struct loop *loop;
	const struct wire_ops *ops;
	void *data;
	struct mux *mux;
	struct stream *control; /* NULL: not there any more */
	struct calls *calls;
	struct source *ending; /* handle_end is on its way */
	char what[128];        /* why: the guest's fault; empty: none */
	uint64_t phase;        /* enum wire_phase: the last that was reported */
};

static void end_session(struct wire *wire)
{
	calls_destroy(steal_ptr(wire->calls));
	mux_destroy(steal_ptr(wire->mux));
	wire->control = NULL;
}

static void handle_ending(void *data)
{
	struct wire *wire = data;

	wire->ending = NULL;
	end_session(wire);
	wire->ops->handle_end(wire->what[0] ? wire->what : NULL, wire->data);
}

/* Ends the session once the callbacks of mux and streams that may be on the stack are through. */
static void end_soon(struct wire *wire, const char *what)
{
	/* A broken session first closes its streams: the reason comes last. */
	if (!wire->what[0])
		snprintf(wire->what, sizeof(wire->what), "%s", what);
	if (!wire->ending)
		wire->ending = loop_defer(wire->loop, handle_ending, wire);
}

/* The control stream */

static bool is_next_phase(const struct wire *wire, uint64_t phase)
{
	return phase > wire->phase && phase <= PHASE_FAILED && wire->phase < PHASE_EXITED;
}

static void take_state(struct wire *wire)
{
	struct wire_state *state;
	void *msg;

	if (stream_take_msg(wire->control, &wire_state_type, &msg) < 0) {
		end_soon(wire, "a malformed state");
		return;
	}
	state = msg;
	if (is_next_phase(wire, state->phase)) {
		wire->phase = state->phase;
		wire->ops->handle_state(state, wire->data);
	} else {
		end_soon(wire, "its state went backwards");
	}
	msg_free(&wire_state_type, msg);
}

static void handle_control(struct stream *stream, void *data)
{
	struct wire *wire = data;
	uint16_t type;
	int r;

	while (!wire->ending && (r = stream_next_msg(stream, &type)) != -EAGAIN) {
		if (r < 0 || type != WIRE_STATE)
			end_soon(wire, "something else than a state on the control stream");
		else
			take_state(wire);
	}
}

static void handle_control_eof(struct stream *stream, void *data)
{
	(void)stream;
	end_soon(data, "");
}

static void handle_control_close(struct stream *stream, int reason, void *data)
{
	struct wire *wire = data;

	(void)stream;
	(void)reason;
	wire->control = NULL;
	end_soon(wire, "");
}

static const struct stream_ops control_ops = {
	.handle_readable = handle_control,
	.handle_eof = handle_control_eof,
	.handle_close = handle_control_close,
};

static int send_start(struct wire *wire, const struct machine_config *config,
		      const struct msg_records *secrets, struct err **err)
{
	struct timespec now;
	struct wire_start start = { .version = WIRE_VERSION,
				    .guest = config->guest,
				    .secrets = *secrets };
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	start.time = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	wire->control = mux_open(wire->mux, &control_ops, wire);
	if (!wire->control)
		return err_set(err, EPIPE, "the wire cannot be opened");
	r = stream_send_msg(wire->control, &wire_start_type, &start);
	if (r < 0)
		return err_set_errno(err, -r, "the guest's configuration (WIRE_START)");
	/* The guest goes on while this process still locks itself in. */
	mux_flush(wire->mux);
	return 0;
}

/* The session */

static void handle_open(struct mux *mux, struct stream *stream, void *data)
{
	struct wire *wire = data;

	(void)mux;
	if (wire->ending)
		stream_reset(stream);
	else
		calls_accept(wire->calls, stream);
}

static void handle_end(struct mux *mux, int reason, void *data)
{
	(void)mux;
	end_soon(data, reason == -EPROTO ? "malformed frames" : "");
}

static const struct mux_ops mux_ops = { handle_open, handle_end };

static void handle_request(const struct control_request *request, void *data)
{
	struct wire *wire = data;

	wire->ops->calls.handle_request(request, wire->data);
}

static void handle_result(const struct control_result *result, void *data)
{
	struct wire *wire = data;

	wire->ops->calls.handle_result(result, wire->data);
}

static void handle_broken(const char *what, void *data)
{
	end_soon(data, what);
}

static const struct calls_ops calls_ops = { handle_request, handle_result, handle_broken };

int wire_create(struct loop *loop, int fd, const struct machine_config *config,
		const struct msg_records *secrets, struct links *links, const struct wire_ops *ops,
		void *data, struct wire **ret_wire, struct err **err)
{
	struct wire *wire = xcalloc(1, sizeof(*wire));
	int r;

	wire->loop = loop;
	wire->ops = ops;
	wire->data = data;
	wire->mux = mux_create(loop, fd, MUX_CLIENT, &mux_ops, wire);
	wire->calls = calls_create(loop, wire->mux, links, &calls_ops, wire);
	r = send_start(wire, config, secrets, err);
	if (r < 0) {
		wire_destroy(wire);
		return r;
	}
	*ret_wire = wire;
	return 0;
}

void wire_destroy(struct wire *wire)
{
	if (!wire)
		return;
	source_remove(wire->ending);
	end_session(wire);
	free(wire);
}

bool wire_stop(struct wire *wire, uint64_t grace)
{
	struct wire_stop stop = { .grace = grace };

	return wire && wire->control && !wire->ending &&
	       stream_send_msg(wire->control, &wire_stop_type, &stop) == 0;
}

struct calls *wire_calls(struct wire *wire)
{
	return wire && !wire->ending ? wire->calls : NULL;
}
