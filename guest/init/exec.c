/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * An exec is a process, its stream, and the pipes or the terminal between them.
 *
 * Output is read one chunk at a time, made a frame, and queued in `pending`; while the stream does
 * not take all of that, nothing more is read, so that a reader who is slow slows the process down.
 * Input goes from the stream's own buffer to the process; what the process does not take yet stays
 * there, and so does the peer's window. A frame of another type therefore waits behind input that
 * the process does not read.
 *
 * The process's end does not close pipes that its own children hold, so the end of output is, for
 * pipes, that they are empty then, and for a terminal its hang-up, which the end of the session's
 * leader causes. Then follows EXEC_EXIT. A stream that is reset hangs the process up: SIGHUP to its
 * group, SIGKILL when that did not help.
 *
 * An exec is freed when its process ended and its stream is gone.
 */
#include "exec.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "ends.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "process.h"
#include "str.h"
#include "stream_msg.h"

#define MAX_EXECS     128
#define CHUNK         32768
#define DRAIN_MAX     (1 << 20) /* output taken after the process's end, from whoever still writes */
#define HANGUP_MS     1000      /* between SIGHUP and SIGKILL */
#define TTY_END_MS    200       /* for the terminal's hang-up after the process's end */
#define SIGNAL_MAX    64
#define CONTROL_FRAME 4 /* longest payload of a frame that is not input */
#define CTRL_D        "\004"

struct exec;

struct output {
	struct exec *exec;
	int fd; /* -1: ended */
	struct source *source;
	enum exec_frame type;
};

struct exec {
	struct stream *stream; /* NULL: the peer is gone */
	pid_t pid;             /* its group's and session's id too */
	bool ended;
	int code; /* once ended */
	bool tty;
	struct output out[2]; /* a terminal has only the first */
	int in;               /* -1: closed */
	struct source *in_source;
	struct buf pending;   /* frames that the stream has not taken */
	bool exit_queued;     /* the last of them is EXEC_EXIT */
	size_t drain;         /* bytes still to be taken after the end */
	bool in_frame;        /* the header of a frame was consumed, and: */
	uint8_t frame_type;   /* enum exec_frame */
	size_t frame_left;    /* bytes of its payload not consumed */
	struct source *timer; /* SIGKILL after a hang-up; end of a terminal's output */
};

static size_t n_execs;

static void close_output(struct output *out)
{
	source_clear(out->source);
	fd_close(&out->fd);
}

static void close_input(struct exec *e)
{
	source_clear(e->in_source);
	fd_close(&e->in);
}

static void free_exec(struct exec *e)
{
	close_output(&e->out[0]);
	close_output(&e->out[1]);
	close_input(e);
	source_clear(e->timer);
	buf_free(&e->pending);
	free(e);
	n_execs--;
}

/* The peer is gone, or broke the protocol: nobody will see what the process does. */
static void hang_up(struct exec *e)
{
	if (e->stream)
		stream_reset(e->stream);
	e->stream = NULL;
	close_output(&e->out[0]);
	close_output(&e->out[1]);
	close_input(e);
	if (e->ended) {
		free_exec(e);
		return;
	}
	kill(-e->pid, SIGHUP);
	kill(-e->pid, SIGCONT);
	source_arm(e->timer, HANGUP_MS);
}

static void queue_frame(struct exec *e, enum exec_frame type, const void *data, size_t len)
{
	uint32_t header = htole32((uint32_t)type << 24 | (uint32_t)len);

	buf_append(&e->pending, &header, sizeof(header));
	buf_append(&e->pending, data, len);
}

static void flush(struct exec *e)
{
	if (e->pending.len)
		buf_consume(&e->pending,
			    stream_write(e->stream, buf_bytes(&e->pending), e->pending.len));
}

/* One chunk of output: how many bytes, 0 when none is there now. At its end the output is closed. */
static size_t read_chunk(struct output *out)
{
	static uint8_t chunk[CHUNK];
	struct exec *e = out->exec;
	ssize_t n = read(out->fd, chunk, sizeof(chunk));

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		/* Whoever still holds the pipe is not the process that was asked for. */
		if (e->ended && !e->tty)
			close_output(out);
		return 0;
	}
	/* EIO is how a terminal says end of file. */
	if (n <= 0) {
		close_output(out);
		return 0;
	}
	queue_frame(e, out->type, chunk, (size_t)n);
	flush(e);
	return (size_t)n;
}

static void drain_output(struct output *out)
{
	struct exec *e = out->exec;

	while (out->fd >= 0 && !e->pending.len) {
		size_t n = read_chunk(out);

		if (n == 0)
			return;
		e->drain -= n < e->drain ? n : e->drain;
		if (e->drain == 0)
			close_output(out);
	}
}

static void wait_for_output(struct exec *e)
{
	for (int i = 0; i < 2; i++)
		if (e->out[i].source)
			source_set_events(e->out[i].source, e->pending.len ? 0 : EPOLLIN);
}

