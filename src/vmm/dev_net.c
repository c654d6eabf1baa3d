/* SPDX-License-Identifier: MIT */
/*
 * The virtio network device (virtio 1.2, 5.1): a queue of buffers for frames that come in and one of
 * frames that go out. Where they come from and go to is frames.h's. Nothing is offloaded, as the outside
 * carries frames and nothing beside them.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#include "bucket.h"
#include "devices.h"
#include "fd.h"
#include "frames.h"
#include "log.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * In: a received frame goes into one chain of buffers, or with MRG_RXBUF into as many as it takes,
 * which the driver gets to see all at once. When the driver has no buffers, the frame waits half
 * delivered and we stop reading; its notification goes on. A frame that no number of its buffers can take
 * is dropped, so that a driver's poor choice of them does not stop the others.
 *
 * Out: chains are taken as a batch, sent from where they are in guest memory, and given back when the
 * outside took them. While it takes none, no more are popped and no notifications are wanted. What
 * a reset finds half sent is copied and sent to its end: the stream's framing is ours to keep.
 *
 * A peer that is gone, or sends what cannot be frames, takes the link down (VIRTIO_NET_S_LINK_UP) for
 * good; what goes out is dropped then. It never ends the machine.
 *
 * Resets come from a processor's thread and only change what is in memory; the loop's sources follow at
 * their next event.
 */

enum { RX, TX };

#define HEADER      sizeof(struct virtio_net_hdr_mrg_rxbuf)
#define NUM_BUFFERS offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)
#define VLAN_TAG    4
#define MTU         1500 /* unless said otherwise */
#define MTU_MAX     (FRAME_MAX - FRAME_MIN)
#define TURN_READS  4
#define TURN_SENDS  8
#define BIT(f)      (UINT64_C(1) << (f))

struct net {
	struct virtio virtio;
	struct frames *frames;
	struct source *source; /* NULL: the link is down */
	struct virtio_net_config config;
	struct chain chain;
	/* In */
	size_t delivered;                        /* bytes of the next frame, header included */
	struct queue_used taken[QUEUE_SIZE_MAX]; /* the chains that it has so far */
	unsigned int n_taken;
	struct iovec num_buffers[2]; /* where the field is in the first of them */
	bool no_buffers;
	/* Out */
	bool full; /* the outside takes no more for now */
	/* The rate limit, of each way */
	struct net_limit {
		struct bucket bytes;
		struct source *timer;
		bool waiting;
	} limits[2];
};

static struct net *net_of(struct virtio *v)
{
	return CONTAINER_OF(v, struct net, virtio);
}

static struct queue *queue_of(struct net *net, unsigned int i)
{
	return &net->virtio.queues[i];
}

static bool has(const struct net *net, unsigned int feature)
{
	return net->virtio.features & BIT(feature);
}

/* Whether that way may go on now; if not, its timer goes on. */
static bool may_go(struct net *net, unsigned int way)
{
	struct net_limit *limit = &net->limits[way];
	int64_t now;

	if (!limit->bytes.rate)
		return true;
	now = clock_ns();
	if (bucket_ready(&limit->bytes, now))
		return true;
	limit->waiting = true;
	net->virtio.counters.throttled++;
	source_arm(limit->timer, bucket_wait_ms(&limit->bytes, now));
	return false;
}

/* What the loop waits for follows from the state. */
static void update_events(struct net *net)
{
	const bool in = net->virtio.active && !net->no_buffers && !net->limits[RX].waiting;

	if (net->source)
		source_set_events(net->source, (in ? EPOLLIN : 0u) | (net->full ? EPOLLOUT : 0u));
}

/* The chains that the next frame has so far are the driver's again. */
static void untake(struct net *net)
{
	while (net->n_taken) {
		queue_unpop(queue_of(net, RX));
		net->n_taken--;
	}
	net->delivered = 0;
}

static void link_down(struct net *net, int reason)
{
	log_info("%s: link down: %s", net->virtio.name,
		 reason == -ENODATA  ? "the peer is gone"
		 : reason == -EPROTO ? "the peer sends no frames"
				     : strerror(-reason));
	source_clear(net->source);
	frames_close(net->frames);
	untake(net);
	net->config.status &= (uint16_t)~VIRTIO_NET_S_LINK_UP;
	virtio_config_changed(&net->virtio);
	/* What waits to be sent has nobody to wait for any more. */
	if (net->full)
		virtio_again(&net->virtio, TX);
	net->full = false;
}

/* In */

static bool is_for_guest(const struct net *net, size_t len)
{
	if (len < FRAME_MIN || len > FRAME_MAX)
		return false;
	return !has(net, VIRTIO_NET_F_MTU) || len <= net->config.mtu + FRAME_MIN + VLAN_TAG;
}

/* Buffers to go on with: 1; none for now: 0; a fault: -EBADMSG. */
static int take_buffers(struct net *net)
{
	struct queue *q = queue_of(net, RX);
	int r = queue_pop(q, &net->chain);

	/* Only for lack of them do we want to hear of new ones. */
	if (r == 0 && queue_want_notify(q, true))
		r = queue_pop(q, &net->chain);
	if (r <= 0)
		return r;
	queue_want_notify(q, false);
	if (net->chain.in_len < HEADER || net->chain.n_out)
		return -EBADMSG;
	return 1;
}

