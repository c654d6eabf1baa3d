/* SPDX-License-Identifier: MIT */
/*
 * Owns requests between the question of one monitor and the answer of the other. The bytes of a
 * stream never come by here: each monitor gets an end of a socketpair.
 */
#include "broker.h"

#include <errno.h>
#include <sys/socket.h>

#include "abi_wire.h"
#include "control.h"
#include "daemon.h"
#include "events.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#define OPEN_TIMEOUT 10000 /* ms for the target's guest to take the stream */
#define MAX_REQUESTS 256   /* of one machine that are being decided; beyond, EBUSY */

/* Whether asked is "TO.SERVICE" of this link; neither part can hold what would make it ambiguous. */
static bool is_meant(const struct link *k, const char *asked)
{
	size_t to = strlen(k->to);

	return strncmp(asked, k->to, to) == 0 && asked[to] == '.' &&
	       str_eq(asked + to + 1, k->service);
}

static struct broker_decision refuse(uint64_t code, const char *message, struct link *link)
{
	return (struct broker_decision){ .code = code, .message = message, .link = link };
}

struct broker_decision broker_decide(const struct machine *from, const char *asked)
{
	struct link *link = NULL;
	struct machine *target;

	for (struct link *k = from->fed->links; k && asked && !link; k = k->next)
		if (str_eq(k->from, from->name) && is_meant(k, asked))
			link = k;
	if (!link)
		return refuse(EACCES, "there is no such link", NULL);
	if (link->net)
		return refuse(EACCES, "a net link carries frames, no streams", link);
	if (link->cut)
		return refuse(EACCES, "the link is cut", link);
	target = fed_find_machine(from->fed, link->to);
	if (!target || !target->control ||
	    (target->life != LIFE_RUNNING && target->life != LIFE_READY))
		return refuse(EHOSTDOWN, "the machine at its other end does not run", link);
	return (struct broker_decision){ .link = link, .target = target };
}

/* A stream that waits for its target's guest. Machines can go meanwhile, so it holds names. */
struct request {
	struct daemon *daemon;
	char *fed, *machine; /* who asked */
	char *asked, *link;
	uint64_t id;
	int fd; /* the asking side's end */
};

static void report_refusal(struct machine *from, const char *asked, const char *why)
{
	log_info("%s/%s: refused %s: %s", from->fed->name, from->name, asked, why);
	events_publish(from->fed->daemon->events, EVENT_LINK,
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "action", "refused", "federation",
				 from->fed->name, "from", from->name, "asked", asked, "why", why));
}

static void free_request(struct request *r)
{
	fd_close(&r->fd);
	free(r->fed);
	free(r->machine);
	free(r->asked);
	free(r->link);
	free(r);
}

static void handle_opened(uint64_t code, const char *message, void *data)
{
	struct request *r = data;
	struct fed *f = model_fed(r->daemon, r->fed);
	struct machine *m = f ? fed_find_machine(f, r->machine) : NULL;

	if (m && m->n_requests)
		m->n_requests--;
	/* What was cut or taken away meanwhile is refused after all. */
	if (m && code == 0) {
		struct broker_decision again = broker_decide(m, r->asked);

		code = again.code;
		message = again.message;
	}
	if (m && m->control)
		control_verdict(m->control, r->id, code, message, r->link, code ? -1 : r->fd);
	free_request(r);
}

/* Foreign bytes for a log line and an event: bounded, printable ASCII. */
static char *printable(const char *s)
{
	char *copy = xstrndup(s ? s : "", LINK_ID_MAX);

	for (char *p = copy; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	return copy;
}

static void open_stream(struct machine *from, const struct control_request *request,
			const struct broker_decision *d)
{
	struct wire_service open = { .service = d->link->service, .from = from->name };
	struct request *r;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		control_verdict(from->control, request->id, (uint64_t)errno, "no descriptors left",
				NULL, -1);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->daemon = from->fed->daemon;
	r->fed = xstrdup(from->fed->name);
	r->machine = xstrdup(from->name);
	r->asked = xstrdup(request->link);
	r->link = xstrdup(d->link->id);
	r->id = request->id;
	r->fd = pair[0];
	from->n_requests++;
	control_stream(d->target->control, d->link->id, &wire_service_type, &open, pair[1],
		       OPEN_TIMEOUT, handle_opened, r);
	fd_close(&pair[1]);
}

void broker_handle(struct machine *from, const struct control_request *request)
{
	cleanup_free char *asked = printable(request->link);
	struct broker_decision d = broker_decide(from, request->link);

	if (from->n_requests >= MAX_REQUESTS)
		d = refuse(EBUSY, "too many streams of this machine wait", d.link);
	if (d.code == 0) {
		open_stream(from, request, &d);
		return;
	}
	if (d.code == EACCES)
		report_refusal(from, asked, d.message);
	control_verdict(from->control, request->id, d.code, d.message, NULL, -1);
}
