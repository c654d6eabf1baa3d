/* SPDX-License-Identifier: MIT */
/*
 * Connecting to what a machine provides.
 *
 * A dial walks through the addresses of its target (TCP: 127.0.0.1, then ::1), a non-blocking
 * connect at each; at the end of the list it either gives up with the last error or begins anew
 * after a while.
 */
#include "target.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"
#include "mem.h"
#include "str.h"

#define RETRY_MS   5
#define CONNECT_MS 10000 /* loopback answers at once, unless a queue is full */
#define MAX_WAYS   2

/* /proc/net/tcp: the state of a listening socket; a line is shorter than this. */
#define STATE_LISTEN 0x0a
#define LINE_LEN     512

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct way {
	union any_addr addr;
	socklen_t len;
};

struct dial {
	struct loop *loop;
	struct way ways[MAX_WAYS];
	size_t n_ways, next;
	int fd;                /* being connected */
	struct source *source; /* of fd */
	struct source *timer;
	int64_t deadline; /* clock_ms: no retry after this */
	int last;         /* negative errno of the last try */
	dial_fn fn;
	void *data;
};

const char *target_of(const struct agent *agent, const char *service)
{
	if (!agent->config)
		return NULL;
	MSG_EACH (struct guest_service, s, &agent->config->services)
		if (str_eq(s->name, service))
			return s->target;
	return NULL;
}

static int parse_port(const char *target, uint16_t *ret_port)
{
	uint64_t port;

	if (!str_starts(target, "tcp/") || str_to_u64(target + 4, 65535, &port) < 0 || !port)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

static const char *parse_path(const char *target)
{
	return str_starts(target, "unix/") ? target + 4 : NULL;
}

/* The addresses to try; 0 for a target that cannot be understood. */
static size_t find_ways(const char *target, struct way ways[MAX_WAYS])
{
	const char *path = target ? parse_path(target) : NULL;
	uint16_t port;

	if (path && strlen(path) < sizeof(ways[0].addr.un.sun_path)) {
		ways[0].addr.un.sun_family = AF_UNIX;
		strcpy(ways[0].addr.un.sun_path, path);
		ways[0].len = sizeof(struct sockaddr_un);
		return 1;
	}
	if (!target || parse_port(target, &port) < 0)
		return 0;
	ways[0].addr.in = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	ways[0].len = sizeof(struct sockaddr_in);
	ways[1].addr.in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	ways[1].len = sizeof(struct sockaddr_in6);
	return 2;
}

void dial_cancel(struct dial *d)
{
	if (!d)
		return;
	source_clear(d->source);
	source_clear(d->timer);
	fd_close(&d->fd);
	free(d);
}

static void finish(struct dial *d, int result)
{
	dial_fn fn = d->fn;
	void *data = d->data;

	dial_cancel(d);
	fn(result, data);
}

static void try_next(struct dial *d);

static void drop_try(struct dial *d, int error)
{
	source_clear(d->source);
	fd_close(&d->fd);
	d->last = error;
}

static void handle_connected(int fd, uint32_t events, void *data)
{
	struct dial *d = data;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)events;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error) {
		drop_try(d, -error);
		try_next(d);
		return;
	}
	source_clear(d->source);
	finish(d, steal_fd(&d->fd));
}

static void handle_timer(void *data)
{
	struct dial *d = data;

	if (d->fd >= 0)
		drop_try(d, -ETIMEDOUT);
	try_next(d);
}

/* After all ways failed. */
static void retry(struct dial *d)
{
	if (clock_ms() >= d->deadline) {
		finish(d, d->last);
		return;
	}
	d->next = 0;
	source_arm(d->timer, RETRY_MS);
}

static void try_next(struct dial *d)
{
	while (d->next < d->n_ways) {
		struct way *way = &d->ways[d->next++];

		d->fd = socket(way->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       0);
		if (d->fd < 0) {
			d->last = -errno;
			continue;
		}
		/* Connected at once or soon: both are reported as writable. */
		if (connect(d->fd, &way->addr.sa, way->len) == 0 || errno == EINPROGRESS) {
			d->source = loop_add_fd(d->loop, d->fd, EPOLLOUT, handle_connected, d);
			source_arm(d->timer, CONNECT_MS);
			return;
		}
		drop_try(d, -errno);
	}
	retry(d);
}

struct dial *target_dial(struct loop *loop, const char *target, int64_t patience, dial_fn fn,
			 void *data)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->loop = loop;
	d->fd = -1;
	d->last = -EINVAL;
	d->fn = fn;
	d->data = data;
	d->deadline = clock_ms() + patience;
	d->n_ways = find_ways(target, d->ways);
	d->timer = loop_add_timer(loop, handle_timer, d);
	/* Not at once: fn must not be called before the caller knows the dial. */
	source_arm(d->timer, 0);
	return d;
}

/* Whether a listener at this address, as /proc/net/tcp writes it, hears loopback connections. */
static bool hears_loopback(const char *hex)
{
	static const char *const any[] = { "00000000", "0100007F",
					   "00000000000000000000000000000000",
					   "00000000000000000000000001000000",
					   "0000000000000000FFFF00000100007F" };

	for (size_t i = 0; i < ARRAY_SIZE(any); i++)
		if (str_eq(hex, any[i]))
			return true;
	return false;
}

static bool table_has_listener(const char *path, uint16_t port)
{
	FILE *f = fopen(path, "re");
	char line[LINE_LEN], address[33];
	unsigned int found, state;
	bool has = false;

	while (f && !has && fgets(line, sizeof(line), f))
		has = sscanf(line, "%*d: %32[0-9A-F]:%4x %*[0-9A-F]:%*x %2x", address, &found,
			     &state) == 3 &&
		      found == port && state == STATE_LISTEN && hears_loopback(address);
	if (f)
		fclose(f);
	return has;
}

bool target_listens(const char *target)
{
	const char *path = target ? parse_path(target) : NULL;
	cleanup_fd int fd = -1;
	uint16_t port;

	if (path)
		return unix_connect(path, SOCK_STREAM, &fd, NULL) == 0;
	return target && parse_port(target, &port) == 0 &&
	       (table_has_listener("/proc/net/tcp", port) ||
		table_has_listener("/proc/net/tcp6", port));
}
