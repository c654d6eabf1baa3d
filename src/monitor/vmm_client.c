/* SPDX-License-Identifier: MIT */
#include "vmm_client.h"

#include "chan.h"
#include "log.h"
#include "mem.h"

struct vmm_client {
	struct chan *chan; /* NULL: atoll-vmm is gone, or spoke nonsense */
	vmm_times_fn fn;
	void *data;
};

static void handle_msg(struct chan *chan, uint16_t type, const void *msg, size_t len, int *fd,
		       void *data)
{
	struct vmm_client *client = data;
	struct vmm_statistics *s;
	void *decoded;

	(void)chan;
	(void)fd;
	if (type != VMM_STATISTICS)
		return;
	if (msg_decode(&vmm_statistics_type, msg, len, &decoded) < 0) {
		log_warn("atoll-vmm sent malformed statistics");
		return;
	}
	s = decoded;
	if (s->times.n)
		client->fn(s->times.items, client->data);
	msg_free(&vmm_statistics_type, s);
}

/* Its process' end is what says how it ended. */
static void handle_end(struct chan *chan, int reason, void *data)
{
	struct vmm_client *client = data;

	(void)reason;
	chan_destroy(chan);
	client->chan = NULL;
}

static const struct chan_ops ops = { handle_msg, handle_end };

struct vmm_client *vmm_client_create(struct loop *loop, int fd, vmm_times_fn fn, void *data)
{
	struct vmm_client *client = xcalloc(1, sizeof(*client));

	client->fn = fn;
	client->data = data;
	client->chan = chan_create(loop, fd, &ops, client);
	return client;
}

void vmm_client_destroy(struct vmm_client *client)
{
	if (!client)
		return;
	chan_destroy(client->chan);
	free(client);
}

void vmm_client_ask_times(struct vmm_client *client)
{
	const struct vmm_request request = { .id = 1, .verb = VMM_TIMES };

	if (client && client->chan && chan_send(client->chan, &vmm_request_type, &request, -1) < 0)
		log_debug("atoll-vmm cannot be asked for its times");
}
