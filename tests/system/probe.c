/* SPDX-License-Identifier: MIT */
/*
 * probe: finds out what can be reached from where it runs. Static, so that it runs in any machine.
 *
 *	probe < TARGETS         each line: PROTOCOL ADDRESS PORT [SOURCE], PROTOCOL tcp or udp; prints the line with
 *	                        what came of it
 *	probe serve LOG PORT…   answers on TCP and UDP, both families, at every address; each UDP datagram's text
 *	                        and each TCP connection's source go to LOG as a line
 *
 * open: somebody answered. refused: the port's owner said no, so the packet did arrive. rejected: somebody on
 * the way said no. unreachable: there is no route. timeout: nothing came back.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_TARGETS 1024
#define LIMIT_MS    1000

struct target {
	char line[256];
	int fd;
	bool udp;
	const char *outcome;
};

static struct target targets[MAX_TARGETS];
static struct pollfd polls[MAX_TARGETS];

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* A socket address from text; returns its length, 0 when it is none. */
static socklen_t parse(const char *text, int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return sizeof(*in6);
	}
	return 0;
}

static const char *name_of(int code)
{
	switch (code) {
	case 0:
		return "open";
	case ECONNREFUSED:
		return "refused";
	case EHOSTUNREACH:
	case EACCES:
	case EPERM:
		return "rejected";
	case ENETUNREACH:
	case EADDRNOTAVAIL:
		return "unreachable";
	}
	return strerror(code);
}

static void begin(struct target *t)
{
	struct sockaddr_storage to, from;
	char protocol[8], address[64], source[64] = "";
	socklen_t len;
	int port;

	t->fd = -1;
	t->outcome = "malformed";
	if (sscanf(t->line, "%7s %63s %d %63s", protocol, address, &port, source) < 3)
		return;
	len = parse(address, port, &to);
	if (!len)
		return;
	t->udp = strcmp(protocol, "udp") == 0;
	t->fd = socket(to.ss_family, (t->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK, 0);
	t->outcome = NULL;
	if (*source) {
		socklen_t n = parse(source, 0, &from);

		if (!n || bind(t->fd, (struct sockaddr *)&from, n) < 0)
			t->outcome = "unbindable";
	}
	if (!t->outcome && connect(t->fd, (struct sockaddr *)&to, len) < 0 && errno != EINPROGRESS)
		t->outcome = name_of(errno);
	/* The datagram's text is the question itself: the server's log tells which one arrived. */
	if (!t->outcome && t->udp && send(t->fd, t->line, strlen(t->line), 0) < 0)
		t->outcome = name_of(errno);
}

static void look(struct target *t)
{
	socklen_t len = sizeof(int);
	char answer[256];
	int code = 0;

	if (t->udp)
		code = recv(t->fd, answer, sizeof(answer), 0) < 0 ? errno : 0;
	else
		getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &code, &len);
	if (code != EAGAIN)
		t->outcome = name_of(code);
}

static int ask(void)
{
	long end = now_ms() + LIMIT_MS;
	size_t n = 0, left = 1;

	while (n < MAX_TARGETS && fgets(targets[n].line, sizeof(targets[n].line), stdin)) {
		targets[n].line[strcspn(targets[n].line, "\n")] = '\0';
		begin(&targets[n++]);
	}
	while (left && now_ms() < end) {
		left = 0;
		for (size_t i = 0; i < n; i++) {
			polls[i].fd = targets[i].outcome ? -1 : targets[i].fd;
			polls[i].events = targets[i].udp ? POLLIN : POLLOUT;
			polls[i].revents = 0;
			left += polls[i].fd >= 0;
		}
		if (!left || poll(polls, n, (int)(end - now_ms())) <= 0)
			break;
		for (size_t i = 0; i < n; i++)
			if (polls[i].revents)
				look(&targets[i]);
	}
	for (size_t i = 0; i < n; i++)
		printf("%s %s\n", targets[i].line,
		       targets[i].outcome ? targets[i].outcome : "timeout");
	return 0;
}

static void answer_tcp(int fd, FILE *log)
{
	struct sockaddr_in6 from;
	socklen_t len = sizeof(from);
	char text[INET6_ADDRSTRLEN];
	int accepted = accept(fd, (struct sockaddr *)&from, &len);

	if (accepted < 0)
		return;
	fprintf(log, "tcp from %s\n", inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)));
	close(accepted);
}

/* Answers from the address that was asked, whichever of the host's it is. */
static void answer_udp(int fd, FILE *log)
{
	char text[256], control[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	struct sockaddr_in6 from;
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = { .msg_name = &from,
			      .msg_namelen = sizeof(from),
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, 0);

	if (n < 0)
		return;
	text[n] = '\0';
	fprintf(log, "%s\n", text);
	iov.iov_len = (size_t)n;
	sendmsg(fd, &msg, 0);
}

static int serve(const char *path, char **ports)
{
	FILE *log = fopen(path, "a");
	size_t n = 0;

	if (!log)
		return 1;
	setvbuf(log, NULL, _IOLBF, 0);
	for (; *ports && n + 2 <= MAX_TARGETS; ports++) {
		struct sockaddr_in6 any = { .sin6_family = AF_INET6,
					    .sin6_port = htons((uint16_t)atoi(*ports)) };

		for (int udp = 0; udp < 2; udp++) {
			int fd = socket(AF_INET6, udp ? SOCK_DGRAM : SOCK_STREAM, 0), one = 1;

			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
			setsockopt(fd, SOL_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
			if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
			    (!udp && listen(fd, 64) < 0)) {
				perror("probe: bind");
				return 1;
			}
			targets[n].udp = udp;
			polls[n].fd = fd;
			polls[n++].events = POLLIN;
		}
	}
	puts("serving");
	fflush(stdout);
	while (poll(polls, n, -1) > 0) {
		for (size_t i = 0; i < n; i++) {
			if (!polls[i].revents)
				continue;
			if (targets[i].udp)
				answer_udp(polls[i].fd, log);
			else
				answer_tcp(polls[i].fd, log);
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv + 3);
	return ask();
}
