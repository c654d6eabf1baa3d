/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An accepted connection opens a stream with WIRE_OPEN and is not read from until WIRE_REPLY says
 * that the host allows it; then a relay joins the two. At most MAX_CONNECTIONS are held at once:
 * beyond that nothing is accepted, and further ones wait in the sockets' queues, until one ends.
 */
#include "links.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "mounts.h"
#include "relay.h"
#include "str.h"
#include "stream_msg.h"

#define MAX_CONNECTIONS 512
#define BACKLOG         128

struct listener {
	struct agent *agent;
	const char *link; /* of the configuration */
	int fd;
	struct source *source;
	struct listener *next; /* of all */
};

struct connection {
	struct agent *agent;
	const char *link;
	int fd;                /* until the relay has it */
	struct stream *stream; /* until the relay has it */
	struct relay *relay;
};

static struct listener *listeners; /* for ever */
static size_t n_connections;

static void accept_more(bool on)
{
	for (struct listener *l = listeners; l; l = l->next)
		source_set_events(l->source, on ? EPOLLIN : 0);
}

static void free_connection(struct connection *c)
{
	relay_destroy(c->relay);
	if (c->stream)
		stream_reset(c->stream);
	fd_close(&c->fd);
	free(c);
	if (n_connections-- == MAX_CONNECTIONS)
		accept_more(true);
}

/* The program sees a reset where the protocol has one, so that it does not take it for an answer. */
static void refuse(struct connection *c, const char *why)
{
	struct linger now = { .l_onoff = 1 };

	log_info("link %s: refused: %s", c->link, why);
	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	free_connection(c);
}

static void handle_done(struct relay *relay, void *data)
{
	struct connection *c = data;

	(void)relay;
	free_connection(c);
}

static void handle_readable(struct stream *stream, void *data)
{
	struct connection *c = data;
	struct wire_reply *reply = NULL;
	int r = stream_take_msg(stream, &wire_reply_type, (void **)&reply);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		refuse(c, "the host's answer is not understood");
	} else if (reply->code) {
		refuse(c, reply->message ? reply->message : strerror((int)reply->code));
	} else {
		c->stream = NULL;
		c->relay = relay_create(c->agent->loop, stream, steal_fd(&c->fd), handle_done, c);
	}
	msg_free(&wire_reply_type, reply);
}

static void handle_eof(struct stream *stream, void *data)
{
	(void)stream;
	refuse(data, "the host ended the stream");
}

static void handle_close(struct stream *stream, int reason, void *data)
{
	struct connection *c = data;

	(void)stream;
	c->stream = NULL;
	refuse(c, strerror(-reason));
}

static void connect_link(struct listener *l, int fd)
{
	static const struct stream_ops ops = {
		.handle_readable = handle_readable,
		.handle_eof = handle_eof,
		.handle_close = handle_close,
	};
	struct connection *c = xcalloc(1, sizeof(*c));
	cleanup_free char *link = xstrdup(l->link);
	struct wire_open open = { .link = link };

	c->agent = l->agent;
	c->link = l->link;
	c->fd = fd;
	if (++n_connections == MAX_CONNECTIONS)
		accept_more(false);
	if (l->agent->mux)
		c->stream = mux_open(l->agent->mux, &ops, c);
	if (!c->stream)
		refuse(c, "the wire has no stream left");
	else if (stream_send_msg(c->stream, &wire_open_type, &open) < 0)
		refuse(c, "the wire takes no message");
}

static void handle_accept(int fd, uint32_t events, void *data)
{
	struct listener *l = data;
	int client;

	(void)events;
	while (n_connections < MAX_CONNECTIONS &&
	       (client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		connect_link(l, client);
}

static void add_listener(struct agent *agent, const char *link, int fd)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->agent = agent;
	l->link = link;
	l->fd = fd;
	l->source = loop_add_fd(agent->loop, fd, EPOLLIN, handle_accept, l);
	l->next = listeners;
	listeners = l;
}

static int listen_port(const struct sockaddr *addr, socklen_t len, int *ret_fd)
{
	cleanup_fd int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, addr, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int listen_loopback(struct agent *agent, const struct guest_link *link, struct err **err)
{
	const struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)link->port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	const struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)link->port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int fd, r = listen_port((const struct sockaddr *)&in, sizeof(in), &fd);

	if (r < 0)
		return err_set_errno(err, -r, "link %s: port %u", link->name,
				     (unsigned int)link->port);
	add_listener(agent, link->name, fd);
	/* A kernel without IPv6 has programs without it. */
	r = listen_port((const struct sockaddr *)&in6, sizeof(in6), &fd);
	if (r == 0)
		add_listener(agent, link->name, fd);
	else if (r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL)
		return err_set_errno(err, -r, "link %s: port %u", link->name,
				     (unsigned int)link->port);
	return 0;
}

static int listen_link(struct agent *agent, const struct guest_link *link, struct err **err)
{
	cleanup_free char *path = NULL;
	int fd, r;

	if (!link->name || !*link->name || link->name[0] == '.' || strchr(link->name, '/'))
		return err_set(err, EINVAL, "link \"%s\": not a name",
			       link->name ? link->name : "");
	path = xasprintf("%s/%s", WIRE_LINKS_DIR, link->name);
	r = unix_listen(path, SOCK_STREAM, 0666, &fd, err);
	if (r < 0)
		return err_prefix(err, "link %s", link->name);
	add_listener(agent, link->name, fd);
	return link->port ? listen_loopback(agent, link, err) : 0;
}

int links_listen(struct agent *agent, struct err **err)
{
	cleanup_fd int dir = -1;
	int r = mounts_own(WIRE_LINKS_DIR, &dir, err);

	MSG_EACH (struct guest_link, link, &agent->config->links)
		if (r == 0)
			r = listen_link(agent, link, err);
	return r;
}
