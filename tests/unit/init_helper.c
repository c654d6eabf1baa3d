/* SPDX-License-Identifier: MIT */
/*
 * What the tests of atoll-init run inside a machine:
 *
 *	serve tcp/PORT | unix/PATH	echoes every connection, one after the other
 *	answer unix/PATH		takes a configuration of each, answers with its length as code
 *	dial tcp/PORT | unix/PATH	says "hello" and prints what comes back until the end;
 *				status 2: the connection was reset
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "abi_wire.h"
#include "fd.h"
#include "init_machine.h"
#include "log.h"
#include "str.h"

static int open_target(const char *target, bool listening)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	uint64_t port = 0;
	int fd = -1, on = 1, r;

	if (str_starts(target, "unix/")) {
		r = listening ? unix_listen(target + 4, SOCK_STREAM, 0600, &fd, NULL)
			      : unix_connect(target + 4, SOCK_STREAM, &fd, NULL);
		fd_set_nonblock(fd, false);
		return r < 0 ? -1 : fd;
	}
	str_to_u64(target + 4, 65535, &port);
	in.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (listening)
		r = bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ? -1 : listen(fd, 8);
	else
		r = connect(fd, (struct sockaddr *)&in, sizeof(in));
	return r < 0 ? -1 : fd;
}

static void echo(int fd)
{
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fd_write_all(fd, bytes, (size_t)n);
}

static void answer(int fd)
{
	uint8_t head[MSG_HEADER];
	cleanup_buf struct buf out = BUF_INIT;
	struct wire_reply reply = { 0 };
	char body[65536];
	uint16_t type;
	size_t len;

	if (fd_read_exact(fd, head, sizeof(head)) < 0 ||
	    msg_peek(head, sizeof(head), &type, &len) < 0 ||
	    fd_read_exact(fd, body, len - MSG_HEADER) < 0)
		return;
	reply.code = len;
	msg_encode(&wire_reply_type, &reply, &out);
	fd_write_all(fd, buf_bytes(&out), out.len);
}

static int serve(const char *target, void (*handle)(int fd))
{
	int listener = open_target(target, true);

	for (;;) {
		cleanup_fd int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return 1;
		handle(fd);
	}
}

static int dial(const char *target)
{
	cleanup_fd int fd = open_target(target, false);
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return 1;
	/* A reset is seen by whichever call comes after it. */
	if (fd_write_all(fd, "hello", 5) < 0)
		return 2;
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		fd_write_all(1, bytes, (size_t)n);
	return n < 0 ? 2 : 0;
}

int helper_main(int argc, char **argv)
{
	if (argc != 3)
		return -1;
	if (str_eq(argv[1], "serve"))
		return serve(argv[2], echo);
	if (str_eq(argv[1], "answer"))
		return serve(argv[2], answer);
	return str_eq(argv[1], "dial") ? dial(argv[2]) : -1;
}
