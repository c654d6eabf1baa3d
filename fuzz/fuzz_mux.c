/* SPDX-License-Identifier: MIT */
/*
 * yamux: the input is what a peer sends. The session at the other end accepts, echoes, half-closes,
 * resets or neglects streams, by their number. Sessions must end or go on, never crash, and memory
 * stays within its bounds.
 *
 * Input: one byte of choices, then pieces: one byte of length n, then 4n bytes to send; between the
 * pieces the loop runs, so that a frame may come in parts.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"
#include "mem.h"
#include "mux.h"

#define MAX_PIECES 64

struct peer {
	struct loop *loop;
	struct mux *mux;
	unsigned int choices, opened;
	bool ended;
};

static void echo(struct stream *s, void *data)
{
	struct peer *peer = data;
	size_t n;
	const uint8_t *p = stream_peek(s, &n);

	if (peer->choices & 1)
		n = stream_write(s, p, n);
	stream_consume(s, n);
}

static void echo_more(struct stream *s, void *data)
{
	echo(s, data);
}

static void finish(struct stream *s, void *data)
{
	struct peer *peer = data;

	if (peer->choices & 2)
		stream_close(s);
	else
		stream_shutdown(s);
}

static void handle_close(struct stream *s, int reason, void *data)
{
	size_t n;

	(void)data;
	if (reason >= 0)
		abort();
	stream_peek(s, &n);
	stream_consume(s, n);
	stream_close(s);
}

static const struct stream_ops echo_ops = { echo, echo_more, finish, handle_close };
static const struct stream_ops lazy_ops = { .handle_close = handle_close };

static void handle_open(struct mux *mux, struct stream *s, void *data)
{
	struct peer *peer = data;

	(void)mux;
	switch (peer->opened++ % 5) {
	case 0:
	case 1:
		stream_accept(s, &echo_ops, peer);
		break;
	case 2:
		stream_accept(s, &lazy_ops, peer);
		break;
	case 3:
		stream_reset(s);
		break;
	case 4:
		stream_accept(s, &echo_ops, peer);
		stream_close(s);
		break;
	}
}

static void handle_end(struct mux *mux, int reason, void *data)
{
	struct peer *peer = data;

	if (peer->ended || reason > 0)
		abort();
	peer->ended = true;
	if (peer->choices & 4) {
		mux_destroy(mux);
		peer->mux = NULL;
	}
}

static const struct mux_ops ops = { handle_open, handle_end };

static void run(struct peer *peer, int fd)
{
	char drain[4096];

	for (int i = 0; i < 3; i++) {
		if (loop_step(peer->loop, 0) < 0)
			abort();
		while (!(peer->choices & 8) && read(fd, drain, sizeof(drain)) > 0)
			;
	}
	if (peer->mux && mux_stream_count(peer->mux) > MUX_MAX_STREAMS)
		abort();
}

static void feed(struct peer *peer, int fd, const uint8_t *data, size_t size)
{
	for (int i = 0; i < MAX_PIECES && size; i++) {
		size_t n = 4 * (size_t)data[0];

		data++;
		size--;
		n = n && n < size ? n : size;
		if (write(fd, data, n) < 0)
			return;
		data += n;
		size -= n;
		run(peer, fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer peer = { .choices = size ? data[0] : 0 };
	int fds[2];

	if (!size || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return 0;
	peer.loop = loop_create();
	peer.mux = mux_create(peer.loop, fds[1], peer.choices & 16 ? MUX_CLIENT : MUX_SERVER, &ops,
			      &peer);
	if (peer.choices & 32)
		stream_write(mux_open(peer.mux, &echo_ops, &peer), "mine", 4);
	feed(&peer, fds[0], data + 1, size - 1);
	fd_close(&fds[0]);
	if (!(peer.choices & 64))
		for (int i = 0; i < 4; i++)
			loop_step(peer.loop, 0);
	mux_destroy(peer.mux);
	loop_destroy(peer.loop);
	return 0;
}
