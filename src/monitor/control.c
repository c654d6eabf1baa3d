/* SPDX-License-Identifier: MIT */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "chan.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

struct control {
	struct loop *loop;
	int listening;
	struct source *source;
	const struct control_ops *ops;
	void *data;
	struct chan *chan; /* the daemon's; NULL: none */
	bool hello;        /* it said it */
};

static void drop(struct control *control)
{
	bool told = control->hello;

	control->hello = false;
	chan_destroy(steal_ptr(control->chan));
	if (told)
		control->ops->handle_daemon(false, control->data);
}

/* One function per message, so that the table below can name them. */

static void take_hello(struct control *control, const void *msg, int *fd)
{
	const struct control_hello *hello = msg;

	(void)fd;
	if (hello->version != CONTROL_VERSION)
		log_info("the daemon speaks version %llu of the control protocol, this monitor %d",
			 (unsigned long long)hello->version, CONTROL_VERSION);
	control->hello = true;
	control->ops->handle_daemon(true, control->data);
}

static void take_stream(struct control *control, const void *msg, int *fd)
{
	control->ops->handle_stream(msg, fd, control->data);
}

static void take_verdict(struct control *control, const void *msg, int *fd)
{
	control->ops->handle_verdict(msg, fd, control->data);
}

static void take_nic(struct control *control, const void *msg, int *fd)
{
	control->ops->handle_nic(msg, fd, control->data);
}

static void take_cut(struct control *control, const void *msg, int *fd)
{
	(void)fd;
	control->ops->handle_cut(msg, control->data);
}

static void take_config(struct control *control, const void *msg, int *fd)
{
	(void)fd;
	control->ops->handle_config(msg, control->data);
}

static void take_stop(struct control *control, const void *msg, int *fd)
{
	(void)fd;
	control->ops->handle_stop(msg, control->data);
}

static void take_count(struct control *control, const void *msg, int *fd)
{
	(void)fd;
	control->ops->handle_count(msg, control->data);
}

static const struct {
	const struct msg_type *type;
	void (*take)(struct control *control, const void *msg, int *fd);
} messages[] = {
	{ &control_hello_type, take_hello },     { &control_stream_type, take_stream },
	{ &control_verdict_type, take_verdict }, { &control_nic_type, take_nic },
	{ &control_cut_type, take_cut },         { &control_config_type, take_config },
	{ &control_stop_type, take_stop },       { &control_count_type, take_count },
};

static void take(struct control *control, size_t i, const void *bytes, size_t len, int *fd)
{
	const struct msg_type *type = messages[i].type;
	void *msg;
	int r;

	if (!control->hello && type->id != CONTROL_HELLO) {
		log_warn("the daemon began with %s instead of control_hello", type->name);
		drop(control);
		return;
	}
	r = msg_decode(type, bytes, len, &msg);
	if (r < 0) {
		log_warn("a malformed %s from the daemon", type->name);
		drop(control);
		return;
	}
	messages[i].take(control, msg, fd);
	msg_free(type, msg);
}

static void handle_msg(struct chan *chan, uint16_t type, const void *msg, size_t len, int *fd,
		       void *data)
{
	(void)chan;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		if (messages[i].type->id == type) {
			take(data, i, msg, len, fd);
			return;
		}
	}
	log_debug("message %u of a newer daemon passed over", type);
}

static void handle_end(struct chan *chan, int reason, void *data)
{
	(void)chan;
	if (reason < 0)
		log_warn("the daemon broke the control protocol");
	drop(data);
}

static const struct chan_ops chan_ops = { handle_msg, handle_end };

static void handle_connection(int fd, uint32_t events, void *data)
{
	struct control *control = data;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (peer < 0)
		return;
	drop(control);
	control->chan = chan_create(control->loop, peer, &chan_ops, control);
}

struct control *control_create(struct loop *loop, int listening, const struct control_ops *ops,
			       void *data)
{
	struct control *control = xcalloc(1, sizeof(*control));

	control->loop = loop;
	control->listening = listening;
	control->ops = ops;
	control->data = data;
	control->source = loop_add_fd(loop, listening, EPOLLIN, handle_connection, control);
	return control;
}

void control_destroy(struct control *control)
{
	if (!control)
		return;
	source_remove(control->source);
	chan_destroy(control->chan);
	fd_close(&control->listening);
	free(control);
}

bool control_connected(const struct control *control)
{
	return control->hello;
}

void control_send(struct control *control, const struct msg_type *type, const void *msg)
{
	int r = control->hello ? chan_send(control->chan, type, msg, -1) : 0;

	if (r < 0)
		log_debug("%s to the daemon: %d", type->name, r);
}
