/* SPDX-License-Identifier: MIT */
/*
 * Owns both sides' descriptors of one NIC, the framing between them, and the counts. Does not know
 * where a link's frame socket comes from.
 *
 * Theory of operation
 *
 * A NIC has two ports (guest, link) and two flows, one for each direction, which are the same code.
 * A flow reads as much as there is into one scratch buffer shared by all NICs, moves the good
 * frames together in it, each behind its length of 4 bytes, and writes them with one call where the
 * other port is a stream, one by one where it is a tap. What could not be written stays in the
 * flow's `out`; a frame of which only the beginning came stays in its `part`. An idle NIC
 * therefore holds no buffers.
 *
 * While `out` holds anything the flow does not read: the sender waits, nothing is lost, and `out`
 * never exceeds one scratch buffer. A port that takes nothing for NIC_STALL_MS makes the flow
 * stalled: it reads and drops, so that a dead peer cannot hold up a guest's network device, until
 * the port takes bytes again.
 *
 * A frame of a wrong length is dropped and counted. A length that no sender of this framing can
 * produce means that the place in the stream is lost: the port is closed.
 */
#include "nic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "mem.h"

#define LENGTH      4 /* bytes in front of a frame on a stream */
#define SCRATCH     (256 << 10)
#define TAP_ROUND   64 /* frames taken of a tap in one round of the loop */
#define VLAN_HEADER 4

struct port {
	struct nic *nic;
	int fd; /* -1: closed, or not attached */
	enum nic_transport transport;
	struct source *source;
};

struct flow {
	struct nic *nic;
	struct port *from, *to;
	struct buf part; /* read, not yet a whole frame (streams) */
	struct buf out;  /* framed, not yet taken by `to` */
	bool stalled;
	struct source *timer; /* runs while `out` holds something */
	bool (*allows)(const uint8_t *frame, size_t len);
	void (*mend)(uint8_t *frame, size_t len);
	uint64_t frames, bytes, dropped;
};

struct nic {
	char *name;
	struct loop *loop;
	size_t frame_max;
	struct port guest, link;
	struct flow tx, rx; /* out of the guest, into it */
};

/* One round's frames. Shared: a flow leaves nothing in it. */
static uint8_t scratch[SCRATCH];