/* Takes it as far as it goes now; may free e. */
static void progress(struct exec *e)
{
	uint32_t code = htole32((uint32_t)e->code);

	if (!e->stream)
		return;
	flush(e);
	if (e->ended) {
		drain_output(&e->out[0]);
		drain_output(&e->out[1]);
	}
	if (e->ended && e->out[0].fd < 0 && e->out[1].fd < 0 && !e->exit_queued) {
		e->exit_queued = true;
		queue_frame(e, EXEC_EXIT, &code, sizeof(code));
		flush(e);
	}
	if (e->exit_queued && !e->pending.len) {
		stream_close(e->stream);
		free_exec(e);
		return;
	}
	wait_for_output(e);
}

static void handle_output(int fd, uint32_t events, void *data)
{
	struct output *out = data;

	(void)fd;
	(void)events;
	read_chunk(out);
	progress(out->exec);
}

static void handle_end(int code, void *data)
{
	struct exec *e = data;

	e->ended = true;
	e->code = code;
	e->drain = DRAIN_MAX;
	if (!e->stream) {
		/* The rest of its group heard SIGHUP too. */
		kill(-e->pid, SIGKILL);
		free_exec(e);
		return;
	}
	if (e->tty)
		source_arm(e->timer, TTY_END_MS);
	progress(e);
}

static void handle_timer(void *data)
{
	struct exec *e = data;

	if (!e->ended) {
		kill(-e->pid, SIGKILL);
		return;
	}
	close_output(&e->out[0]);
	progress(e);
}

/* Input */

static void set_size(const struct exec *e, const uint8_t *p)
{
	struct winsize size = {
		.ws_row = (unsigned short)(p[0] | p[1] << 8),
		.ws_col = (unsigned short)(p[2] | p[3] << 8),
	};

	if (e->tty && e->in >= 0)
		ioctl(e->in, TIOCSWINSZ, &size);
}

static void send_signal(const struct exec *e, int signo)
{
	pid_t group = e->tty && e->in >= 0 ? tcgetpgrp(e->in) : 0;

	if (signo < 1 || signo > SIGNAL_MAX || e->ended)
		return;
	/* In a terminal it is the job in the foreground, as if it was typed. */
	kill(group > 1 ? -group : -e->pid, signo);
}

static void end_input(struct exec *e)
{
	if (e->in < 0)
		return;
	if (!e->tty)
		close_input(e);
	else if (write(e->in, CTRL_D, 1) < 0)
		log_debug("exec: end of input: %m");
}

/* Passes input on: how much of it is done with. */
static size_t write_input(struct exec *e, const uint8_t *p, size_t len)
{
	ssize_t n;

	/* The process closed its input: what comes for it is nobody's. */
	if (e->in < 0)
		return len;
	n = write(e->in, p, len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		source_set_events(e->in_source, EPOLLOUT);
		return 0;
	}
	if (n < 0) {
		close_input(e);
		return len;
	}
	return (size_t)n;
}

static void apply_frame(struct exec *e, const uint8_t *p, size_t len)
{
	switch (e->frame_type) {
	case EXEC_STDIN_END:
		end_input(e);
		return;
	case EXEC_WINSIZE:
		if (len == 4)
			set_size(e, p);
		return;
	case EXEC_SIGNAL:
		if (len == 1)
			send_signal(e, p[0]);
		return;
	}
}

/* Reads a frame's header: 1, 0 when it has not arrived, -EPROTO. */
static int begin_frame(struct exec *e)
{
	size_t len;
	const uint8_t *p = stream_peek(e->stream, &len);
	uint32_t header;

	if (len < EXEC_FRAME_HEADER)
		return 0;
	memcpy(&header, p, sizeof(header));
	header = le32toh(header);
	e->frame_type = (uint8_t)(header >> 24);
	e->frame_left = header & 0xffffff;
	if (e->frame_left > (e->frame_type == EXEC_STDIN ? EXEC_FRAME_MAX : CONTROL_FRAME))
		return -EPROTO;
	stream_consume(e->stream, EXEC_FRAME_HEADER);
	e->in_frame = true;
	return 1;
}

/* Goes on with the frame: 1 when it is done with, 0 when it has to wait. */
static int continue_frame(struct exec *e)
{
	size_t len, n;
	const uint8_t *p = stream_peek(e->stream, &len);

	if (e->frame_type == EXEC_STDIN) {
		n = len < e->frame_left ? len : e->frame_left;
		n = n ? write_input(e, p, n) : 0;
	} else {
		if (len < e->frame_left)
			return 0;
		n = e->frame_left;
		apply_frame(e, p, n);
	}
	if (n == 0 && e->frame_left)
		return 0;
	if (n)
		stream_consume(e->stream, n);
	e->frame_left -= n;
	e->in_frame = e->frame_left != 0;
	return 1;
}

static void take_input(struct exec *e)
{
	int r;

	do {
		r = e->in_frame ? continue_frame(e) : begin_frame(e);
	} while (r > 0);
	if (r < 0)
		hang_up(e);
}

static void handle_input_room(int fd, uint32_t events, void *data)
{
	struct exec *e = data;

	(void)fd;
	(void)events;
	source_set_events(e->in_source, 0);
	take_input(e);
}

