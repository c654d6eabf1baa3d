/* SPDX-License-Identifier: MIT */
/*
 * Owns every stream but the control stream, from its opening to its end. Who may open what is the
 * daemon's decision; this file only asks and obeys.
 */
#include "call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "relay.h"
#include "stream_msg.h"

enum call_state {
	CALL_OPENING, /* the guest's: its WIRE_OPEN has not come yet */
	CALL_WAITING, /* the guest's: the daemon was asked, or will be when it is back */
	CALL_ASKED,   /* ours: the guest's WIRE_REPLY has not come yet */
	CALL_RELAY,   /* bytes flow */
};

struct call {
	struct calls *calls;
	struct call *prev, *next; /* in calls->list, which owns it */
	enum call_state state;
	uint64_t id;           /* of the control message */
	struct stream *stream; /* until it is the relay's */
	struct relay *relay;   /* CALL_RELAY */
	int fd;                /* CALL_ASKED: to be relayed; -1: none (a configuration) */
	char *link;            /* what the guest asked for, or the link's id */
	struct link_use use;   /* CALL_RELAY */
	struct source *timer;
	struct source *hangup; /* CALL_ASKED: whoever wanted the stream went away */
};

struct calls {
	struct loop *loop;
	struct mux *mux;
	struct links *links;
	const struct calls_ops *ops;
	void *data;
	struct call list; /* head */
	size_t waiting;
	uint64_t next_id;
	bool daemon;
};

static const struct stream_ops stream_ops;

static void unlink_call(struct call *call)
{
	struct calls *calls = call->calls;

	calls->waiting -= call->state == CALL_WAITING;
	call->prev->next = call->next;
	call->next->prev = call->prev;
	source_clear(call->timer);
	source_clear(call->hangup);
}

/* The stream was given away or is gone already, else it is reset. */
static void end_call(struct call *call)
{
	unlink_call(call);
	link_leave(&call->use);
	relay_destroy(call->relay);
	if (call->stream)
		stream_reset(call->stream);
	fd_close(&call->fd);
	free(call->link);
	free(call);
}

static void report(struct call *call, int code, const char *message)
{
	char text[] = "";
	cleanup_free char *copy = message ? xstrdup(message) : NULL;
	struct control_result result = { .id = call->id,
					 .code = (uint64_t)code,
					 .message = copy ? copy : text };

	call->calls->ops->handle_result(&result, call->calls->data);
}

/* An answer to a control message for which there never was a call. */
static void report_failure(struct calls *calls, uint64_t id, int code, const char *message)
{
	struct call none = { .calls = calls, .id = id };

	report(&none, code, message);
}

static void broken(struct call *call, const char *what)
{
	struct calls *calls = call->calls;

	if (call->state == CALL_ASKED)
		report(call, EPROTO, what);
	end_call(call);
	calls->ops->handle_broken(what, calls->data);
}

/* Answers the guest's WIRE_OPEN with a refusal. */
static void refuse(struct call *call, uint64_t code, const char *message)
{
	cleanup_free char *copy = xstrdup(message ? message : "");
	struct wire_reply reply = { .code = code ? code : EIO, .message = copy };

	if (stream_send_msg(call->stream, &wire_reply_type, &reply) == 0)
		stream_close(steal_ptr(call->stream));
	end_call(call);
}

static void handle_timeout(void *data)
{
	struct call *call = data;

	if (call->state == CALL_WAITING) {
		refuse(call, EAGAIN, "the daemon that decides about links does not run; try again");
		return;
	}
	report(call, ETIMEDOUT, "the machine's agent does not answer");
	end_call(call);
}

static struct call *add_call(struct calls *calls, enum call_state state, uint64_t id)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->calls = calls;
	call->state = state;
	call->id = id;
	call->fd = -1;
	call->prev = calls->list.prev;
	call->next = &calls->list;
	call->prev->next = call;
	call->next->prev = call;
	call->timer = loop_add_timer(calls->loop, handle_timeout, call);
	return call;
}

/* The relay's bytes in the link's numbers. */

