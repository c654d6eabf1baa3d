/* SPDX-License-Identifier: MIT */
/*
 * The other end of a guest's NIC or port: listens at a path, says so, takes one connection and sends back
 * what comes, until it ends. A frame behind its length is bytes like any others.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 1) < 0)
		return -1;
	return fd;
}

int main(int argc, char **argv)
{
	static char bytes[65536];
	int listening = argc == 2 ? listen_at(argv[1]) : -1, fd;
	ssize_t n;

	if (listening < 0) {
		perror("echo PATH");
		return 1;
	}
	puts("listening");
	fflush(stdout);
	fd = accept(listening, NULL, NULL);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) < 0)
			break;
	return 0;
}
