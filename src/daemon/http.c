/* SPDX-License-Identifier: MIT */
/*
 * Owns the HTTP server and its connections. Knows no path: requests go to the routes it was given.
 *
 * Theory of operation
 *
 * libmicrohttpd has an epoll descriptor of its own, which is one source of our loop; MHD_run then
 * handles what is there, calls us back, and never blocks. A call that is answered later is
 * suspended, and resumed by its answer; a stream without bytes is suspended, and resumed by
 * http_stream_wake. A resumed connection needs another MHD_run, which `again` sees to.
 */
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "reply.h"
#include "str.h"

#define IDLE_SECONDS 30 /* a connection that says nothing within a request for so long is closed */
#define WAIT_SECONDS 5  /* and one whose first request did not begin */
/* Accepted beyond the limit, to be told so. Still more wait until one of WAIT_SECONDS is over. */
#define SPARE_CONNECTIONS 32

enum call_state {
	CALL_READING, /* the body comes */
	CALL_HANDLED, /* a handler has it, or had */
	CALL_QUEUED,  /* libmicrohttpd has the answer */
};

/* A call with its connection. */
struct exchange {
	struct call call;             /* first: handlers get this */
	struct exchange *prev, *next; /* in http->exchanges; owned by the connection */
	struct http *http;
	struct MHD_Connection *connection;
	enum call_state state;
	char *target;
	struct buf body;
	bool started; /* its headers were seen */
	bool too_big;
	bool suspended;
	struct MHD_Response *response; /* the answer, until it is queued */
	int status;
	int fd; /* of call_reply_fd */
};

struct http_stream {
	struct http_stream *prev, *next; /* in http->streams; owned by the response */
	struct http *http;
	struct MHD_Connection *connection;
	const struct stream_ops *ops;
	void *data;
	bool suspended;
	struct source *hangup; /* while suspended, when libmicrohttpd does not look */
	bool ended;            /* by the daemon's end, or the client's */
};

struct http {
	struct daemon *daemon;
	struct MHD_Daemon *mhd;
	const struct route *routes;
	struct source *source, *timer, *again;
	struct exchange exchanges;  /* list head */
	struct http_stream streams; /* list head */
};

/* Running the server */

static void run(struct http *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->mhd);
	source_arm(h->timer, MHD_get_timeout(h->mhd, &ms) == MHD_YES ? (int64_t)ms : -1);
}

static void handle_again(void *data)
{
	struct http *h = data;

	h->again = NULL;
	run(h);
}

static void run_again(struct http *h)
{
	if (!h->again)
		h->again = loop_defer(h->daemon->loop, handle_again, h);
}

static void handle_epoll(int fd, uint32_t events, void *data)
{
	(void)fd;
	(void)events;
	run(data);
}

static void handle_timer(void *data)
{
	run(data);
}

/* Answers */

static void answer(struct exchange *x, int status, struct MHD_Response *response)
{
	if (x->response) {
		log_error("a call was answered twice");
		MHD_destroy_response(response);
		return;
	}
	x->call.abandon = NULL;
	x->status = status;
	x->response = response;
	if (x->suspended) {
		x->suspended = false;
		MHD_resume_connection(x->connection);
		run_again(x->http);
	}
}

static void answer_json(struct call *call, int status, json_t *json)
{
	static char failed[] = "{\"type\":\"error\",\"error\":\"no answer could be made\","
			       "\"error_code\":500,\"metadata\":{\"errno\":\"EIO\"}}";
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	struct MHD_Response *response;

	json_decref(json);
	response = MHD_create_response_from_buffer(
		text ? strlen(text) : sizeof(failed) - 1, text ? text : failed,
		text ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	if (call->request.allow)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, call->request.allow);
	if (status == 503)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	answer((struct exchange *)call, text ? status : 500, response);
}

void call_reply_sync(struct call *call, json_t *metadata)
{
	answer_json(call, 200, reply_sync(metadata));
}

void call_reply_async(struct call *call, const char *operation_id, json_t *metadata)
{
	answer_json(call, 202, reply_async(operation_id, metadata));
}

static void answer_error(struct call *call, struct err *err, const struct diag_list *diags,
			 bool guest)
{
	cleanup_err struct err *own = err;
	json_t *json;

	if (!own)
		err_set(&own, EIO, "unknown error");
	json = reply_error(own, diags);
	if (guest)
		json_object_set_new(json_object_get(json, "metadata"), "guest", json_true());
	answer_json(call, reply_status(own), json);
}

void call_reply_error(struct call *call, struct err *err, const struct diag_list *diags)
{
	answer_error(call, err, diags, false);
}

void call_reply_guest_error(struct call *call, struct err *err)
{
	answer_error(call, err, NULL, true);
}