static void count_use(struct link_use *use, struct control_link_count *sum)
{
	const struct call *call = CONTAINER_OF(use, struct call, use);
	struct relay_counts counts;

	relay_get_counts(call->relay, &counts);
	sum->tx_bytes += counts.to_fd;
	sum->rx_bytes += counts.to_stream;
}

static void cut_use(struct link_use *use)
{
	end_call(CONTAINER_OF(use, struct call, use));
}

static const struct link_use_ops use_ops = { count_use, cut_use };

static void handle_done(struct relay *relay, void *data)
{
	(void)relay;
	end_call(data);
}

static void start_relay(struct call *call, int fd, const char *link)
{
	struct calls *calls = call->calls;

	calls->waiting -= call->state == CALL_WAITING;
	call->state = CALL_RELAY;
	source_clear(call->timer);
	source_clear(call->hangup);
	links_join(calls->links, link, true, &use_ops, &call->use);
	call->relay = relay_create(calls->loop, steal_ptr(call->stream), fd, handle_done, call);
}

/* The guest's requests */

static void ask(struct call *call)
{
	struct control_request request = { .id = call->id, .link = call->link };

	source_arm(call->timer, -1);
	call->calls->ops->handle_request(&request, call->calls->data);
}

static void handle_open_msg(struct call *call)
{
	struct calls *calls = call->calls;
	struct wire_open *open;
	void *msg;

	if (stream_take_msg(call->stream, &wire_open_type, &msg) < 0) {
		broken(call, "a malformed request for a link");
		return;
	}
	open = msg;
	call->link = xstrdup(open->link ? open->link : "");
	msg_free(&wire_open_type, msg);
	if (calls->waiting >= CALLS_WAITING_MAX) {
		refuse(call, EAGAIN, "too many requests wait for an answer");
		return;
	}
	call->state = CALL_WAITING;
	calls->waiting++;
	if (calls->daemon)
		ask(call);
	else
		source_arm(call->timer, CALL_DAEMON_MS);
}

void calls_accept(struct calls *calls, struct stream *stream)
{
	struct call *call = add_call(calls, CALL_OPENING, ++calls->next_id);

	call->stream = stream;
	stream_accept(stream, &stream_ops, call);
}

static struct call *find_waiting(struct calls *calls, uint64_t id)
{
	for (struct call *call = calls->list.next; call != &calls->list; call = call->next)
		if (call->state == CALL_WAITING && call->id == id)
			return call;
	return NULL;
}

void calls_verdict(struct calls *calls, const struct control_verdict *verdict, int *fd)
{
	struct call *call = find_waiting(calls, verdict->id);
	char text[] = "";
	struct wire_reply reply = { .code = 0, .message = text };

	if (!call)
		return; /* the guest gave up meanwhile */
	if (verdict->code || *fd < 0) {
		refuse(call, verdict->code, verdict->message);
		return;
	}
	if (stream_send_msg(call->stream, &wire_reply_type, &reply) < 0) {
		end_call(call);
		return;
	}
	start_relay(call, steal_fd(fd), verdict->link);
}

void calls_set_daemon(struct calls *calls, bool there)
{
	struct call *next;

	calls->daemon = there;
	for (struct call *call = calls->list.next; call != &calls->list; call = next) {
		next = call->next;
		if (call->state != CALL_WAITING)
			continue;
		if (there)
			ask(call);
		else
			source_arm(call->timer, CALL_DAEMON_MS);
	}
}

/* Our questions to the guest */

static void handle_hangup(int fd, uint32_t events, void *data)
{
	struct call *call = data;

	(void)fd;
	(void)events;
	report(call, ECANCELED, "whoever wanted the stream went away");
	end_call(call);
}

static void handle_reply_msg(struct call *call)
{
	struct wire_reply *reply;
	bool relayed;
	void *msg;

	if (stream_take_msg(call->stream, &wire_reply_type, &msg) < 0) {
		broken(call, "a malformed reply");
		return;
	}
	reply = msg;
	relayed = !reply->code && call->fd >= 0;
	report(call, (int)(reply->code & 0xffff), reply->message);
	msg_free(&wire_reply_type, msg);
	if (relayed) {
		start_relay(call, steal_fd(&call->fd), call->link);
		return;
	}
	stream_close(steal_ptr(call->stream));
	end_call(call);
}

