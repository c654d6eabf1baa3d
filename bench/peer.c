/* SPDX-License-Identifier: MIT */
/*
 * peer: the other end of a NIC or of a console's port, for every virtual machine the same: connects nowhere, listens
 * at a path, takes one connection at a time, and gives back every byte that comes, batch by batch. With frames behind
 * their lengths that is what an echoing host would send: a frame is never changed, nor is the order.
 *
 *	peer PATH
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"

static char bytes[256 << 10];

static void echo(int fd)
{
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(fd, bytes + done, (size_t)(n - done));

			if (w < 0)
				return;
			done += w;
		}
}

int main(int argc, char **argv)
{
	cleanup_err struct err *err = NULL;
	cleanup_fd int listener = -1;

	log_init("peer", LOG_LEVEL_INFO);
	if (argc != 2)
		die("usage: peer PATH");
	if (unix_listen(argv[1], SOCK_STREAM, 0600, &listener, &err) < 0)
		die("%s", err_msg(err));
	for (;;) {
		cleanup_fd int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			echo(fd);
	}
}
