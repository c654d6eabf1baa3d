/* SPDX-License-Identifier: MIT */
/*
 * Owns the channel to a monitor and the calls that wait for its CONTROL_RESULT. What the answers
 * mean is the callers'. A monitor holds foreign bytes in its jail, so what it says is checked like
 * a stranger's: msg_decode bounds it, and an id that nobody waits for is ignored.
 */
#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "chan.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

struct call {
	struct call *next;
	uint64_t id;
	int64_t deadline; /* clock_ms */
	control_result_fn done;
	void *data;
};

struct control {
	struct loop *loop;
	struct chan *chan; /* NULL after its end */
	const struct control_ops *ops;
	void *data;
	uint64_t last_id;
	struct call *calls; /* waiting for an answer; owned */
	size_t n_calls;
	struct source *timer;
	bool in_callback; /* destroyed inside a callback: freed behind it */
	bool destroyed;
};

static void answer(struct call *call, uint64_t code, const char *message)
{
	call->done(code, message, call->data);
	free(call);
}

static struct call *take_call(struct control *c, uint64_t id)
{
	for (struct call **p = &c->calls; *p; p = &(*p)->next) {
		struct call *call = *p;

		if (call->id != id)
			continue;
		*p = call->next;
		c->n_calls--;
		return call;
	}
	return NULL;
}

static void answer_all(struct control *c)
{
	while (c->calls)
		answer(take_call(c, c->calls->id), EPIPE, "its monitor went away");
}

static void arm(struct control *c)
{
	int64_t first = INT64_MAX, now = clock_ms();

	for (const struct call *call = c->calls; call; call = call->next)
		if (call->deadline < first)
			first = call->deadline;
	source_arm(c->timer, first == INT64_MAX ? -1 : first > now ? first - now : 0);
}

static void handle_timeout(void *data)
{
	struct control *c = data;
	int64_t now = clock_ms();

	for (struct call *call = c->calls; call;) {
		if (call->deadline > now) {
			call = call->next;
			continue;
		}
		answer(take_call(c, call->id), ETIMEDOUT, "no answer from the machine");
		call = c->calls; /* the list may be another one now */
	}
	arm(c);
}

static void handle_result(struct control *c, const void *msg)
{
	const struct control_result *result = msg;
	struct call *call = take_call(c, result->id);

	if (call)
		answer(call, result->code, result->message);
}

static void handle_state(struct control *c, const void *msg)
{
	c->ops->handle_state(msg, c->data);
}

static void handle_request(struct control *c, const void *msg)
{
	c->ops->handle_request(msg, c->data);
}

static void handle_counters(struct control *c, const void *msg)
{
	c->ops->handle_counters(msg, c->data);
}

static const struct {
	const struct msg_type *type;
	void (*handle)(struct control *c, const void *msg);
} messages[] = {
	{ &control_state_type, handle_state },
	{ &control_request_type, handle_request },
	{ &control_result_type, handle_result },
	{ &control_counters_type, handle_counters },
};

static void finish(struct control *c)
{
	chan_destroy(c->chan);
	source_remove(c->timer);
	free(c);
}

static void handle_msg(struct chan *chan, uint16_t type, const void *bytes, size_t len, int *fd,
		       void *data)
{
	struct control *c = data;
	void *msg;

	(void)chan;
	(void)fd;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++) {
		if (messages[i].type->id != type)
			continue;
		if (msg_decode(messages[i].type, bytes, len, &msg) < 0) {
			log_warn("a monitor sent a malformed %s", messages[i].type->name);
			return;
		}
		c->in_callback = true;
		messages[i].handle(c, msg);
		c->in_callback = false;
		msg_free(messages[i].type, msg);
		if (c->destroyed)
			finish(c);
		return;
	}
}

static void handle_end(struct chan *chan, int reason, void *data)
{
	struct control *c = data;

	chan_destroy(chan);
	c->chan = NULL;
	answer_all(c);
	c->ops->handle_end(reason, c->data);
}

