/* SPDX-License-Identifier: MIT */
/*
 * The network device against any driver and any peer. Whatever the driver does, what the peer gets is
 * frames behind their lengths.
 *
 * The host's bytes: first what it does, then with what.
 *
 *	0 sends the rest as it is
 *	1 sends a frame of as many bytes as two bytes say
 *	2 reads as many bytes as two bytes say
 *	3 closes its end
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "fd.h"
#include "frames.h"
#include "log.h"
#include "vmm_driver.h"

struct peer {
	int fd;
	size_t header; /* bytes of the next length that came */
	uint8_t length[4];
	size_t left; /* of the frame */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct virtio *create(const struct device_host *host, void *data)
{
	const struct nic_options options = { .mtu = 9000 };
	struct peer *peer = data;
	struct err *err = NULL;
	struct virtio *v = NULL;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		die("socketpair: %m");
	peer->fd = fds[0];
	if (dev_net_create(host, &options, 0, fds[1], false, &v, &err) < 0)
		die("%s", err_msg(err));
	return v;
}

static void check_byte(struct peer *peer, uint8_t byte)
{
	uint32_t length;

	if (peer->left) {
		peer->left--;
		return;
	}
	peer->length[peer->header++] = byte;
	if (peer->header < sizeof(peer->length))
		return;
	peer->header = 0;
	memcpy(&length, peer->length, sizeof(length));
	peer->left = ntohl(length);
	if (peer->left < FRAME_MIN || peer->left > FRAME_MAX)
		__builtin_trap();
}

static void host(struct virtio *v, const uint8_t *bytes, size_t len, void *data)
{
	static uint8_t buffer[4 + 65535];
	struct peer *peer = data;
	uint16_t n = 0;
	uint32_t length;
	ssize_t got = 0;

	(void)v;
	if (!len || peer->fd < 0)
		return;
	memcpy(&n, bytes + 1, len > 2 ? 2 : len - 1);
	length = htonl(n);
	memcpy(buffer, &length, sizeof(length));
	switch (bytes[0] % 4) {
	case 0:
		got = send(peer->fd, bytes + 1, len - 1, 0);
		break;
	case 1:
		got = send(peer->fd, buffer, sizeof(length) + n, 0);
		break;
	case 2:
		got = recv(peer->fd, buffer, n, 0);
		for (ssize_t i = 0; i < got; i++)
			check_byte(peer, buffer[i]);
		break;
	case 3:
		fd_close(&peer->fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmm_driver_target target = { .create = create, .host = host };
	struct peer peer = { .fd = -1 };

	vmm_driver_run(&target, &peer, data, size);
	fd_close(&peer.fd);
	return 0;
}