/* Opens the stream and waits for the reply; the caller writes the question. */
static struct call *start_question(struct calls *calls, uint64_t id)
{
	struct call *call = add_call(calls, CALL_ASKED, id);

	call->stream = mux_open(calls->mux, &stream_ops, call);
	if (!call->stream) {
		report(call, EMFILE, "the machine has too many streams open");
		end_call(call);
		return NULL;
	}
	source_arm(call->timer, CALL_REPLY_MS);
	return call;
}

static bool is_question(const struct msg_bytes *open)
{
	uint16_t type;
	size_t len;

	return open->len <= STREAM_MSG_MAX && msg_peek(open->data, open->len, &type, &len) == 0 &&
	       len == open->len && (type == WIRE_EXEC || type == WIRE_SERVICE);
}

void calls_stream(struct calls *calls, const struct control_stream *msg, int *fd)
{
	struct call *call;

	if (*fd < 0 || !is_question(&msg->open)) {
		report_failure(calls, msg->id, EINVAL,
			       "a stream needs a descriptor and a WIRE_EXEC or WIRE_SERVICE");
		return;
	}
	call = start_question(calls, msg->id);
	if (!call)
		return;
	call->fd = steal_fd(fd);
	call->link = msg->link ? xstrdup(msg->link) : NULL;
	call->hangup = loop_add_fd(calls->loop, call->fd, EPOLLHUP, handle_hangup, call);
	stream_write(call->stream, msg->open.data, msg->open.len);
}

void calls_config(struct calls *calls, const struct control_config *msg)
{
	struct call *call = start_question(calls, msg->id);
	struct wire_config config = { .service = msg->service,
				      .generation = msg->generation,
				      .payload = msg->payload };

	if (!call)
		return;
	if (stream_send_msg(call->stream, &wire_config_type, &config) < 0) {
		report(call, EMSGSIZE, "the configuration is too long for the wire");
		end_call(call);
	}
}

/* The stream while it is ours */

static void handle_readable(struct stream *stream, void *data)
{
	struct call *call = data;
	uint16_t wanted = call->state == CALL_ASKED ? WIRE_REPLY : WIRE_OPEN;
	uint16_t type;
	int r;

	if (call->state == CALL_WAITING)
		return; /* bytes behind WIRE_OPEN wait for the relay */
	r = stream_next_msg(stream, &type);
	if (r == -EAGAIN)
		return;
	if (r < 0 || type != wanted)
		broken(call, wanted == WIRE_REPLY ? "something else where a reply was expected"
						  : "a stream that begins with no request");
	else if (wanted == WIRE_REPLY)
		handle_reply_msg(call);
	else
		handle_open_msg(call);
}

static void handle_writable(struct stream *stream, void *data)
{
	(void)stream;
	(void)data;
}

static void handle_eof(struct stream *stream, void *data)
{
	struct call *call = data;

	(void)stream;
	if (call->state == CALL_WAITING)
		return; /* a half-close: the relay will see it again */
	if (call->state == CALL_ASKED)
		report(call, ECONNRESET, "the machine's agent ended the stream without a reply");
	end_call(call);
}

static void handle_close(struct stream *stream, int reason, void *data)
{
	struct call *call = data;

	(void)stream;
	(void)reason;
	call->stream = NULL;
	if (call->state == CALL_ASKED)
		report(call, ECONNRESET, "the machine's agent ended the stream without a reply");
	end_call(call);
}

static const struct stream_ops stream_ops = {
	.handle_readable = handle_readable,
	.handle_writable = handle_writable,
	.handle_eof = handle_eof,
	.handle_close = handle_close,
};

struct calls *calls_create(struct loop *loop, struct mux *mux, struct links *links,
			   const struct calls_ops *ops, void *data)
{
	struct calls *calls = xcalloc(1, sizeof(*calls));

	calls->loop = loop;
	calls->mux = mux;
	calls->links = links;
	calls->ops = ops;
	calls->data = data;
	calls->list.prev = calls->list.next = &calls->list;
	return calls;
}

void calls_destroy(struct calls *calls)
{
	if (!calls)
		return;
	while (calls->list.next != &calls->list)
		end_call(calls->list.next);
	free(calls);
}