/* The upgraded connection: its one byte, and the end. */
static void handle_upgrade(void *cls, struct MHD_Connection *connection, void *con_cls,
			   const char *extra_in, size_t extra_in_size, MHD_socket sock,
			   struct MHD_UpgradeResponseHandle *urh)
{
	struct exchange *x = cls;
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	(void)connection;
	(void)con_cls;
	(void)extra_in;
	(void)extra_in_size;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &x->fd, sizeof(int));
	if (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("descriptor to a client: %s", strerror(errno));
	fd_close(&x->fd);
	MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
}

void call_reply_fd(struct call *call, int fd)
{
	struct exchange *x = (struct exchange *)call;
	struct MHD_Response *response = MHD_create_response_for_upgrade(handle_upgrade, x);

	x->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, call->request.route->upgrade);
	answer(x, MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

/* Streams */

static void handle_hangup(int fd, uint32_t events, void *data)
{
	struct http_stream *s = data;

	(void)fd;
	(void)events;
	s->ended = true;
	http_stream_wake(s);
}

/* Until there is something to say. A client that goes meanwhile gives its place up at once. */
static void suspend_stream(struct http_stream *s)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(s->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	s->suspended = true;
	MHD_suspend_connection(s->connection);
	if (info)
		s->hangup = loop_add_fd(s->http->daemon->loop, info->connect_fd, EPOLLHUP,
					handle_hangup, s);
}

static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
	struct http_stream *s = cls;
	ssize_t n = s->ended ? -1 : s->ops->read(s->data, buf, max);

	(void)pos;
	if (n < 0)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (n == 0)
		suspend_stream(s);
	return n;
}

static void free_stream(void *cls)
{
	struct http_stream *s = cls;

	s->prev->next = s->next;
	s->next->prev = s->prev;
	source_clear(s->hangup);
	s->ops->free(s->data);
	free(s);
}

struct http_stream *call_reply_stream(struct call *call, const char *content_type,
				      const struct stream_ops *ops, void *data)
{
	struct exchange *x = (struct exchange *)call;
	struct http_stream *s = xcalloc(1, sizeof(*s));
	struct MHD_Response *response = MHD_create_response_from_callback(
		MHD_SIZE_UNKNOWN, 16384, read_stream, s, free_stream);

	s->http = x->http;
	s->connection = x->connection;
	s->ops = ops;
	s->data = data;
	s->next = &x->http->streams;
	s->prev = s->next->prev;
	s->next->prev = s->prev->next = s;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	answer(x, 200, response);
	return s;
}

void http_stream_wake(struct http_stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	source_clear(s->hangup);
	MHD_resume_connection(s->connection);
	run_again(s->http);
}

/* Requests */

static void *handle_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct http *h = cls;
	struct exchange *x = xcalloc(1, sizeof(*x));

	x->http = h;
	x->connection = connection;
	x->call.daemon = h->daemon;
	x->fd = -1;
	x->target = xstrndup(target, REQUEST_TARGET_MAX + 1);
	x->next = &h->exchanges;
	x->prev = x->next->prev;
	x->next->prev = x->prev->next = x;
	return x;
}

/* Ours is request.c's; a path decoded before it is split would be split at the wrong places. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls;
	(void)connection;
	return strlen(s);
}

static bool asks_upgrade(const struct exchange *x, const char *protocol)
{
	return str_eq(MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
						  MHD_HTTP_HEADER_UPGRADE),
		      protocol);
}

static void dispatch(struct exchange *x, const char *method)
{
	struct request *r = &x->call.request;
	struct err *err = NULL;

	x->state = CALL_HANDLED;
	if (x->too_big) {
		err_set(&err, EFBIG, "a body of more than %d bytes", REQUEST_BODY_MAX);
	} else if (request_parse(r, x->http->routes, method, x->target, buf_bytes(&x->body),
				 x->body.len, &err) == 0) {
		if (r->route->upgrade && !asks_upgrade(x, r->route->upgrade))
			err_set(&err, EINVAL, "this call needs the header \"Upgrade: %s\"",
				r->route->upgrade);
	}
	buf_free(&x->body);
	if (err)
		call_reply_error(&x->call, err, NULL);
	else
		r->route->handle(&x->call);
}

static void take_bytes(struct exchange *x, const char *data, size_t len)
{
	if (x->too_big || x->body.len + len > REQUEST_BODY_MAX) {
		x->too_big = true;
		buf_free(&x->body);
		return;
	}
	buf_append(&x->body, data, len);
}

/* Before its body: whether it says that it is too long. */
static bool announces_too_much(const struct exchange *x)
{
	const char *text = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t length;

	return text && str_to_u64(text, REQUEST_BODY_MAX, &length) < 0;
}

static enum MHD_Result queue(struct exchange *x)
{
	enum MHD_Result r = MHD_queue_response(x->connection, (unsigned int)x->status, x->response);

	MHD_destroy_response(x->response);
	x->response = NULL;
	x->state = CALL_QUEUED;
	return r;
}

