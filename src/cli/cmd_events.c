/* SPDX-License-Identifier: MIT */
/* atoll events: what happens, as it happens. */
#include <errno.h>
#include <poll.h>

#include "client.h"
#include "command.h"
#include "mem.h"
#include "output.h"
#include "sse.h"
#include "str.h"
#include "term.h"

/* What an event says, in words; the objects are doc/api.md's. */
static char *describe(const json_t *event)
{
	static const char *const keys[] = { "description", "status", "state", "action",
					    "asked",       "why",    "err",   "message" };
	const json_t *m = json_object_get(event, "metadata");
	const char *federation = json_str(m, "federation"), *name = json_str(m, "name");
	struct buf out = BUF_INIT;

	if (!*name)
		name = *json_str(m, "link") ? json_str(m, "link") : json_str(m, "from");
	if (*federation)
		buf_printf(&out, "%s%s%s", federation, *name ? "/" : "", name);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (*json_str(m, keys[i]))
			buf_printf(&out, "%s%s", out.len ? "  " : "", json_str(m, keys[i]));
	return buf_steal_str(&out);
}

static void print_event(const json_t *event, bool json)
{
	cleanup_free char *line = NULL, *text = NULL, *safe = NULL;

	if (json) {
		line = json_dumps(event, JSON_COMPACT);
		puts(line);
	} else {
		text = describe(event);
		safe = text_safe(text);
		printf("%s%.19s%s  %-9s  %s\n", term_dim(), json_str(event, "timestamp"),
		       term_off(), json_str(event, "type"), safe);
	}
}

static int follow(struct sse *s, bool json, struct err **err)
{
	struct pollfd p = { s->fd, POLLIN, 0 };

	for (;;) {
		json_t *event = NULL;
		int r = sse_next(s, &event, err);

		if (r == 0) {
			print_event(event, json);
			json_decref(event);
			continue;
		}
		if (r != -EAGAIN)
			return r;
		if (fflush(stdout) != 0)
			return err_set_errno(err, errno, "standard output");
		poll(&p, 1, -1);
	}
}

int cmd_events(const struct args *args)
{
	cleanup_err struct err *err = NULL;
	struct sse s;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (sse_open(&s, args_get(args, "types"), &err) < 0)
		return report_error(err);
	follow(&s, json, &err);
	sse_finish(&s);
	return report_error(err);
}
