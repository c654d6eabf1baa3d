/* SPDX-License-Identifier: MIT */
/*
 * Owns: making a child in namespaces and what the two tell each other until the child runs its
 * program. Not: what the child does.
 *
 * A message on the channel is one packet: its first byte says what it is. An error is 'E', the errno
 * as an int, then the text; a descriptor is 'F' with the descriptor; 'N' is a notification.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "loop.h"

#define MESSAGE_MAX 1024

enum message {
	MESSAGE_ERROR = 'E',
	MESSAGE_FD = 'F',
	MESSAGE_NOTIFY = 'N',
};

static int send_message(int channel, const void *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	return sendmsg(channel, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The length (0 at the end), or -errno; *ret_fd is -1 when none came. */
static ssize_t recv_message(int channel, void *data, size_t room, int *ret_fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { data, room };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_fd = -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(int));
	return n;
}

static void send_error(int channel, int code, const struct err *err)
{
	char message[MESSAGE_MAX] = { MESSAGE_ERROR };
	const char *text = err ? err->msg : strerror(code);
	size_t len = strnlen(text, sizeof(message) - 1 - sizeof(code));

	memcpy(message + 1, &code, sizeof(code));
	memcpy(message + 1 + sizeof(code), text, len);
	send_message(channel, message, 1 + sizeof(code) + len, -1);
}

static int take_error(const char *message, size_t len, struct err **err)
{
	int code;

	if (len < 1 + sizeof(code) || message[0] != MESSAGE_ERROR)
		return err_set(err, EBADMSG, "a message out of turn from the child process");
	memcpy(&code, message + 1, sizeof(code));
	len -= 1 + sizeof(code);
	return err_set(err, code, "%.*s", (int)len, message + 1 + sizeof(code));
}

static void __attribute__((noreturn)) run_child(int channel, process_fn fn, void *data)
{
	struct err *err = NULL;
	int r, high = fcntl(channel, F_DUPFD_CLOEXEC, PROCESS_FD_MIN);

	/* Out of the way of the descriptors that the child's program is to find. */
	if (high >= 0) {
		close(channel);
		channel = high;
	}
	loop_child_reset();
	r = fn(channel, data, &err);
	if (r < 0)
		send_error(channel, -r, err);
	_exit(r < 0 ? 125 : 0);
}

int process_spawn(uint64_t flags, int cgroup, process_fn fn, void *data,
		  struct process *ret_process, struct err **err)
{
	cleanup_fd int ours = -1, theirs = -1;
	int pair[2], pidfd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup >= 0 ? cgroup : 0,
	};
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return err_set_errno(err, errno, "cannot make a process in new namespaces");
	if (pid == 0) {
		close(ours);
		run_child(theirs, fn, data);
	}
	ret_process->pid = pid;
	ret_process->pidfd = pidfd;
	ret_process->channel = steal_fd(&ours);
	return 0;
}

int process_await(struct process *p, struct err **err)
{
	char message[MESSAGE_MAX];
	int r, fd = -1;
	ssize_t n = recv_message(p->channel, message, sizeof(message), &fd);

	fd_close(&fd);
	if (n == 0) {
		fd_close(&p->channel);
		return 0;
	}
	if (n < 0)
		r = err_set_errno(err, -n, "cannot hear from the child process");
	else
		r = take_error(message, n, err);
	process_destroy(p);
	return r;
}

int process_send_fd(int channel, int fd)
{
	return send_message(channel, &(char){ MESSAGE_FD }, 1, fd);
}

int process_recv_fd(struct process *p, int *ret_fd, struct err **err)
{
	char message[MESSAGE_MAX];
	cleanup_fd int fd = -1;
	ssize_t n = recv_message(p->channel, message, sizeof(message), &fd);

	if (n < 0)
		return err_set_errno(err, -n, "cannot hear from the child process");
	if (n == 0)
		return err_set(err, EPIPE, "the child process ended early");
	if (message[0] != MESSAGE_FD || fd < 0)
		return take_error(message, n, err);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int process_notify(int channel)
{
	return send_message(channel, &(char){ MESSAGE_NOTIFY }, 1, -1);
}

int process_wait_notify(int channel)
{
	char message;
	cleanup_fd int fd = -1;
	ssize_t n = recv_message(channel, &message, 1, &fd);

	if (n < 0)
		return n;
	return n == 1 && message == MESSAGE_NOTIFY ? 0 : -EPIPE;
}

void process_kill(const struct process *p)
{
	if (p->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, p->pidfd, SIGKILL, NULL, 0);
}

void process_destroy(struct process *p)
{
	if (p->pidfd >= 0) {
		process_kill(p);
		while (waitid(P_PIDFD, p->pidfd, &(siginfo_t){ 0 }, WEXITED) < 0 && errno == EINTR)
			;
	}
	fd_close(&p->pidfd);
	fd_close(&p->channel);
	p->pid = 0;
}
