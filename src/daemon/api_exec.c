/* SPDX-License-Identifier: MIT */
/*
 * /1.0/machines/FED/NAME/exec. The monitor of the machine and the client get an end of a socketpair
 * each; exec frames (abi_wire.h) never come by here.
 */
#include "api.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "abi_wire.h"
#include "control.h"
#include "daemon.h"
#include "fd.h"
#include "mem.h"
#include "str.h"

#define EXEC_TIMEOUT 30000 /* ms for the guest to start the command, or to refuse */

struct exec {
	struct call *call; /* NULL: abandoned */
	char *machine;
	int fd; /* the client's end */
};

static void handle_started(uint64_t code, const char *message, void *data)
{
	struct exec *e = data;
	struct err *err = NULL;

	if (e->call && code == 0) {
		call_reply_fd(e->call, e->fd);
	} else if (e->call) {
		err_set(&err, (int)(code & 0xfff), "%s: %s", e->machine,
			message && *message ? message : strerror((int)(code & 0xfff)));
		/* The connection's own failures are not the guest's word. */
		if (code == EPIPE || code == ETIMEDOUT)
			call_reply_error(e->call, err, NULL);
		else
			call_reply_guest_error(e->call, err);
	}
	fd_close(&e->fd);
	free(e->machine);
	free(e);
}

static void abandon_exec(struct call *call)
{
	struct exec *e = call->data;
	struct err *err = NULL;

	e->call = NULL;
	err_set(&err, EAGAIN, "the daemon ends");
	call_reply_error(call, err, NULL);
}

static char *copy_string(const struct request *r, const char *key)
{
	const char *s = request_string(r, key);

	return s ? xstrdup(s) : NULL;
}

static struct wire_exec *make_exec(const struct request *r)
{
	struct wire_exec *w = xcalloc(1, sizeof(*w));

	w->argv = request_strings(r, "command");
	w->env = request_strings(r, "environment");
	w->user = copy_string(r, "user");
	w->workdir = copy_string(r, "cwd");
	w->term = copy_string(r, "term");
	w->tty = request_boolean(r, "tty", false);
	w->rows = request_integer(r, "rows", 0);
	w->cols = request_integer(r, "columns", 0);
	return w;
}

static int check_exec(const struct wire_exec *w, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;

	if (!w->argv)
		return err_set(err, EINVAL, "\"command\": expected at least one word");
	/* msg_decode at the other end would refuse what is beyond the table's bounds. */
	if (msg_encode(&wire_exec_type, w, &bytes) < 0 || bytes.len > (128 << 10))
		return err_set(err, EINVAL, "the command and its environment are too long");
	return 0;
}

static int check_machine(const struct machine *m, struct err **err)
{
	if (m->control &&
	    (m->life == LIFE_RUNNING || m->life == LIFE_READY || m->life == LIFE_STARTING))
		return 0;
	return err_set(err, EHOSTDOWN, "machine \"%s\" is %s", m->name, life_name(m->life));
}

static int begin(struct call *call, struct machine *m, const struct wire_exec *w, struct err **err)
{
	struct exec *e;
	int pair[2], r = check_machine(m, err);

	if (r == 0)
		r = check_exec(w, err);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_set_errno(err, errno, "no socket for the command");
	e = xcalloc(1, sizeof(*e));
	e->call = call;
	e->machine = xstrdup(m->name);
	e->fd = pair[0];
	call->data = e;
	call->abandon = abandon_exec;
	control_stream(m->control, NULL, &wire_exec_type, w, pair[1], EXEC_TIMEOUT, handle_started,
		       e);
	fd_close(&pair[1]);
	return 0;
}

void handle_exec(struct call *call)
{
	struct machine *m = api_machine(call);
	struct wire_exec *w;
	struct err *err = NULL;

	if (!m)
		return;
	w = make_exec(&call->request);
	if (begin(call, m, w, &err) < 0)
		call_reply_error(call, err, NULL);
	msg_free(&wire_exec_type, w);
}
