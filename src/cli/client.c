/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fd.h"
#include "mem.h"
#include "paths.h"
#include "spawn.h"
#include "str.h"
#include "term.h"

int client_connect(enum client_mode mode, int *ret_fd, struct err **err)
{
	cleanup_free char *path = paths_in_state("atolld.sock");
	int r = unix_connect(path, SOCK_STREAM, ret_fd, NULL);

	if (r == 0)
		return 0;
	if (r == -EACCES || r == -EPERM)
		return err_set(err, EACCES,
			       "%s: permission denied: the daemon there is another user's; set "
			       "ATOLL_ROOT to have your own",
			       path);
	if (r != -ENOENT && r != -ECONNREFUSED)
		return unix_connect(path, SOCK_STREAM, ret_fd, err);
	if (mode == CLIENT_RUNNING)
		return err_set(err, ECONNREFUSED, "the daemon is not running");
	return spawn_daemon(path, ret_fd, err);
}

/* The names that the daemon may give; what else it says is EIO. */
static int errno_from_name(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} names[] = {
#define E(code_) { #code_, code_ }
		E(ENOENT),    E(EACCES),       E(EPERM),        E(EINVAL),   E(EBUSY),
		E(EEXIST),    E(ENOSPC),       E(ENOMEM),       E(E2BIG),    E(ECANCELED),
		E(EAGAIN),    E(ETIMEDOUT),    E(ENXIO),        E(ENOTUNIQ), E(EBADMSG),
		E(ENOTCONN),  E(ENODEV),       E(ECONNREFUSED), E(ENOEXEC),  E(ENOTDIR),
		E(EISDIR),    E(ECONNRESET),   E(EPIPE),        E(ESRCH),    E(EHOSTUNREACH),
		E(EHOSTDOWN), E(ENAMETOOLONG), E(ELOOP),        E(EMSGSIZE),
#undef E
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_eq(names[i].name, name))
			return names[i].code;
	return EIO;
}

const char *json_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

int64_t json_int(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static int read_answer(struct http *h, json_t **ret_json, struct err **err)
{
	cleanup_buf struct buf body = BUF_INIT;
	int r = http_read_all(h, &body, err);

	if (r == 0)
		r = json_read_text(buf_bytes(&body), body.len, ret_json, err);
	return r < 0 ? err_prefix(err, "the daemon's answer") : 0;
}

int client_read_error(struct http *h, json_t **ret_json, struct err **err)
{
	json_t *answer = NULL;
	const char *message;
	int r = read_answer(h, &answer, err);

	if (r < 0)
		return r;
	message = json_str(answer, "error");
	r = err_set(err, errno_from_name(json_str(json_object_get(answer, "metadata"), "errno")),
		    "%s", *message ? message : "the daemon refused without a reason");
	if (ret_json)
		*ret_json = answer;
	else
		json_decref(answer);
	return r;
}

int client_call(enum client_mode mode, const char *method, const char *path, const json_t *body,
		json_t **ret_json, struct err **err)
{
	cleanup_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	cleanup_fd int fd = -1;
	struct http h;
	int r = client_connect(mode, &fd, err);

	*ret_json = NULL;
	if (r < 0)
		return r;
	http_init(&h, fd);
	r = http_send(&h, method, path, "Connection: close\r\n", text, err);
	if (r == 0)
		r = http_read_head(&h, err);
	if (r == 0)
		r = h.status >= 400 ? client_read_error(&h, ret_json, err)
				    : read_answer(&h, ret_json, err);
	http_finish(&h);
	return r;
}

int client_get(const char *path, json_t **ret_metadata, struct err **err)
{
	cleanup_json json_t *answer = NULL;
	int r = client_call(CLIENT_START, "GET", path, NULL, &answer, err);

	if (r < 0)
		return r;
	*ret_metadata = json_incref(json_object_get(answer, "metadata"));
	return 0;
}

void client_print_diagnostics(const json_t *answer)
{
	const json_t *list = json_object_get(json_object_get(answer, "metadata"), "diagnostics");
	const json_t *d;
	size_t i;

	json_array_foreach(list, i, d)
	{
		cleanup_free char *text = text_safe(json_str(d, "text"));
		cleanup_free char *file = text_safe(json_str(d, "file"));

		if (json_int(d, "line") > 0)
			fprintf(stderr, "%s:%d:%d: %s\n", file, (int)json_int(d, "line"),
				(int)json_int(d, "column"), text);
		else
			fprintf(stderr, "%s: %s\n", file, text);
	}
}

int client_open(const char *path, struct http *h, struct err **err)
{
	cleanup_fd int fd = -1;
	int r = client_connect(CLIENT_START, &fd, err);

	if (r < 0)
		return r;
	http_init(h, fd);
	r = http_send(h, "GET", path, "", NULL, err);
	if (r == 0)
		r = http_read_head(h, err);
	if (r == 0 && h->status >= 400)
		r = client_read_error(h, NULL, err);
	if (r < 0)
		http_finish(h);
	else
		steal_fd(&fd);
	return r;
}

int client_machine_path(const char *machine, const char *suffix, char **ret, struct err **err)
{
	const char *slash = strchr(machine, '/');
	cleanup_free char *federation = slash ? xstrndup(machine, (size_t)(slash - machine)) : NULL;
	const char *name = slash ? slash + 1 : machine;

	if (!str_is_name(name, 64) || (federation && !str_is_name(federation, 64)))
		return err_set(err, EINVAL,
			       "\"%s\" cannot be a machine's name (NAME or FEDERATION/NAME)",
			       machine);
	*ret = xasprintf("/1.0/machines/%s/%s%s", federation ? federation : "-", name, suffix);
	return 0;
}

char *client_encode(const char *s)
{
	cleanup_free char *out = xmalloc(3 * strlen(s) + 1);
	char *p = out;

	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			*p++ = *s;
		else
			p += sprintf(p, "%%%02X", (unsigned char)*s);
	}
	*p = '\0';
	return steal_ptr(out);
}
