/* SPDX-License-Identifier: MIT */
/*
 * Owns which frame sockets are joined and which rules were sent.
 *
 * Theory of operation
 *
 * Nothing here is told what happened: nets_reconcile looks at what is, and does what is missing.
 * So the same code serves a first start, the restart of one end, a cut, and an adoption. A firewall
 * has at most one set of rules under way; when links change meanwhile, the next set follows its
 * answer. Each set has a generation that the ledger knew before it was sent.
 */
#include "nets.h"

#include <errno.h>
#include <sys/socket.h>

#include "control.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "rules.h"
#include "str.h"

#define RULES_TIMEOUT 20000 /* ms; a firewall may have to ask DNS for names */

static bool connected(const struct machine *m)
{
	return m && m->control && m->life >= LIFE_STARTING && m->life <= LIFE_READY;
}

/* Frames */

static void join(struct link *k, struct machine *from, struct machine *to)
{
	const struct guest_nic *a = rules_find_nic(from, k->id), *b = rules_find_nic(to, k->id);
	int pair[2];

	if (!a || !b)
		return; /* one was started before there was this link: it will be replaced */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		log_error("%s/%s: no frame socket: %s", k->fed->name, k->id, strerror(errno));
		return;
	}
	control_nic(from->control, a->name, pair[0]);
	control_nic(to->control, b->name, pair[1]);
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	k->joined = true;
}

static void join_all(struct fed *f)
{
	for (struct link *k = f->links; k; k = k->next) {
		struct machine *from = fed_find_machine(f, k->from),
			       *to = fed_find_machine(f, k->to);

		if (k->net && !k->cut && !k->joined && connected(from) && connected(to))
			join(k, from, to);
	}
}

void nets_cut(struct link *k)
{
	struct machine *ends[] = { fed_find_machine(k->fed, k->from),
				   fed_find_machine(k->fed, k->to) };

	k->joined = false;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (ends[i] && ends[i]->control)
			control_cut(ends[i]->control, k->id);
}

void nets_machine_left(struct machine *m)
{
	for (struct link *k = m->fed->links; k; k = k->next)
		if (str_eq(k->from, m->name) || str_eq(k->to, m->name))
			k->joined = false;
	free(m->rules.payload.data);
	free(m->rules.error);
	m->rules = (struct machine_rules){ 0 };
}

/* Rules */

struct push {
	struct daemon *daemon;
	char *fed, *machine;
	uint64_t generation;
};

static void handle_pushed(uint64_t code, const char *message, void *data)
{
	struct push *p = data;
	struct fed *f = model_fed(p->daemon, p->fed);
	struct machine *m = f ? fed_find_machine(f, p->machine) : NULL;

	if (m && m->rules.sent == p->generation) {
		if (code == 0) {
			m->rules.acked = p->generation;
		} else {
			if (m->life == LIFE_READY) /* else it is on its way out */
				log_error("%s/%s: rules refused: %s", p->fed, p->machine,
					  message ? message : strerror((int)code));
			set_string(&m->rules.error,
				   message && *message ? message : strerror((int)code));
		}
		daemon_machine_changed(m);
	}
	free(p->fed);
	free(p->machine);
	free(p);
}

static struct msg_bytes encode(const struct firewall_rules *rules)
{
	struct buf out = BUF_INIT;

	if (msg_encode(&firewall_rules_type, rules, &out) < 0)
		buf_free(&out);
	return (struct msg_bytes){ buf_bytes(&out), out.len };
}

static bool same(const struct msg_bytes *a, const struct msg_bytes *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The generation is in the ledger before a firewall hears of it: it is never used twice. */
static int next_generation(struct fed *f, struct err **err)
{
	int r;

	f->generation++;
	r = fed_save(f, err);
	if (r < 0)
		f->generation--;
	return r;
}

static void send_rules(struct machine *m, struct firewall_rules *rules)
{
	cleanup_err struct err *err = NULL;
	struct push *p;
	struct msg_bytes payload;

	if (next_generation(m->fed, &err) < 0) {
		set_string(&m->rules.error, err_msg(err));
		return;
	}
	rules->generation = m->rules.sent = m->fed->generation;
	free(steal_ptr(m->rules.error));
	payload = encode(rules);
	p = xcalloc(1, sizeof(*p));
	p->daemon = m->fed->daemon;
	p->fed = xstrdup(m->fed->name);
	p->machine = xstrdup(m->name);
	p->generation = rules->generation;
	control_config(m->control, "net", rules->generation, &payload, RULES_TIMEOUT, handle_pushed,
		       p);
	free(payload.data);
}

static bool under_way(const struct machine *m)
{
	return m->rules.sent != m->rules.acked && !m->rules.error;
}

static void push_rules(struct machine *m, char *const *deny)
{
	struct firewall_rules *rules;
	struct msg_bytes payload;

	if (m->life != LIFE_READY || !m->control || !rules_wanted(m) || under_way(m))
		return;
	rules = rules_make(m, deny);
	payload = encode(rules);
	if (m->rules.sent && same(&payload, &m->rules.payload)) {
		free(payload.data);
	} else {
		free(m->rules.payload.data);
		m->rules.payload = payload;
		send_rules(m, rules);
	}
	msg_free(&firewall_rules_type, rules);
}

void nets_reconcile(struct fed *f)
{
	cleanup_strv char **deny = NULL;
	bool asked = false;

	join_all(f);
	for (struct machine *m = f->machines; m; m = m->next) {
		if (m->life == LIFE_READY && rules_wanted(m) && !asked) {
			deny = rules_host_addresses();
			asked = true;
		}
		push_rules(m, deny);
	}
}

void nets_retry(struct fed *f)
{
	for (struct machine *m = f->machines; m; m = m->next) {
		if (!m->rules.error)
			continue;
		free(m->rules.payload.data);
		free(m->rules.error);
		m->rules = (struct machine_rules){ 0 };
	}
}

static int rules_settled(const struct machine *m, struct err **err)
{
	if (m->life != LIFE_READY || !rules_wanted(m))
		return 1;
	if (m->rules.error)
		return err_set(err, EPROTO, "firewall \"%s\" refused its rules: %s", m->name,
			       m->rules.error);
	return m->rules.sent && m->rules.sent == m->rules.acked;
}

int nets_settled(const struct machine *m, struct err **err)
{
	int r = rules_settled(m, err);

	for (const struct link *k = m->fed->links; k && r == 1; k = k->next) {
		const struct machine *from = fed_find_machine(m->fed, k->from),
				     *to = fed_find_machine(m->fed, k->to);

		if (!k->net || (from != m && to != m))
			continue;
		if (!k->cut && !k->joined && connected(from) && connected(to) &&
		    rules_find_nic(from, k->id) && rules_find_nic(to, k->id))
			r = 0;
		else if (to && to != m)
			r = rules_settled(to, err);
	}
	return r;
}
