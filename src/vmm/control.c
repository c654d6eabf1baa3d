/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/socket.h>

#include "abi_vmm.h"
#include "counters.h"
#include "fd.h"
#include "log.h"
#include "machine.h"
#include "mem.h"

#define REQUEST_MAX 512                /* bytes of a packet */
#define GRACE_MAX   (24 * 3600 * 1000) /* milliseconds */

struct client {
	struct control *control;
	int fd; /* -1: a free place */
	struct source *source;
};

struct control {
	struct machine *machine;
	int listening; /* -1: the only client was there from the beginning */
	struct source *source;
	struct source *grace; /* a stop's timer */
	struct client clients[VMM_SOCKET_CLIENTS];
};

static void drop(struct client *client)
{
	source_clear(client->source);
	fd_close(&client->fd);
}

/* A client that does not read has itself to blame: nobody waits for it. */
static void send_message(struct client *client, const struct msg_type *type, const void *msg)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r = client->fd < 0 ? -ENOTCONN : msg_encode(type, msg, &bytes);

	if (r == 0 && write(client->fd, buf_bytes(&bytes), bytes.len) < 0)
		r = -errno;
	if (r < 0 && client->fd >= 0) {
		log_debug("control socket: %s: %d", type->name, r);
		drop(client);
	}
}

/* ---- What is asked ------------------------------------------------------------------------------- */

/* Answers are 0, or an errno with a message that the caller frees. */

static int pause_machine(struct control *c, uint64_t value, char **ret_message)
{
	(void)value;
	(void)ret_message;
	machine_pause(c->machine);
	return 0;
}

static int resume_machine(struct control *c, uint64_t value, char **ret_message)
{
	(void)value;
	(void)ret_message;
	machine_resume(c->machine);
	return 0;
}

static int press_button(struct control *c, uint64_t value, char **ret_message)
{
	(void)value;
	(void)ret_message;
	machine_press_button(c->machine);
	return 0;
}

/* A paused guest could not hear the button. */
static int stop(struct control *c, uint64_t value, char **ret_message)
{
	if (value > GRACE_MAX) {
		*ret_message = xstrdup("more than a day of grace");
		return ERANGE;
	}
	machine_resume(c->machine);
	machine_press_button(c->machine);
	source_arm(c->grace, (int64_t)value);
	return 0;
}

static int kill_machine(struct control *c, uint64_t value, char **ret_message)
{
	(void)value;
	(void)ret_message;
	machine_quit(c->machine, VMM_KILLED, "killed by request");
	return 0;
}

static int set_balloon(struct control *c, uint64_t value, char **ret_message)
{
	struct machine *m = c->machine;

	if (!m->balloon) {
		*ret_message = xstrdup("the machine has no balloon");
		return ENODEV;
	}
	if (value > m->options->memory) {
		*ret_message = xasprintf("the machine has %" PRIu64 " bytes", m->options->memory);
		return ERANGE;
	}
	dev_balloon_set_target(m->balloon, value);
	return 0;
}

static int (*const verbs[])(struct control *c, uint64_t value, char **ret_message) = {
	[VMM_PAUSE] = pause_machine,       [VMM_RESUME] = resume_machine,
	[VMM_POWER_BUTTON] = press_button, [VMM_STOP] = stop,
	[VMM_KILL] = kill_machine,         [VMM_BALLOON] = set_balloon,
};

static void send_statistics(struct client *client, const struct vmm_request *request)
{
	struct machine *m = client->control->machine;
	struct vmm_statistics *s =
		request->verb == VMM_TIMES ? counters_times(m) : counters_collect(m);

	s->id = request->id;
	send_message(client, &vmm_statistics_type, s);
	msg_free(&vmm_statistics_type, s);
}