static const struct chan_ops chan_ops = {
	.handle_msg = handle_msg,
	.handle_end = handle_end,
};

int control_connect(struct loop *loop, const char *path, const struct control_ops *ops, void *data,
		    struct control **ret)
{
	const struct control_hello hello = { .version = CONTROL_VERSION };
	struct control *c;
	int fd = -1;
	int r = unix_connect(path, SOCK_SEQPACKET, &fd, NULL);

	if (r < 0)
		return r;
	c = xcalloc(1, sizeof(*c));
	c->loop = loop;
	c->ops = ops;
	c->data = data;
	c->timer = loop_add_timer(loop, handle_timeout, c);
	c->chan = chan_create(loop, fd, &chan_ops, c);
	chan_send(c->chan, &control_hello_type, &hello, -1);
	*ret = c;
	return 0;
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	answer_all(c);
	c->destroyed = true;
	if (!c->in_callback)
		finish(c);
}

static int send_msg(struct control *c, const struct msg_type *type, const void *msg, int fd)
{
	return c->chan ? chan_send(c->chan, type, msg, fd) : -EPIPE;
}

/* A call that could not be sent is answered soon, by the timer. */
static void call(struct control *c, uint64_t id, int64_t timeout_ms, control_result_fn done,
		 void *data)
{
	struct call *call_ = xcalloc(1, sizeof(*call_));

	call_->id = id;
	call_->deadline = clock_ms() + timeout_ms;
	call_->done = done;
	call_->data = data;
	call_->next = c->calls;
	c->calls = call_;
	c->n_calls++;
	arm(c);
}

void control_stream(struct control *c, const char *link, const struct msg_type *type,
		    const void *open, int fd, int64_t timeout_ms, control_result_fn done,
		    void *data)
{
	cleanup_buf struct buf first = BUF_INIT;
	cleanup_free char *id = link ? xstrdup(link) : NULL;
	struct control_stream msg = { .id = ++c->last_id, .link = id };
	bool sent = c->n_calls < CONTROL_MAX_CALLS && msg_encode(type, open, &first) == 0;

	msg.open = (struct msg_bytes){ buf_bytes(&first), first.len };
	sent = sent && send_msg(c, &control_stream_type, &msg, fd) == 0;
	call(c, msg.id, sent ? timeout_ms : 0, done, data);
}

void control_config(struct control *c, const char *service, uint64_t generation,
		    const struct msg_bytes *payload, int64_t timeout_ms, control_result_fn done,
		    void *data)
{
	cleanup_free char *name = xstrdup(service);
	const struct control_config msg = {
		.id = ++c->last_id, .service = name, .generation = generation, .payload = *payload
	};
	bool sent = send_msg(c, &control_config_type, &msg, -1) == 0;

	call(c, msg.id, sent ? timeout_ms : 0, done, data);
}

void control_verdict(struct control *c, uint64_t id, uint64_t code, const char *message,
		     const char *link, int fd)
{
	cleanup_free char *text = message ? xstrndup(message, 4000) : NULL;
	cleanup_free char *link_id = link ? xstrdup(link) : NULL;
	const struct control_verdict msg = {
		.id = id, .code = code, .message = text, .link = link_id
	};

	send_msg(c, &control_verdict_type, &msg, fd);
}

void control_nic(struct control *c, const char *name, int fd)
{
	cleanup_free char *copy = xstrdup(name);

	send_msg(c, &control_nic_type, &(struct control_nic){ .name = copy }, fd);
}

void control_cut(struct control *c, const char *link)
{
	cleanup_free char *copy = xstrdup(link);

	send_msg(c, &control_cut_type, &(struct control_cut){ .link = copy }, -1);
}

void control_stop(struct control *c, int64_t grace_ms)
{
	send_msg(c, &control_stop_type, &(struct control_stop){ .grace = (uint64_t)grace_ms }, -1);
}

void control_count(struct control *c)
{
	send_msg(c, &control_count_type, &(struct control_count){ .id = ++c->last_id }, -1);
}
