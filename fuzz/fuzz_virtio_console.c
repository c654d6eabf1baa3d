/* SPDX-License-Identifier: MIT */
/* The console against any driver, with two ports whose far ends write, read and close. */
#include <sys/socket.h>

#include "fd.h"
#include "log.h"
#include "mem.h"
#include "vmm_driver.h"

#define PORTS 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct far_ends {
	int fds[PORTS];
};

static struct virtio *create(const struct device_host *host, void *data)
{
	const struct port_options ports[PORTS] = { { .name = (char[]){ "a" } },
						   { .name = (char[]){ "log" } } };
	struct far_ends *ends = data;
	struct err *err = NULL;
	struct virtio *v = NULL;
	int ours[PORTS];

	for (int i = 0; i < PORTS; i++) {
		int fds[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
			die("socketpair: %m");
		ends->fds[i] = fds[0];
		ours[i] = fds[1];
		/* So that a short program fills it. */
		setsockopt(ours[i], SOL_SOCKET, SO_SNDBUF, &(int){ 4096 }, sizeof(int));
	}
	if (dev_console_create(host, ports, ours, PORTS, &v, &err) < 0)
		die("%s", err_msg(err));
	return v;
}

/* The first byte: bit 0 is the port; 0 … 3 in the next two write, read, stop to write, or close. */
static void host(struct virtio *v, const uint8_t *bytes, size_t len, void *data)
{
	struct far_ends *ends = data;
	uint8_t got[512];
	int *fd;

	(void)v;
	if (!len)
		return;
	fd = &ends->fds[bytes[0] & 1];
	switch (bytes[0] >> 1 & 3) {
	case 0:
		if (send(*fd, bytes + 1, len - 1, MSG_NOSIGNAL) < 0)
			return;
		return;
	case 1:
		if (read(*fd, got, sizeof(got)) < 0)
			return;
		return;
	case 2:
		shutdown(*fd, SHUT_WR);
		return;
	default:
		fd_close(fd);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmm_driver_target target = { .create = create, .host = host };
	struct far_ends ends = { { -1, -1 } };

	vmm_driver_run(&target, &ends, data, size);
	for (int i = 0; i < PORTS; i++)
		fd_close(&ends.fds[i]);
	return 0;
}
