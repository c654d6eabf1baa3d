/* SPDX-License-Identifier: MIT */
/*
 * The console device (virtio 1.2, 5.3) with named ports: stream sockets that a guest sees as
 * /dev/virtio-ports/NAME. As with QEMU's virtserialport, port 0, which Linux would take for a terminal,
 * is left out: our first port is number 1.
 *
 * Theory of operation
 *
 * Bytes go between a socket and the guest's buffers without a stop here: one readv or writev for the
 * buffers of several chains. What does not fit stays where it is. Towards the guest: when the port is
 * not open there, or there are no buffers (`starved`), we do not read. Towards the host: when the socket
 * takes no more (`blocked`), the chain stays in the queue; how much of it went out already is `sent`.
 *
 * A port has two ends, each open or not. The guest tells its own by control messages. The host's is the
 * socket's: when its peer is gone, the guest is told, and what it still writes is dropped. A socket's
 * end is found by reading, hence behind all bytes that came before it.
 *
 * What the guest has to be told is kept as a set of bits per port, sent in the order of the bits as
 * buffers come: a guest that asks again and again makes nothing grow.
 */
#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "devices.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

#define MULTIPORT  (UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT)
#define QUEUE_SIZE 128

/* Queues (5.3.2): port 0 has 0 and 1, port N > 0 has 2 + 2N and 3 + 2N. */
#define CONTROL_RX 2 /* we write */
#define CONTROL_TX 3
#define RX(id_)    (2 + 2 * (id_))
#define TX(id_)    (3 + 2 * (id_))

/* Of one readv or writev */
#define BATCH_CHAINS 32
#define BATCH_IOV    (CHAIN_IOV_MAX + BATCH_CHAINS)
#define TURN         16 /* batches of a port, before others have theirs */
#define CHAINS_TURN  64 /* chains of the other queues */

/* To be told to the guest, in this order. */
enum { TELL_ADD = 1, TELL_NAME = 2, TELL_OPEN = 4 };

struct console;

struct port {
	struct console *console;
	unsigned int id; /* 1 … */
	char *name;
	int fd; /* -1: the host's end is closed */
	struct source *source;
	bool guest_open;
	bool starved, blocked;
	bool deaf;   /* the peer takes nothing any more; there may be something to read still */
	size_t sent; /* of the chain that is next in the transmit queue */
	unsigned int tell;
};

struct batch {
	unsigned int n_chains, n_iov;
	size_t len;
	struct {
		uint16_t head;
		size_t len;
	} chains[BATCH_CHAINS];
	struct iovec iov[BATCH_IOV];
};

struct console {
	struct virtio v;
	struct port *ports;
	size_t n_ports;
	struct chain chain; /* of the function that runs, as is the next */
	struct batch batch;
};

static struct console *console_of(struct virtio *v)
{
	return CONTAINER_OF(v, struct console, v);
}

/* ---- Control messages to the guest -------------------------------------------------------------- */

/* 1: sent; 0: there is no buffer; -EBADMSG. */
static int send_control(struct console *c, const struct port *p, uint16_t event, uint16_t value,
			const char *text)
{
	const struct virtio_console_control msg = { p->id, event, value };
	struct queue *q = &c->v.queues[CONTROL_RX];
	const size_t text_len = strlen(text);
	int r = queue_pop(q, &c->chain);

	if (r <= 0)
		return r;
	if (c->chain.n_out || c->chain.in_len < sizeof(msg) + text_len)
		return -EBADMSG;
	chain_write(&c->chain, 0, &msg, sizeof(msg));
	chain_write(&c->chain, sizeof(msg), text, text_len);
	queue_push(q, c->chain.head, (uint32_t)(sizeof(msg) + text_len));
	return 1;
}

static int tell_first(struct console *c, struct port *p)
{
	const unsigned int bit = p->tell & -p->tell;
	int r;

	if (bit == TELL_ADD)
		r = send_control(c, p, VIRTIO_CONSOLE_PORT_ADD, 0, "");
	else if (bit == TELL_NAME)
		r = send_control(c, p, VIRTIO_CONSOLE_PORT_NAME, 1, p->name);
	else
		r = send_control(c, p, VIRTIO_CONSOLE_PORT_OPEN, p->fd >= 0, "");
	if (r > 0)
		p->tell &= ~bit;
	return r;
}

