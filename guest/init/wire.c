/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>

#include "control.h"
#include "exec.h"
#include "log.h"
#include "machine.h"
#include "mem.h"
#include "services.h"
#include "str.h"
#include "stream_msg.h"

#define FLUSH_MS 200

/* What a stream of the monitor may begin with. */
static const struct {
	uint16_t type;
	void (*open)(struct agent *agent, struct stream *stream);
} openers[] = {
	{ WIRE_START, control_open },
	{ WIRE_EXEC, exec_open },
	{ WIRE_SERVICE, services_open },
	{ WIRE_CONFIG, services_configure },
};

static void handle_first(struct stream *stream, void *data)
{
	uint16_t type;
	int r = stream_next_msg(stream, &type);

	if (r == -EAGAIN)
		return;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(openers); i++)
		if (openers[i].type == type) {
			openers[i].open(data, stream);
			return;
		}
	log_warn("wire: a stream begins with no message that is known");
	stream_reset(stream);
}

static void handle_first_eof(struct stream *stream, void *data)
{
	(void)data;
	stream_close(stream);
}

static void handle_open(struct mux *mux, struct stream *stream, void *data)
{
	static const struct stream_ops ops = {
		.handle_readable = handle_first,
		.handle_eof = handle_first_eof,
	};

	(void)mux;
	stream_accept(stream, &ops, data);
}

static void handle_end(struct mux *mux, int reason, void *data)
{
	struct agent *agent = data;

	if (reason)
		log_warn("wire: %s", strerror(-reason));
	agent->mux = NULL;
	mux_destroy(mux);
	machine_lost(agent);
}

void wire_begin(struct agent *agent, int fd)
{
	static const struct mux_ops ops = { .handle_open = handle_open, .handle_end = handle_end };

	agent->mux = mux_create(agent->loop, fd, MUX_SERVER, &ops, agent);
}

void wire_end(struct agent *agent)
{
	int64_t deadline = clock_ms() + FLUSH_MS;

	control_close();
	while (agent->mux && mux_unsent(agent->mux) && clock_ms() < deadline)
		loop_step(agent->loop, 5);
	mux_destroy(agent->mux);
	agent->mux = NULL;
}
