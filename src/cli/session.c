/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "abi_wire.h"
#include "buf.h"
#include "fd.h"
#include "mem.h"

#define CHUNK 65536

struct session {
	int fd; /* non-blocking */
	int signals;
	bool tty;
	bool input_open, ended;
	int status;
	struct buf in, out; /* frames from and to the machine */
};

static struct termios saved;
static bool is_raw;

static void restore_terminal(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}

/* Raw until session_run returns or the process exits by any way that runs exit handlers. */
static void make_raw(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	raw = saved;
	cfmakeraw(&raw);
	atexit(restore_terminal);
	is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void session_window(uint16_t *ret_rows, uint16_t *ret_columns)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
}

static void put_frame(struct session *s, enum exec_frame type, const void *data, size_t len)
{
	const uint8_t header[EXEC_FRAME_HEADER] = { (uint8_t)len, (uint8_t)(len >> 8),
						    (uint8_t)(len >> 16), (uint8_t)type };

	buf_append(&s->out, header, sizeof(header));
	buf_append(&s->out, data, len);
}

static int take_signal(struct session *s)
{
	struct signalfd_siginfo info;
	uint16_t window[2];
	uint8_t signo;

	if (read(s->signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		session_window(&window[0], &window[1]);
		if (s->tty)
			put_frame(s, EXEC_WINSIZE, window, sizeof(window));
		return 0;
	}
	signo = (uint8_t)info.ssi_signo;
	put_frame(s, EXEC_SIGNAL, &signo, 1);
	return 0;
}

/* Input waits in the pipe while the machine has not taken what came before. */
static void take_input(struct session *s)
{
	uint8_t data[CHUNK / 4];
	ssize_t n = read(STDIN_FILENO, data, sizeof(data));

	if (n > 0) {
		put_frame(s, EXEC_STDIN, data, (size_t)n);
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		put_frame(s, EXEC_STDIN_END, NULL, 0);
		s->input_open = false;
	}
}

static int send_frames(struct session *s)
{
	while (s->out.len) {
		ssize_t n = send(s->fd, buf_bytes(&s->out), s->out.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			/* What the machine still said is there to be read: its exit status, say. */
			buf_clear(&s->out);
			s->input_open = false;
			return 0;
		}
		buf_consume(&s->out, (size_t)n);
	}
	return 0;
}

static uint32_t little32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int handle_frame(struct session *s, unsigned int type, const uint8_t *data, size_t len,
			struct err **err)
{
	int out = type == EXEC_STDERR ? STDERR_FILENO : STDOUT_FILENO;
	int r;

	switch (type) {
	case EXEC_STDOUT:
	case EXEC_STDERR:
		r = fd_write_all(out, data, len);
		if (r == 0)
			return 0;
		if (r != -EPIPE)
			return err_set_errno(err, -r, "standard output");
		s->status = 128 + SIGPIPE; /* nobody listens: as a local command would end */
		s->ended = true;
		return 0;
	case EXEC_EXIT:
		if (len != 4)
			return err_set(err, EPROTO, "the machine sent a broken exit status");
		s->status = (int)(little32(data) & 0xff);
		s->ended = true;
		return 0;
	default:
		return err_set(err, EPROTO, "the machine sent a frame of unknown type %u", type);
	}
}

static int handle_frames(struct session *s, struct err **err)
{
	while (!s->ended && s->in.len >= EXEC_FRAME_HEADER) {
		const uint8_t *p = buf_bytes(&s->in);
		size_t len = little32(p) & 0xffffff;
		int r;

		if (len > EXEC_FRAME_MAX)
			return err_set(err, EPROTO, "the machine sent a frame of %zu bytes", len);
		if (s->in.len < EXEC_FRAME_HEADER + len)
			return 0;
		r = handle_frame(s, p[3], p + EXEC_FRAME_HEADER, len, err);
		if (r < 0)
			return r;
		buf_consume(&s->in, EXEC_FRAME_HEADER + len);
	}
	return 0;
}

static int receive_frames(struct session *s, struct err **err)
{
	ssize_t n = recv(s->fd, buf_reserve(&s->in, CHUNK), CHUNK, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return err_set(err, ECONNRESET,
			       "the machine went away before the command had ended");
	buf_commit(&s->in, (size_t)n);
	return handle_frames(s, err);
}

static int loop(struct session *s, struct err **err)
{
	int r = 0;

	while (r == 0 && !s->ended) {
		struct pollfd polls[] = {
			{ s->fd, POLLIN | (s->out.len ? POLLOUT : 0), 0 },
			{ s->signals, POLLIN, 0 },
			{ s->input_open && s->out.len < CHUNK ? STDIN_FILENO : -1, POLLIN, 0 },
		};

		if (poll(polls, 3, -1) < 0 && errno != EINTR)
			return err_set_errno(err, errno, "poll");
		if (polls[1].revents)
			take_signal(s);
		if (polls[2].revents)
			take_input(s);
		if (s->out.len)
			r = send_frames(s);
		if (polls[0].revents & (POLLIN | POLLHUP | POLLERR))
			r = receive_frames(s, err);
	}
	return r;
}

int session_run(int fd, bool tty, struct err **err)
{
	struct session s = { .fd = fd, .signals = -1, .tty = tty, .input_open = true };
	sigset_t set;
	int r;

	sigemptyset(&set);
	for (const int *i = (const int[]){ SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2,
					   SIGWINCH, 0 };
	     *i; i++)
		sigaddset(&set, *i);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s.signals < 0)
		return err_set_errno(err, errno, "signalfd"), SESSION_FAILED;
	fd_set_nonblock(fd, true);
	if (tty)
		make_raw();
	r = loop(&s, err);
	restore_terminal();
	fd_close(&s.signals);
	buf_free(&s.in);
	buf_free(&s.out);
	return r < 0 ? SESSION_FAILED : s.status;
}