static void refuse(struct exchange *x, struct err *err)
{
	x->state = CALL_HANDLED;
	call_reply_error(&x->call, err, NULL);
}

static bool crowded(const struct http *h)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

	return info && info->num_connections > HTTP_MAX_CONNECTIONS;
}

/* With the headers: what is known to be too much is refused before the body comes. */
static void begin_exchange(struct exchange *x)
{
	struct err *err = NULL;

	x->started = true;
	MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT,
				  (unsigned int)IDLE_SECONDS);
	if (crowded(x->http))
		err_set(&err, EAGAIN, "more than %d connections at once; try again later",
			HTTP_MAX_CONNECTIONS);
	else if (announces_too_much(x))
		err_set(&err, EFBIG, "a body of more than %d bytes", REQUEST_BODY_MAX);
	if (err)
		refuse(x, err);
}

/* Called with the headers, with every piece of the body, behind it, and when it was resumed. */
static enum MHD_Result handle_access(void *cls, struct MHD_Connection *connection, const char *url,
				     const char *method, const char *version, const char *data,
				     size_t *len, void **con_cls)
{
	struct exchange *x = *con_cls;

	(void)cls;
	(void)connection;
	(void)url;
	(void)version;
	if (!x->started) {
		begin_exchange(x);
		if (x->state == CALL_READING)
			return MHD_YES;
	} else if (*len) {
		take_bytes(x, data, *len);
		*len = 0;
		return MHD_YES;
	} else if (x->state == CALL_READING) {
		dispatch(x, method);
	}
	if (x->response)
		return queue(x);
	if (x->state == CALL_HANDLED && !x->suspended) {
		x->suspended = true;
		MHD_suspend_connection(x->connection);
	}
	return MHD_YES;
}

static void handle_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
			     enum MHD_RequestTerminationCode code)
{
	struct exchange *x = *con_cls;

	/* May be called under libmicrohttpd's lock: nothing here may call it about the connection. */
	(void)cls;
	(void)connection;
	(void)code;
	if (!x)
		return;
	*con_cls = NULL;
	if (x->response)
		MHD_destroy_response(x->response);
	x->prev->next = x->next;
	x->next->prev = x->prev;
	request_finish(&x->call.request);
	buf_free(&x->body);
	fd_close(&x->fd);
	free(x->target);
	free(x);
}

/* The beginning and the end */

static void log_mhd(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
static void log_mhd(void *cls, const char *fmt, va_list ap)
{
	cleanup_free char *text = xvasprintf(fmt, ap);

	(void)cls;
	text[strcspn(text, "\n")] = '\0';
	log_debug("http: %s", text);
}

int http_create(struct daemon *d, int listening, const struct route *routes, struct http **ret,
		struct err **err)
{
	struct http *h = xcalloc(1, sizeof(*h));
	const union MHD_DaemonInfo *info;

	h->daemon = d;
	h->routes = routes;
	h->exchanges.prev = h->exchanges.next = &h->exchanges;
	h->streams.prev = h->streams.next = &h->streams;
	h->mhd = MHD_start_daemon(
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0,
		NULL, NULL, handle_access, h, MHD_OPTION_EXTERNAL_LOGGER, log_mhd, h,
		MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)(HTTP_MAX_CONNECTIONS + SPARE_CONNECTIONS),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)WAIT_SECONDS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)24576, MHD_OPTION_URI_LOG_CALLBACK,
		handle_target, h, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, h,
		MHD_OPTION_NOTIFY_COMPLETED, handle_completed, h, MHD_OPTION_END);
	info = h->mhd ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info) {
		if (h->mhd)
			MHD_stop_daemon(h->mhd);
		free(h);
		return err_set(err, EIO, "the HTTP server did not start");
	}
	h->source = loop_add_fd(d->loop, info->epoll_fd, EPOLLIN, handle_epoll, h);
	h->timer = loop_add_timer(d->loop, handle_timer, h);
	*ret = h;
	return 0;
}

static void abandon(struct exchange *x)
{
	struct err *err = NULL;

	if (x->call.abandon)
		x->call.abandon(&x->call);
	if (x->response)
		return;
	err_set(&err, EAGAIN, "the daemon ends");
	call_reply_error(&x->call, err, NULL);
}

void http_destroy(struct http *h)
{
	if (!h)
		return;
	for (struct exchange *x = h->exchanges.next; x != &h->exchanges; x = x->next)
		if (x->suspended)
			abandon(x);
	for (struct http_stream *s = h->streams.next; s != &h->streams; s = s->next) {
		s->ended = true;
		http_stream_wake(s);
	}
	/* A few rounds for the last answers to go out; nobody is waited for. */
	for (int i = 0; i < 4; i++)
		MHD_run(h->mhd);
	source_remove(h->source);
	source_remove(h->timer);
	source_remove(h->again);
	MHD_stop_daemon(h->mhd);
	free(h);
}