static void handle_readable(struct stream *stream, void *data)
{
	(void)stream;
	take_input(data);
}

static void handle_writable(struct stream *stream, void *data)
{
	(void)stream;
	progress(data);
}

static void handle_eof(struct stream *stream, void *data)
{
	(void)stream;
	end_input(data);
}

static void handle_close(struct stream *stream, int reason, void *data)
{
	struct exec *e = data;

	(void)stream;
	(void)reason;
	e->stream = NULL;
	hang_up(e);
}

/* Start */

static char **make_env(const struct agent *agent, const struct wire_exec *x,
		       const struct user *user)
{
	cleanup_strv char **term = NULL, **base = NULL;

	if (x->tty)
		strv_take(&term, xasprintf("TERM=%s", x->term ? x->term : "vt100"));
	base = process_env(user, agent->config->env, term);
	return process_env(user, base, x->env);
}

/* What is ours of the ends is the exec's, whatever comes of it. */
static int open_ends(struct exec *e, const struct wire_exec *x, const struct user *user,
		     struct ends *ends, struct err **err)
{
	int r = e->tty ? ends_open_terminal(ends, user->uid, x->rows, x->cols)
		       : ends_open_pipes(ends);

	e->in = ends->in;
	e->out[0].fd = ends->out[0];
	e->out[1].fd = ends->out[1];
	/* Not the code itself: it could be taken for the program's. */
	return r < 0 ? err_set(err, EIO, "exec: %s: %s", e->tty ? "terminal" : "pipes",
			       strerror(-r))
		     : 0;
}

static int start(struct agent *agent, struct exec *e, const struct wire_exec *x, struct err **err)
{
	struct ends ends = ENDS_INIT;
	cleanup_strv char **env = NULL;
	struct process_spec spec = { .argv = x->argv, .tty = e->tty };
	struct user user;
	int r;

	if (!x->argv)
		return err_set(err, EINVAL, "exec: a command is expected");
	r = user_find(x->user, &user, err);
	if (r < 0)
		return r;
	r = open_ends(e, x, &user, &ends, err);
	if (r == 0) {
		env = make_env(agent, x, &user);
		spec.env = env;
		spec.user = &user;
		spec.workdir = x->workdir ? x->workdir : agent->config->workdir;
		memcpy(spec.stdio, ends.child, sizeof(spec.stdio));
		r = process_spawn(&spec, handle_end, e, &e->pid, err);
	}
	ends_close_child(&ends);
	return r;
}

static struct exec *create_exec(struct agent *agent, bool tty)
{
	struct exec *e = xcalloc(1, sizeof(*e));

	n_execs++;
	e->tty = tty;
	e->in = -1;
	for (int i = 0; i < 2; i++) {
		e->out[i].exec = e;
		e->out[i].fd = -1;
		e->out[i].type = i ? EXEC_STDERR : EXEC_STDOUT;
	}
	e->timer = loop_add_timer(agent->loop, handle_timer, e);
	return e;
}

static void join(struct agent *agent, struct exec *e, struct stream *stream)
{
	static const struct stream_ops ops = {
		.handle_readable = handle_readable,
		.handle_writable = handle_writable,
		.handle_eof = handle_eof,
		.handle_close = handle_close,
	};

	e->stream = stream;
	e->in_source = loop_add_fd(agent->loop, e->in, 0, handle_input_room, e);
	for (int i = 0; i < 2; i++)
		if (e->out[i].fd >= 0)
			e->out[i].source = loop_add_fd(agent->loop, e->out[i].fd, EPOLLIN,
						       handle_output, &e->out[i]);
	stream_set_ops(stream, &ops, e);
}

static void reply(struct stream *stream, int code, char *message)
{
	struct wire_reply msg = { .code = (uint64_t)code, .message = message };

	if (stream_send_msg(stream, &wire_reply_type, &msg) < 0)
		log_debug("exec: the reply is not sent");
}

static int try_start(struct agent *agent, const struct wire_exec *x, struct exec **ret_exec,
		     struct err **err)
{
	struct exec *e;
	int r;

	if (!agent->config)
		return err_set(err, EAGAIN, "exec: the machine has no configuration yet");
	if (n_execs >= MAX_EXECS)
		return err_set(err, EAGAIN, "exec: %d run already", MAX_EXECS);
	e = create_exec(agent, x->tty != 0);
	r = start(agent, e, x, err);
	if (r < 0)
		free_exec(e);
	else
		*ret_exec = e;
	return r;
}

void exec_open(struct agent *agent, struct stream *stream)
{
	cleanup_err struct err *err = NULL;
	struct wire_exec *x;
	struct exec *e = NULL;

	if (stream_take_msg(stream, &wire_exec_type, (void **)&x) < 0) {
		stream_reset(stream);
		return;
	}
	if (try_start(agent, x, &e, &err) < 0) {
		reply(stream, err->code, err->msg);
		stream_close(stream);
	} else {
		reply(stream, 0, NULL);
		join(agent, e, stream);
	}
	msg_free(&wire_exec_type, x);
}