/* As much of the frame as the chain takes. */
static void deliver_part(struct net *net, const uint8_t *frame, size_t len)
{
	static const struct virtio_net_hdr_mrg_rxbuf header = { .num_buffers = 1 };
	const struct chain *c = &net->chain;
	size_t at = 0, part;

	if (!net->n_taken) {
		memset(net->num_buffers, 0, sizeof(net->num_buffers));
		chain_in(c, NUM_BUFFERS, sizeof(header.num_buffers), net->num_buffers);
		at = net->delivered = chain_write(c, 0, &header, HEADER);
	}
	part = HEADER + len - net->delivered;
	if (part > c->in_len - at)
		part = c->in_len - at;
	chain_write(c, at, frame + net->delivered - HEADER, part);
	net->delivered += part;
	net->taken[net->n_taken++] = (struct queue_used){ c->head, (uint32_t)(at + part) };
}

static void finish_frame(struct net *net, size_t len)
{
	const uint8_t bytes[] = { (uint8_t)net->n_taken, (uint8_t)(net->n_taken >> 8) };
	size_t at = 0;

	for (unsigned int i = 0; at < sizeof(bytes); i++) {
		memcpy(net->num_buffers[i].iov_base, bytes + at, net->num_buffers[i].iov_len);
		at += net->num_buffers[i].iov_len;
	}
	queue_push_all(queue_of(net, RX), net->taken, net->n_taken);
	net->n_taken = 0;
	net->delivered = 0;
	bucket_pay(&net->limits[RX].bytes, len);
	net->virtio.counters.in_ops++;
	net->virtio.counters.in_bytes += len;
}

/* 1: the frame is delivered or dropped; 0: it waits; -EBADMSG. */
static int deliver(struct net *net, const uint8_t *frame, size_t len)
{
	const unsigned int max = has(net, VIRTIO_NET_F_MRG_RXBUF) ? queue_of(net, RX)->size : 1;

	if (!is_for_guest(net, len)) {
		net->virtio.counters.dropped++;
		return 1;
	}
	while (net->delivered < HEADER + len) {
		int r;

		if (net->n_taken == max) {
			untake(net);
			net->virtio.counters.dropped++;
			return 1;
		}
		r = take_buffers(net);
		net->no_buffers = r == 0;
		if (r <= 0)
			return r;
		deliver_part(net, frame, len);
	}
	finish_frame(net, len);
	return 1;
}

/* All that are whole. 1: done; 0: the rest waits; -EBADMSG of the driver, -EPROTO of the peer. */
static int deliver_received(struct net *net)
{
	const uint8_t *frame;
	size_t len;
	int r;

	while ((r = frames_next(net->frames, &frame, &len)) > 0) {
		if (!may_go(net, RX))
			return 0;
		r = deliver(net, frame, len);
		if (r <= 0)
			return r;
		frames_consume(net->frames);
	}
	return r < 0 ? r : 1;
}

static void receive(struct net *net)
{
	int r = 0, more = 1;

	if (!net->virtio.active || !net->source || net->limits[RX].waiting)
		return;
	for (unsigned int i = 0; r >= 0; i++) {
		r = deliver_received(net);
		if (r <= 0 || more == 0 || i == TURN_READS)
			break;
		r = more = frames_receive(net->frames);
	}
	if (r == -EBADMSG)
		virtio_needs_reset(&net->virtio, "what it has for frames is no buffer for one");
	else if (r < 0)
		link_down(net, r);
	virtio_flush(&net->virtio, RX);
}

/* Out */

static void add_frame(struct net *net, struct iovec *iov, size_t len)
{
	const struct chain *c = &net->chain;

	if (len < FRAME_MIN || len > FRAME_MAX || !net->source) {
		queue_push(queue_of(net, TX), c->head, 0);
		net->virtio.counters.dropped++;
		return;
	}
	frames_add(net->frames, chain_out(c, HEADER, len, iov), len, c->head);
	bucket_pay(&net->limits[TX].bytes, len);
	net->virtio.counters.out_ops++;
	net->virtio.counters.out_bytes += len;
}

/* How many were taken of the queue into a batch; -EBADMSG. */
static int take_frames(struct net *net)
{
	struct queue *q = queue_of(net, TX);
	struct iovec *iov;
	int taken = 0;

	for (; taken < QUEUE_SIZE_MAX && (iov = frames_begin(net->frames)); taken++) {
		const int r = queue_pop(q, &net->chain);

		if (r < 0 || (r > 0 && net->chain.out_len < HEADER))
			return -EBADMSG;
		if (r == 0)
			break;
		if (!may_go(net, TX)) {
			queue_unpop(q);
			break;
		}
		add_frame(net, iov, net->chain.out_len - HEADER);
	}
	return taken;
}

