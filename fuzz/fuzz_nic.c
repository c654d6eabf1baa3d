/* SPDX-License-Identifier: MIT */
/*
 * A NIC against a guest, and a link, made of bytes. The first byte says how the rest is cut into
 * pieces and which side it comes from; what comes out has to be whole frames of an allowed length.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "mem.h"
#include "nic.h"

#define MTU 1500

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(int fd, struct buf *out)
{
	ssize_t n;

	while ((n = recv(fd, buf_reserve(out, 65536), 65536, MSG_DONTWAIT)) > 0)
		buf_commit(out, (size_t)n);
}

static void check(struct buf *out)
{
	while (out->len >= 4) {
		uint32_t len;

		memcpy(&len, buf_bytes(out), 4);
		len = ntohl(len);
		if (len < NIC_FRAME_MIN || len > MTU + 18 || out->len < 4 + len)
			abort();
		buf_consume(out, 4 + len);
	}
	if (out->len)
		abort();
}

static void feed(struct loop *loop, int from, int to, const uint8_t *data, size_t size,
		 size_t piece)
{
	cleanup_buf struct buf out = BUF_INIT;

	while (size) {
		size_t n = size < piece ? size : piece;

		if (send(from, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
		for (int i = 0; i < 3; i++)
			loop_step(loop, 0);
		drain(to, &out);
		data += n;
		size -= n;
	}
	check(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nic_setup setup = { .name = "net0", .transport = NIC_STREAM, .mtu = MTU };
	struct loop *loop;
	struct nic *nic;
	int guest[2], link[2];

	if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM, 0, guest) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, link) < 0)
		return 0;
	loop = loop_create();
	setup.fd = guest[1];
	nic = nic_create(loop, &setup);
	nic_attach(nic, link[1]);
	if (data[0] & 1)
		feed(loop, guest[0], link[0], data + 1, size - 1, (size_t)(data[0] >> 1) * 16 + 1);
	else
		feed(loop, link[0], guest[0], data + 1, size - 1, (size_t)(data[0] >> 1) * 16 + 1);
	nic_destroy(nic);
	loop_destroy(loop);
	close(guest[0]);
	close(link[0]);
	return 0;
}