static uint32_t get_length(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_length(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

/* What each port waits for follows from its two flows. */
static void update_port(struct port *port, const struct flow *reads, const struct flow *writes)
{
	uint32_t events = 0;

	if (!port->source)
		return;
	if (!reads->out.len || reads->stalled)
		events |= EPOLLIN;
	if (writes->out.len)
		events |= EPOLLOUT;
	source_set_events(port->source, events);
}

static void update(struct nic *nic)
{
	update_port(&nic->guest, &nic->tx, &nic->rx);
	update_port(&nic->link, &nic->rx, &nic->tx);
}

/*
 * What was on its way to the port is lost, and what came of it only in part. The flow out of the
 * other port keeps its place in that stream, and bytes that the other port was still to take stay.
 */
static void close_port(struct port *port)
{
	struct nic *nic = port->nic;
	struct flow *reads = port == &nic->guest ? &nic->tx : &nic->rx;
	struct flow *writes = port == &nic->guest ? &nic->rx : &nic->tx;

	source_clear(port->source);
	fd_close(&port->fd);
	buf_free(&reads->part);
	buf_free(&writes->out);
	writes->stalled = false;
	source_arm(writes->timer, -1);
	update(nic);
}

/* One frame to a tap. A tap that is down refuses it; that frame is lost, as on a cable. */
static bool write_tap(struct flow *flow, const uint8_t *frame, size_t len)
{
	if (write(flow->to->fd, frame, len) >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	flow->dropped++;
	return true;
}

/* How much of the framed bytes the port took, or -1 when it is broken. */
static ssize_t write_port(struct flow *flow, const uint8_t *data, size_t len)
{
	size_t done = 0;
	ssize_t n;

	if (flow->to->transport == NIC_STREAM) {
		n = send(flow->to->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
	}
	while (done < len) {
		size_t frame = get_length(data + done);

		if (!write_tap(flow, data + done + LENGTH, frame))
			break;
		done += LENGTH + frame;
	}
	return (ssize_t)done;
}

static void handle_stall(void *data)
{
	struct flow *flow = data;

	flow->stalled = true;
	update(flow->nic);
}

static void send_frames(struct flow *flow, size_t len)
{
	ssize_t n = write_port(flow, scratch, len);

	if (n < 0) {
		close_port(flow->to);
		return;
	}
	if ((size_t)n < len) {
		buf_append(&flow->out, scratch + n, len - (size_t)n);
		source_arm(flow->timer, NIC_STALL_MS);
	}
}

/* The port takes bytes again. */
static void flush(struct flow *flow)
{
	ssize_t n = write_port(flow, buf_bytes(&flow->out), flow->out.len);

	if (n < 0) {
		close_port(flow->to);
		return;
	}
	if (n == 0)
		return;
	buf_consume(&flow->out, (size_t)n);
	flow->stalled = false;
	source_arm(flow->timer, flow->out.len ? NIC_STALL_MS : -1);
	if (!flow->out.len)
		buf_free(&flow->out);
}

/* Whether a frame of this length may pass; counts it either way, and mends it if it may. */
static bool admit(struct flow *flow, uint8_t *frame, size_t len)
{
	if (flow->to->fd < 0 || flow->stalled || len < NIC_FRAME_MIN ||
	    len > flow->nic->frame_max || (flow->allows && !flow->allows(frame, len))) {
		flow->dropped++;
		return false;
	}
	if (flow->mend)
		flow->mend(frame, len);
	flow->frames++;
	flow->bytes += len;
	return true;
}

/*
 * Moves the whole, good frames of scratch[0..len) together at its beginning: their length. Sets
 * *ret_used to the bytes that were dealt with. -1: this is no framing.
 */
static ssize_t pick_frames(struct flow *flow, size_t len, size_t *ret_used)
{
	size_t at = 0, kept = 0;

	while (len - at >= LENGTH) {
		size_t frame = get_length(scratch + at);

		if (frame == 0 || frame > NIC_FRAME_MAX)
			return -1;
		if (len - at < LENGTH + frame)
			break;
		if (admit(flow, scratch + at + LENGTH, frame)) {
			memmove(scratch + kept, scratch + at, LENGTH + frame);
			kept += LENGTH + frame;
		}
		at += LENGTH + frame;
	}
	*ret_used = at;
	return (ssize_t)kept;
}

static void read_stream(struct flow *flow)
{
	size_t have = flow->part.len, used;
	ssize_t n, kept;

	if (have)
		memcpy(scratch, buf_bytes(&flow->part), have);
	n = recv(flow->from->fd, scratch + have, sizeof(scratch) - have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_port(flow->from);
		return;
	}
	kept = pick_frames(flow, have + (size_t)n, &used);
	if (kept < 0) {
		log_warn("%s: the %s's frames lost their framing; closed", flow->nic->name,
			 flow == &flow->nic->tx ? "guest" : "link");
		flow->dropped++;
		close_port(flow->from);
		return;
	}
	buf_free(&flow->part);
	buf_append(&flow->part, scratch + used, have + (size_t)n - used);
	if (kept)
		send_frames(flow, (size_t)kept);
}

static void read_tap(struct flow *flow)
{
	size_t kept = 0;

	for (int i = 0; i < TAP_ROUND && sizeof(scratch) - kept > LENGTH + NIC_FRAME_MAX; i++) {
		ssize_t n = read(flow->from->fd, scratch + kept + LENGTH, NIC_FRAME_MAX);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			close_port(flow->from);
			return;
		}
		if (!admit(flow, scratch + kept + LENGTH, (size_t)n))
			continue;
		put_length(scratch + kept, (size_t)n);
		kept += LENGTH + (size_t)n;
	}
	if (kept)
		send_frames(flow, kept);
}

static void handle_port(int fd, uint32_t events, void *data)
{
	struct port *port = data;
	struct nic *nic = port->nic;
	struct flow *reads = port == &nic->guest ? &nic->tx : &nic->rx;
	struct flow *writes = port == &nic->guest ? &nic->rx : &nic->tx;

	(void)fd;
	if (events & EPOLLOUT)
		flush(writes);
	/* A hang-up is read too: as end of file, behind the last bytes. */
	if (port->source && events & (EPOLLIN | EPOLLHUP | EPOLLERR) &&
	    (!reads->out.len || reads->stalled)) {
		if (port->transport == NIC_TAP)
			read_tap(reads);
		else
			read_stream(reads);
	} else if (port->source && events & (EPOLLHUP | EPOLLERR)) {
		close_port(port);
	}
	update(nic);
}

static void open_port(struct port *port, int fd)
{
	struct nic *nic = port->nic;

	port->fd = fd;
	if (fd_set_nonblock(fd, true) < 0)
		log_warn("%s: %m", nic->name);
	port->source = loop_add_fd(nic->loop, fd, EPOLLIN, handle_port, port);
}

static void init_flow(struct nic *nic, struct flow *flow, struct port *from, struct port *to)
{
	flow->nic = nic;
	flow->from = from;
	flow->to = to;
	flow->timer = loop_add_timer(nic->loop, handle_stall, flow);
}

struct nic *nic_create(struct loop *loop, const struct nic_setup *setup)
{
	struct nic *nic = xcalloc(1, sizeof(*nic));

	nic->loop = loop;
	nic->name = xstrdup(setup->name);
	nic->frame_max = setup->mtu + NIC_FRAME_MIN + VLAN_HEADER;
	nic->guest = (struct port){ .nic = nic, .fd = -1, .transport = setup->transport };
	nic->link = (struct port){ .nic = nic, .fd = -1, .transport = NIC_STREAM };
	init_flow(nic, &nic->tx, &nic->guest, &nic->link);
	init_flow(nic, &nic->rx, &nic->link, &nic->guest);
	nic->tx.allows = setup->allows;
	nic->rx.mend = setup->mend;
	open_port(&nic->guest, setup->fd);
	return nic;
}

void nic_destroy(struct nic *nic)
{
	if (!nic)
		return;
	close_port(&nic->guest);
	close_port(&nic->link);
	source_remove(nic->tx.timer);
	source_remove(nic->rx.timer);
	free(nic->name);
	free(nic);
}

const char *nic_name(const struct nic *nic)
{
	return nic->name;
}

void nic_attach(struct nic *nic, int fd)
{
	nic_detach(nic);
	open_port(&nic->link, fd);
	update(nic);
}

void nic_detach(struct nic *nic)
{
	if (nic->link.fd >= 0)
		close_port(&nic->link);
}

bool nic_attached(const struct nic *nic)
{
	return nic->link.fd >= 0;
}

void nic_count(const struct nic *nic, struct control_link_count *sum)
{
	sum->tx_frames += nic->tx.frames;
	sum->tx_bytes += nic->tx.bytes;
	sum->rx_frames += nic->rx.frames;
	sum->rx_bytes += nic->rx.bytes;
	sum->dropped += nic->tx.dropped + nic->rx.dropped;
}