static void send_frames(struct net *net)
{
	const int r = net->source ? frames_send(net->frames) : 1;
	uint16_t head;

	net->full = r == 0;
	if (r < 0)
		link_down(net, r);
	if (!net->source)
		frames_drop(net->frames);
	while (frames_sent(net->frames, &head))
		if (net->virtio.active)
			queue_push(queue_of(net, TX), head, 0);
}

/* Whether there is more to do at once. */
static bool transmit_some(struct net *net)
{
	struct queue *q = queue_of(net, TX);
	int taken;

	queue_want_notify(q, false);
	taken = take_frames(net);
	send_frames(net);
	if (taken < 0)
		virtio_needs_reset(&net->virtio, "what it sends is not a frame");
	if (taken < 0 || net->full || net->limits[TX].waiting)
		return false;
	return taken > 0 || queue_want_notify(q, true);
}

static void transmit(struct net *net)
{
	unsigned int i = 0;

	/* What was taken has paid already; without a driver it is the rest of a forgotten frame. */
	if (net->full)
		send_frames(net);
	while (net->virtio.active && !net->full && !net->limits[TX].waiting && transmit_some(net))
		if (++i == TURN_SENDS) {
			virtio_again(&net->virtio, TX);
			break;
		}
	virtio_flush(&net->virtio, TX);
}

static void handle_outside(int fd, uint32_t events, void *data)
{
	struct net *net = data;

	(void)fd;
	if (events & ~(uint32_t)EPOLLOUT)
		receive(net);
	if (net->full && events & ~(uint32_t)EPOLLIN)
		transmit(net);
	update_events(net);
}

static void handle_rx_timer(void *data)
{
	struct net *net = data;

	net->limits[RX].waiting = false;
	receive(net);
	update_events(net);
}

static void handle_tx_timer(void *data)
{
	struct net *net = data;

	net->limits[TX].waiting = false;
	if (net->virtio.active && !net->full)
		transmit(net);
	update_events(net);
}

/* The device, to the transport */

static uint64_t features(struct virtio *v)
{
	(void)v;
	return BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_STATUS) |
	       BIT(VIRTIO_NET_F_MRG_RXBUF);
}

static void read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	const struct net *net = net_of(v);

	virtio_read_config(&net->config, sizeof(net->config), offset, dst, len);
}

static void write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	(void)v;
	(void)offset;
	(void)src;
	(void)len;
}

/* The transport rings for the queues that have something already. */
static void activate(struct virtio *v)
{
	(void)v;
}

static void notify(struct virtio *v, unsigned int queue)
{
	struct net *net = net_of(v);

	if (queue == RX)
		net->no_buffers = false;
	if (queue == RX)
		receive(net);
	else if (!net->full)
		transmit(net);
	update_events(net);
}

static void reset(struct virtio *v)
{
	struct net *net = net_of(v);

	net->delivered = net->n_taken = 0;
	net->no_buffers = false;
	net->limits[RX].waiting = net->limits[TX].waiting = false;
	frames_forget(net->frames);
}

static void destroy(struct virtio *v)
{
	struct net *net = net_of(v);

	source_clear(net->source);
	source_clear(net->limits[RX].timer);
	source_clear(net->limits[TX].timer);
	virtio_finish(v);
	frames_destroy(net->frames);
	free(net);
}

static const struct virtio_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.features = features,
	.read_config = read_config,
	.write_config = write_config,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

static int create(struct net *net, const struct device_host *host,
		  const struct nic_options *options, const char *name, int fd, bool tap,
		  struct err **err)
{
	int r = virtio_init(&net->virtio, &net_ops, name, host->memory, host->loop, 2,
			    QUEUE_SIZE_MAX, err);

	if (r < 0)
		fd_close(&fd);
	else
		r = frames_create(fd, tap, &net->frames, err);
	if (r == 0 && options->mtu > MTU_MAX)
		r = err_set(err, EINVAL, "mtu: at most %u", MTU_MAX);
	if (r < 0)
		return r;
	memcpy(net->config.mac, options->mac, sizeof(net->config.mac));
	net->config.mtu = (uint16_t)(options->mtu ? options->mtu : MTU);
	net->config.status = VIRTIO_NET_S_LINK_UP;
	net->source = loop_add_fd(host->loop, frames_fd(net->frames), 0, handle_outside, net);
	for (unsigned int i = 0; i < ARRAY_SIZE(net->limits); i++) {
		bucket_init(&net->limits[i].bytes, options->rate, clock_ns());
		net->limits[i].timer = loop_add_timer(
			host->loop, i == RX ? handle_rx_timer : handle_tx_timer, net);
	}
	return 0;
}

int dev_net_create(const struct device_host *host, const struct nic_options *options, int index,
		   int fd, bool tap, struct virtio **ret, struct err **err)
{
	struct net *net = xcalloc(1, sizeof(*net));
	char name[16];
	int r;

	snprintf(name, sizeof(name), "net%d", index);
	r = create(net, host, options, name, fd, tap, err);
	if (r < 0) {
		destroy(&net->virtio);
		return err_prefix(err, "%s", name);
	}
	*ret = &net->virtio;
	return 0;
}
