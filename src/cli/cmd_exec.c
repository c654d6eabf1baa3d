/* SPDX-License-Identifier: MIT */
/*
 * atoll exec MACHINE COMMAND… and atoll shell MACHINE: one request; the daemon's answer brings a
 * descriptor that is joined to the command, and from there on it is out of the way (session.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "fd.h"
#include "mem.h"
#include "session.h"
#include "str.h"

static int add_environment(const struct args *args, json_t *body, struct err **err)
{
	json_t *env = json_object();

	json_object_set_new(body, "environment", env);
	for (char **e = args_all(args, "env"); e && *e; e++) {
		const char *eq = strchr(*e, '=');
		cleanup_free char *name = eq ? xstrndup(*e, (size_t)(eq - *e)) : xstrdup(*e);
		const char *value = eq ? eq + 1 : getenv(name);

		if (!*name)
			return err_set(err, EINVAL, "--env: expected NAME=VALUE, found \"%s\"", *e);
		/* NAME alone hands ours on, as with other tools of this kind. */
		if (value && json_object_set_new(env, name, json_string(value)) < 0)
			return err_set(err, EINVAL, "--env %s: its value is not UTF-8", name);
	}
	return 0;
}

static int make_body(const struct args *args, char *const *command, bool tty, json_t **ret,
		     struct err **err)
{
	cleanup_json json_t *body = json_pack("{s:b, s:[]}", "tty", tty, "command");
	json_t *words = json_object_get(body, "command");
	uint16_t rows = 0, columns = 0;
	int r;

	for (; *command; command++)
		if (json_array_append_new(words, json_string(*command)) < 0)
			return err_set(err, EINVAL, "the command is not UTF-8 text");
	if (args_has(args, "user"))
		json_object_set_new(body, "user", json_string(args_get(args, "user")));
	if (args_has(args, "workdir"))
		json_object_set_new(body, "cwd", json_string(args_get(args, "workdir")));
	if (tty) {
		const char *term = getenv("TERM");

		session_window(&rows, &columns);
		json_object_set_new(body, "term", json_string(term ? term : "xterm"));
		json_object_set_new(body, "rows", json_integer(rows));
		json_object_set_new(body, "columns", json_integer(columns));
	}
	r = add_environment(args, body, err);
	if (r == 0)
		*ret = json_incref(body);
	return r;
}

/* The descriptor comes with one byte behind the answer's head. */
static int take_descriptor(struct http *h, struct err **err)
{
	uint8_t byte;
	size_t n;
	int r = 0;

	h->ended = false;
	while (r == 0 && h->passed_fd < 0) {
		r = http_read(h, &byte, 1, &n, err);
		if (r == 0 && n == 0)
			return err_set(err, EPROTO, "the daemon passed no descriptor");
	}
	return r < 0 ? r : steal_fd(&h->passed_fd);
}

/*
 * What a refused exec exits with. ENOENT is an unknown command or an unknown machine: asking for the
 * machine tells.
 */
static int refusal_status(const char *machine, int r)
{
	cleanup_free char *path = NULL;
	cleanup_json json_t *answer = NULL;

	/* EINVAL: no such user there; ENOTDIR: no such folder. */
	if (r == -EACCES || r == -EPERM || r == -ENOEXEC || r == -EISDIR || r == -EINVAL ||
	    r == -ENOTDIR)
		return SESSION_REFUSED;
	if (r != -ENOENT || client_machine_path(machine, "", &path, NULL) < 0 ||
	    client_call(CLIENT_RUNNING, "GET", path, NULL, &answer, NULL) < 0)
		return SESSION_FAILED;
	return SESSION_NOT_FOUND;
}

/* Returns the command's descriptor, or an error, and then *ret_status is what to exit with. */
static int open_session(const char *machine, const json_t *body, int *ret_status, struct err **err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = json_dumps(body, JSON_COMPACT);
	cleanup_fd int fd = -1;
	struct http h;
	int r = client_machine_path(machine, "/exec", &path, err);

	*ret_status = SESSION_FAILED;
	if (r == 0)
		r = client_connect(CLIENT_START, &fd, err);
	if (r < 0)
		return r;
	http_init(&h, fd);
	r = http_send(&h, "POST", path, "Connection: Upgrade\r\nUpgrade: atoll-exec\r\n", text,
		      err);
	if (r == 0)
		r = http_read_head(&h, err);
	if (r == 0 && h.status == 101) {
		r = take_descriptor(&h, err);
	} else if (r == 0) {
		r = client_read_error(&h, NULL, err);
		*ret_status = refusal_status(machine, r);
	}
	http_finish(&h);
	return r;
}

/* The command's exit status, or one of ours with the error. */
static int run(const struct args *args, char *const *command, bool tty, struct err **err)
{
	cleanup_json json_t *body = NULL;
	cleanup_fd int fd = -1;
	int status = SESSION_FAILED;

	if (make_body(args, command, tty, &body, err) < 0)
		return SESSION_FAILED;
	fd = open_session(args->words[0], body, &status, err);
	return fd < 0 ? status : session_run(fd, tty, err);
}

int cmd_exec(const struct args *args)
{
	bool tty = args_has(args, "tty") ||
		   (!args_has(args, "no-tty") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO));
	cleanup_err struct err *err = NULL;
	int status = run(args, args->words + 1, tty, &err);

	if (err)
		report_error(err);
	return status;
}

int cmd_shell(const struct args *args)
{
	static const char *const shells[] = { "/bin/bash", "/bin/sh" };
	cleanup_err struct err *err = NULL;
	int status = SESSION_NOT_FOUND;

	for (size_t i = 0; status == SESSION_NOT_FOUND && i < ARRAY_SIZE(shells); i++) {
		cleanup_strv char **command = NULL;

		strv_append(&command, shells[i]);
		err_free(steal_ptr(err));
		status = run(args, command, isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), &err);
		/* A shell that was found may exit 127 itself: then there is no error. */
		if (!err)
			return status;
	}
	if (status == SESSION_NOT_FOUND)
		say_error("machine \"%s\" has no shell (neither /bin/bash nor /bin/sh)",
			  args->words[0]);
	else
		report_error(err);
	return status;
}
