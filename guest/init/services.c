/* SPDX-License-Identifier: MIT */
/*
 * A visit is one stream for a service: it dials the service's target, and then a WIRE_SERVICE is
 * relayed, while a WIRE_CONFIG is handed over as it is and answered by the one WIRE_REPLY that the
 * service's program sends back. Either ends with the stream. Their number is bounded by the mux.
 */
#include "services.h"

#include <errno.h>
#include <sys/socket.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "relay.h"
#include "str.h"
#include "stream_msg.h"
#include "target.h"

#define CONFIG_MS   10000
#define REPLY_MAX   8192 /* of a service's program */
#define MESSAGE_MAX 4096

struct visit {
	struct agent *agent;
	char *service;
	struct stream *stream; /* NULL: gone, or the relay's */
	struct dial *dial;
	struct relay *relay;
	/* WIRE_CONFIG: */
	struct wire_config *config; /* NULL: a WIRE_SERVICE */
	size_t sent;                /* bytes of its payload */
	int fd;
	struct source *source;
	struct source *timer;
	struct buf answer;
};

static void free_visit(struct visit *v)
{
	dial_cancel(v->dial);
	relay_destroy(v->relay);
	source_clear(v->source);
	source_clear(v->timer);
	fd_close(&v->fd);
	if (v->stream)
		stream_reset(v->stream);
	msg_free(&wire_config_type, v->config);
	buf_free(&v->answer);
	free(v->service);
	free(v);
}

/* Answers, and with a code other than 0 ends the stream. */
static void send_reply(struct stream *stream, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void send_reply(struct stream *stream, int code, const char *fmt, ...)
{
	struct wire_reply reply = { .code = (uint64_t)code };
	char message[MESSAGE_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	reply.message = *message ? message : NULL;
	if (stream_send_msg(stream, &wire_reply_type, &reply) < 0)
		log_debug("service: the reply is not sent");
	if (code)
		stream_close(stream);
}

/* The end of a visit that did not come to what it was for. */
static void refuse(struct visit *v, int code, const char *what)
{
	send_reply(v->stream, code, "service %s: %s: %s", v->service, what, strerror(code));
	v->stream = NULL;
	free_visit(v);
}

static void handle_relayed(struct relay *relay, void *data)
{
	(void)relay;
	free_visit(data);
}

static void handle_service_dialled(int fd, void *data)
{
	struct visit *v = data;

	v->dial = NULL;
	if (fd < 0) {
		refuse(v, -fd, target_of(v->agent, v->service));
		return;
	}
	send_reply(v->stream, 0, "%s", "");
	v->relay = relay_create(v->agent->loop, steal_ptr(v->stream), fd, handle_relayed, v);
}

/* The answer of the service's program, whole: it goes on as it came. */
static void pass_answer(struct visit *v)
{
	struct wire_reply *reply;

	if (msg_decode(&wire_reply_type, buf_bytes(&v->answer), v->answer.len, (void **)&reply) <
	    0) {
		refuse(v, EPROTO, "its answer is not understood");
		return;
	}
	if (stream_send_msg(v->stream, &wire_reply_type, reply) < 0)
		log_debug("service %s: the reply is not sent", v->service);
	msg_free(&wire_reply_type, reply);
	stream_close(v->stream);
	v->stream = NULL;
	free_visit(v);
}

static void read_answer(struct visit *v)
{
	ssize_t n = read(v->fd, buf_reserve(&v->answer, REPLY_MAX), REPLY_MAX);
	uint16_t type;
	size_t len;
	int r;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		refuse(v, n < 0 ? errno : EPIPE, "it did not answer");
		return;
	}
	buf_commit(&v->answer, (size_t)n);
	r = msg_peek(buf_bytes(&v->answer), v->answer.len, &type, &len);
	if ((r < 0 && r != -EAGAIN) || (r == 0 && len > REPLY_MAX))
		refuse(v, EPROTO, "its answer is not understood");
	else if (r == 0 && v->answer.len >= len)
		pass_answer(v);
}

/* Writes what is left of the payload, then waits for the answer. */
static void handle_config_fd(int fd, uint32_t events, void *data)
{
	struct visit *v = data;
	const struct msg_bytes *payload = &v->config->payload;
	ssize_t n;

	if (v->sent == payload->len) {
		read_answer(v);
		return;
	}
	(void)events;
	n = send(fd, payload->data + v->sent, payload->len - v->sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		refuse(v, errno, "it does not take a configuration");
		return;
	}
	v->sent += n < 0 ? 0 : (size_t)n;
	if (v->sent == payload->len)
		source_set_events(v->source, EPOLLIN);
}

static void handle_config_dialled(int fd, void *data)
{
	struct visit *v = data;

	v->dial = NULL;
	if (fd < 0) {
		refuse(v, -fd, target_of(v->agent, v->service));
		return;
	}
	v->fd = fd;
	v->source = loop_add_fd(v->agent->loop, fd, EPOLLOUT, handle_config_fd, v);
}

static void handle_timeout(void *data)
{
	refuse(data, ETIMEDOUT, "no answer to its configuration");
}

static void handle_close(struct stream *stream, int reason, void *data)
{
	struct visit *v = data;

	(void)stream;
	(void)reason;
	v->stream = NULL;
	free_visit(v);
}

static void begin(struct agent *agent, struct stream *stream, const char *service,
		  struct wire_config *config)
{
	/* Bytes that come early wait in the stream. */
	static const struct stream_ops ops = { .handle_close = handle_close };
	const char *target = target_of(agent, service);
	struct visit *v;

	if (!target) {
		send_reply(stream, ENOENT, "service \"%s\" is not provided here", service);
		msg_free(&wire_config_type, config);
		return;
	}
	v = xcalloc(1, sizeof(*v));
	v->agent = agent;
	v->service = xstrdup(service);
	v->stream = stream;
	v->config = config;
	v->fd = -1;
	stream_set_ops(stream, &ops, v);
	if (!config) {
		v->dial = target_dial(agent->loop, target, 0, handle_service_dialled, v);
		return;
	}
	v->timer = loop_add_timer(agent->loop, handle_timeout, v);
	source_arm(v->timer, CONFIG_MS);
	v->dial = target_dial(agent->loop, target, CONFIG_MS, handle_config_dialled, v);
}

void services_open(struct agent *agent, struct stream *stream)
{
	struct wire_service *msg;

	if (stream_take_msg(stream, &wire_service_type, (void **)&msg) < 0) {
		stream_reset(stream);
		return;
	}
	begin(agent, stream, msg->service ? msg->service : "", NULL);
	msg_free(&wire_service_type, msg);
}

void services_configure(struct agent *agent, struct stream *stream)
{
	struct wire_config *msg;

	if (stream_take_msg(stream, &wire_config_type, (void **)&msg) < 0) {
		stream_reset(stream);
		return;
	}
	begin(agent, stream, msg->service ? msg->service : "", msg);
}