static void tell(struct console *c)
{
	struct queue *q = &c->v.queues[CONTROL_RX];
	int r = 1;

	if (!c->v.active || !(c->v.features & MULTIPORT))
		return;
	for (struct port *p = c->ports; p < c->ports + c->n_ports && r > 0; p++) {
		while (p->tell && r > 0) {
			r = tell_first(c, p);
			/* Buffers may have come between our last look and our question. */
			if (r == 0 && queue_want_notify(q, true))
				r = 1;
		}
	}
	if (r < 0)
		virtio_needs_reset(&c->v, "a control queue holds what cannot be");
	else
		virtio_flush(&c->v, CONTROL_RX);
}

/* ---- Ports --------------------------------------------------------------------------------------- */

static void update_events(struct port *p)
{
	const struct virtio *v = &p->console->v;

	if (p->source)
		source_set_events(p->source,
				  (v->active && p->guest_open && !p->starved ? EPOLLIN : 0) |
					  (v->active && p->blocked ? EPOLLOUT : 0));
}

/* What it still wrote goes nowhere; send_bytes takes it from the queue. */
static void close_host_end(struct port *p)
{
	source_clear(p->source);
	fd_close(&p->fd);
	p->deaf = true;
	p->blocked = false;
	p->tell |= TELL_OPEN;
	tell(p->console);
	virtio_again(&p->console->v, TX(p->id));
}

static void fault(struct port *p, const char *queue)
{
	virtio_needs_reset(&p->console->v, "port %s: its %s queue holds what cannot be", p->name,
			   queue);
}

/*
 * Takes chains of one direction, as many as there are and a batch holds. Of the first one, `skip` bytes
 * are left out. -EBADMSG.
 */
static int gather(struct console *c, struct queue *q, bool in, size_t skip)
{
	struct chain *chain = &c->chain;
	struct batch *b = &c->batch;

	b->n_chains = b->n_iov = 0;
	b->len = 0;
	while (b->n_chains < BATCH_CHAINS) {
		const int r = queue_pop(q, chain);
		const unsigned int n = in ? chain->n_in : chain->n_out;

		if (r <= 0)
			return r;
		if (in ? chain->n_out : chain->n_in)
			return -EBADMSG;
		if (n > BATCH_IOV - b->n_iov) {
			queue_unpop(q);
			return 0;
		}
		b->chains[b->n_chains].head = chain->head;
		b->chains[b->n_chains++].len = in ? chain->in_len : chain->out_len;
		b->len += in ? chain->in_len : chain->out_len;
		for (unsigned int i = 0; i < n; i++) {
			struct iovec iov = chain->iov[i];
			const size_t cut = skip < iov.iov_len ? skip : iov.iov_len;

			skip -= cut;
			b->iov[b->n_iov].iov_base = (char *)iov.iov_base + cut;
			b->iov[b->n_iov++].iov_len = iov.iov_len - cut;
		}
		skip = 0;
	}
	return 0;
}

static void give_back(struct queue *q, unsigned int n)
{
	while (n--)
		queue_unpop(q);
}