static void answer(struct client *client, const struct vmm_request *request)
{
	cleanup_free char *message = NULL;
	struct vmm_result result = { .id = request->id };

	if (request->verb == VMM_COUNTERS || request->verb == VMM_TIMES) {
		send_statistics(client, request);
		return;
	}
	if (request->verb < ARRAY_SIZE(verbs) && verbs[request->verb]) {
		result.code =
			(uint64_t)verbs[request->verb](client->control, request->value, &message);
	} else {
		message = xasprintf("unknown request %" PRIu64, request->verb);
		result.code = EOPNOTSUPP;
	}
	result.message = message;
	send_message(client, &vmm_result_type, &result);
}

/* ---- Clients ------------------------------------------------------------------------------------- */

static int read_request(struct client *client, struct vmm_request *ret)
{
	uint8_t bytes[REQUEST_MAX + 1]; /* of a longer packet, that much */
	void *msg;
	ssize_t n = read(client->fd, bytes, sizeof(bytes));
	int r;

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ENOTCONN;
	r = n > REQUEST_MAX ? -EMSGSIZE : msg_decode(&vmm_request_type, bytes, (size_t)n, &msg);
	if (r < 0) {
		log_warn("control socket: a malformed request; its client is gone");
		return r;
	}
	*ret = *(struct vmm_request *)msg;
	msg_free(&vmm_request_type, msg);
	return 0;
}

static void handle_client(int fd, uint32_t events, void *data)
{
	struct client *client = data;
	struct vmm_request request;
	int r = read_request(client, &request);

	(void)fd;
	(void)events;
	if (r == 0)
		answer(client, &request);
	else if (r != -EAGAIN && r != -EINTR)
		drop(client);
}

static void refuse(struct control *c, int fd)
{
	cleanup_free char *message =
		xasprintf("it has %d clients, as many as it takes", VMM_SOCKET_CLIENTS);
	struct client client = { .control = c, .fd = fd };

	send_message(&client, &vmm_result_type,
		     &(struct vmm_result){ .code = EBUSY, .message = message });
	drop(&client);
}

/* Takes the descriptor over. */
static void add_client(struct control *c, int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->clients); i++) {
		struct client *client = &c->clients[i];

		if (client->fd >= 0)
			continue;
		client->fd = fd;
		client->source = loop_add_fd(c->machine->loop, fd, EPOLLIN, handle_client, client);
		return;
	}
	refuse(c, fd);
}

static void handle_connection(int fd, uint32_t events, void *data)
{
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (peer >= 0)
		add_client(data, peer);
}

static void handle_grace_end(void *data)
{
	struct control *c = data;

	machine_quit(c->machine, VMM_KILLED, "it did not power off in time");
}

int control_create(struct machine *m, int fd, bool connected, struct control **ret,
		   struct err **err)
{
	int type = 0, r;
	socklen_t len = sizeof(type);
	struct control *c;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
		fd_close(&fd);
		return err_set(err, EINVAL, "--control: it is not a socket of packets");
	}
	r = fd_set_nonblock(fd, true);
	if (r < 0) {
		fd_close(&fd);
		return err_set_errno(err, -r, "--control");
	}
	c = xcalloc(1, sizeof(*c));
	c->machine = m;
	c->listening = -1;
	for (size_t i = 0; i < ARRAY_SIZE(c->clients); i++)
		c->clients[i] = (struct client){ .control = c, .fd = -1 };
	c->grace = loop_add_timer(m->loop, handle_grace_end, c);
	if (connected) {
		add_client(c, fd);
	} else {
		c->listening = fd;
		c->source = loop_add_fd(m->loop, fd, EPOLLIN, handle_connection, c);
	}
	*ret = c;
	return 0;
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(c->clients); i++)
		drop(&c->clients[i]);
	source_remove(c->grace);
	source_remove(c->source);
	fd_close(&c->listening);
	free(c);
}

void control_announce_end(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(c->clients); i++)
		send_message(&c->clients[i], &vmm_ended_type,
			     &(struct vmm_ended){ .end = c->machine->end,
						  .detail = c->machine->end_detail });
}