static bool is_later(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The socket's bytes into the guest's buffers: one batch. Whether there may be more. */
static bool receive_batch(struct port *p)
{
	struct console *c = p->console;
	struct virtio *v = &c->v;
	struct queue *q = &v->queues[RX(p->id)];
	struct batch *b = &c->batch;
	unsigned int used = 0;
	size_t left;
	ssize_t n;

	if (gather(c, q, true, 0) < 0) {
		fault(p, "receive");
		return false;
	}
	if (!b->n_chains) {
		p->starved = !queue_want_notify(q, true);
		return !p->starved;
	}
	n = readv(p->fd, b->iov, (int)b->n_iov);
	left = n > 0 ? (size_t)n : 0;
	for (; left; used++) {
		const size_t part = left < b->chains[used].len ? left : b->chains[used].len;

		queue_push(q, b->chains[used].head, (uint32_t)part);
		left -= part;
	}
	give_back(q, b->n_chains - used);
	v->counters.in_ops += used;
	v->counters.in_bytes += n > 0 ? (size_t)n : 0;
	if (n <= 0 && !is_later(n))
		close_host_end(p);
	return n > 0 && (size_t)n == b->len;
}

static void receive(struct port *p)
{
	int batches = 0;

	if (p->guest_open)
		while (p->fd >= 0 && batches++ < TURN && receive_batch(p))
			;
	virtio_flush(&p->console->v, RX(p->id));
	update_events(p);
}

/* Takes `n` bytes that went out from the batch's chains; what is left of the last one is `sent`. */
static void account(struct port *p, struct queue *q, size_t n)
{
	const struct batch *b = &p->console->batch;
	unsigned int used = 0;

	n += p->sent;
	for (; used < b->n_chains && n >= b->chains[used].len; used++) {
		queue_push(q, b->chains[used].head, 0);
		n -= b->chains[used].len;
	}
	/* A driver may have made what it had given shorter: then its rest is nothing. */
	p->sent = used < b->n_chains ? n : 0;
	give_back(q, b->n_chains - used);
	p->console->v.counters.out_ops += used;
}

/* The guest's bytes to the socket, or to nowhere: one batch. Whether there may be more. */
static bool send_batch(struct port *p)
{
	struct console *c = p->console;
	struct queue *q = &c->v.queues[TX(p->id)];
	struct batch *b = &c->batch;
	const size_t before = p->sent;
	ssize_t n;

	if (gather(c, q, false, before) < 0) {
		fault(p, "transmit");
		return false;
	}
	if (!b->n_chains)
		return queue_want_notify(q, true);
	if (p->deaf) {
		account(p, q, b->len);
		return true;
	}
	n = writev(p->fd, b->iov, (int)b->n_iov);
	if (n < 0 && !is_later(n)) {
		p->deaf = true;
		give_back(q, b->n_chains);
		return true;
	}
	p->blocked = n < 0 || before + (size_t)n < b->len;
	account(p, q, n < 0 ? 0 : (size_t)n);
	c->v.counters.out_bytes += n < 0 ? 0 : (size_t)n;
	return !p->blocked;
}

static void send_bytes(struct port *p)
{
	struct virtio *v = &p->console->v;
	int batches = 0;
	bool more = true;

	p->blocked = false;
	while (batches++ < TURN && (more = send_batch(p)))
		;
	virtio_flush(v, TX(p->id));
	if (more)
		virtio_again(v, TX(p->id));
	update_events(p);
}

static void handle_socket(int fd, uint32_t events, void *data)
{
	struct port *p = data;
	struct virtio *v = &p->console->v;

	(void)fd;
	if (v->active && p->blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		send_bytes(p);
	if (v->active && !p->starved && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		receive(p);
	update_events(p);
}

/* ---- Control messages from the guest ------------------------------------------------------------- */

static void handle_device_ready(struct console *c)
{
	for (size_t i = 0; i < c->n_ports; i++)
		c->ports[i].tell |= TELL_ADD;
}

static void handle_guest_end(struct port *p, bool open)
{
	p->guest_open = open;
	update_events(p);
}

static void take_control(struct console *c, const struct virtio_console_control *msg)
{
	struct port *p = msg->id - 1 < c->n_ports ? &c->ports[msg->id - 1] : NULL;

	if (msg->event == VIRTIO_CONSOLE_DEVICE_READY && msg->value)
		handle_device_ready(c);
	else if (msg->event == VIRTIO_CONSOLE_PORT_READY && p && msg->value)
		p->tell |= TELL_NAME | TELL_OPEN;
	else if (msg->event == VIRTIO_CONSOLE_PORT_OPEN && p)
		handle_guest_end(p, msg->value);
	else
		log_debug("%s: control message %u of port %u passed over", c->v.name, msg->event,
			  msg->id);
}

static bool serve_control(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	struct virtio_console_control msg;

	if (chain->n_in || chain_read(chain, 0, &msg, sizeof(msg)) < sizeof(msg)) {
		virtio_needs_reset(v, "a control message that is none");
		return false;
	}
	queue_push(&v->queues[queue], chain->head, 0);
	take_control(console_of(v), &msg);
	return true;
}

/* Port 0 is not there: whoever writes to it all the same gets rid of it. */
static bool serve_nothing(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	queue_push(&v->queues[queue], chain->head, 0);
	return true;
}

/* ---- The device ---------------------------------------------------------------------------------- */

static uint64_t features(struct virtio *v)
{
	(void)v;
	return MULTIPORT;
}

static void read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	const struct virtio_console_config config = {
		.max_nr_ports = (uint32_t)console_of(v)->n_ports + 1
	};

	virtio_read_config(&config, sizeof(config), offset, dst, len);
}

static void write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	(void)v;
	(void)offset;
	(void)src;
	(void)len;
}

static void activate(struct virtio *v)
{
	(void)v; /* the driver begins, with DEVICE_READY */
}

static void notify(struct virtio *v, unsigned int queue)
{
	struct console *c = console_of(v);
	struct port *p;

	if (queue < CONTROL_RX) {
		if (queue == 1)
			virtio_serve(v, queue, CHAINS_TURN, serve_nothing);
		return;
	}
	if (!(v->features & MULTIPORT))
		return;
	if (queue == CONTROL_TX)
		virtio_serve(v, queue, CHAINS_TURN, serve_control);
	if (queue <= CONTROL_TX) {
		tell(c);
		return;
	}
	p = &c->ports[(queue - RX(1)) / 2];
	if (queue == TX(p->id)) {
		if (!p->blocked)
			send_bytes(p);
	} else if (p->starved) {
		queue_want_notify(&v->queues[queue], false);
		p->starved = false;
		receive(p);
	}
}

/* On a processor's thread: the sockets' events are put right by what they call next. */
static void reset(struct virtio *v)
{
	struct console *c = console_of(v);

	for (struct port *p = c->ports; p < c->ports + c->n_ports; p++) {
		p->guest_open = p->starved = p->blocked = false;
		p->sent = 0;
		p->tell = 0;
	}
}

static void destroy(struct virtio *v)
{
	struct console *c = console_of(v);

	for (struct port *p = c->ports; p < c->ports + c->n_ports; p++) {
		source_remove(p->source);
		fd_close(&p->fd);
		free(p->name);
	}
	virtio_finish(v);
	free(c->ports);
	free(c);
}

static const struct virtio_ops console_ops = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.features = features,
	.read_config = read_config,
	.write_config = write_config,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

static int add_port(struct console *c, unsigned int i, const char *name, int fd, struct err **err)
{
	int type = 0, r;
	socklen_t len = sizeof(type);

	c->ports[i] = (struct port){ .console = c, .id = i + 1, .name = xstrdup(name), .fd = fd };
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM)
		return err_set(err, EINVAL, "port \"%s\": it is not a stream socket", name);
	r = fd_set_nonblock(fd, true);
	if (r < 0)
		return err_set_errno(err, -r, "port \"%s\"", name);
	c->ports[i].source = loop_add_fd(c->v.loop, fd, 0, handle_socket, &c->ports[i]);
	return 0;
}

int dev_console_create(const struct device_host *host, const struct port_options *ports,
		       const int *fds, size_t n, struct virtio **ret, struct err **err)
{
	struct console *c = xcalloc(1, sizeof(*c));
	int r = virtio_init(&c->v, &console_ops, "console", host->memory, host->loop,
			    RX((unsigned int)n + 1), QUEUE_SIZE, err);

	c->ports = xcalloc(n, sizeof(*c->ports));
	for (unsigned int i = 0; i < n; i++) {
		int fd = fds[i];

		if (r == 0)
			r = add_port(c, i, ports[i].name, fd, err);
		else
			fd_close(&fd);
		c->n_ports += r == 0 || c->ports[i].name; /* destroy ends what was begun */
	}
	if (r < 0) {
		destroy(&c->v);
		return r;
	}
	*ret = &c->v;
	return 0;
}
