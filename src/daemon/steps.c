/* SPDX-License-Identifier: MIT */
/*
 * Owns nothing: each action is a line of the table, made of a machine's life (machine.c), its
 * configuration (deploy.c) and its nets (nets.c).
 */
#include "steps.h"

#include <errno.h>

#include "deploy.h"
#include "host.h"
#include "machine.h"
#include "mem.h"
#include "nets.h"
#include "daemon.h"
#include "str.h"

/* step.phase of those that start a machine */
enum phase {
	PHASE_CHECK, /* is there, and whole, what the start needs? Nothing was touched yet */
	PHASE_END,   /* the earlier life is to end first */
	PHASE_BEGIN, /* to be started */
	PHASE_WAIT,  /* until it is ready */
};

struct action_ops {
	int (*begin)(struct fed *f, struct step *s, struct err **err);
	int (*poll)(struct fed *f, struct step *s, struct err **err);
};

/* Starting */

static int begin_start(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);

	(void)err;
	s->phase = PHASE_CHECK;
	if (m && machine_alive(m))
		s->phase = m->life == LIFE_STOPPING ? PHASE_END : PHASE_WAIT;
	return 0;
}

static int begin_replace(struct fed *f, struct step *s, struct err **err)
{
	(void)f;
	(void)err;
	s->phase = PHASE_CHECK;
	return 0;
}

/* What was running goes on until it is known that what replaces it can start. */
static int poll_check(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);
	int r;

	if (s->cancelled)
		return err_set(err, ECANCELED, "cancelled");
	if (!host_kvm_known(f->daemon->host))
		return 0;
	r = deploy_check(f, s->object, err);
	if (r <= 0)
		return r;
	s->phase = PHASE_END;
	if (m)
		machine_stop(m, s->grace);
	return 1;
}

static int poll_ready(struct fed *f, const struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);

	if (!m || !machine_alive(m)) {
		const char *why = m && m->message ? m->message : "it ended";

		return err_set(err, s->cancelled ? ECANCELED : EIO, "%s",
			       s->cancelled ? "cancelled" : why);
	}
	if (m->life != LIFE_READY)
		return 0;
	return nets_settled(m, err);
}

static int poll_start(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);
	int r;

	if (s->phase == PHASE_CHECK) {
		r = poll_check(f, s, err);
		if (r <= 0)
			return r;
	}
	if (s->phase == PHASE_END) {
		if (m && machine_alive(m))
			return 0;
		s->phase = PHASE_BEGIN;
	}
	if (s->phase == PHASE_BEGIN) {
		if (s->cancelled)
			return err_set(err, ECANCELED, "cancelled");
		/* A build may have put another image there while the old machine ended. */
		r = deploy_check(f, s->object, err);
		if (r <= 0)
			return r;
		r = deploy_start(f, s->object, err);
		if (r < 0)
			return r;
		s->phase = PHASE_WAIT;
	}
	return poll_ready(f, s, err);
}

/* Ending */

static int begin_stop(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);
	int r;

	if (!m)
		return 0;
	m->wanted = false;
	r = m->config ? machine_save(m, err) : 0;
	if (r < 0)
		return r;
	machine_stop(m, s->action == ACTION_KILL ? 0 : s->grace);
	return 0;
}

static int poll_stop(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);

	(void)err;
	return !m || !machine_alive(m);
}

static int poll_remove(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);
	int r;

	if (!m)
		return 1;
	if (machine_alive(m))
		return 0;
	r = deploy_forget_machine(m, err);
	return r < 0 ? r : 1;
}

/* What no running machine knows of: the federation's file has it, and the machine's row what is shown. */
static int begin_update(struct fed *f, struct step *s, struct err **err)
{
	struct machine *m = fed_find_machine(f, s->object);

	return m ? machine_save(m, err) : 0;
}

static int poll_update(struct fed *f, struct step *s, struct err **err)
{
	(void)f;
	(void)s;
	(void)err;
	return 1;
}

/* Links: the ledger has them already (deploy.c); what is left is to see them in force. */

static int begin_link(struct fed *f, struct step *s, struct err **err)
{
	(void)s;
	(void)err;
	nets_reconcile(f);
	return 0;
}

static int poll_link(struct fed *f, struct step *s, struct err **err)
{
	struct link *k = fed_find_link(f, s->object);
	const struct machine *from = k ? fed_find_machine(f, k->from) : NULL;

	return from && k->net ? nets_settled(from, err) : 1;
}

/* The link is gone from the model; the firewall it led to has to have forgotten it, too. */
static int poll_unlink(struct fed *f, struct step *s, struct err **err)
{
	const char *arrow = strchr(s->object, '>');
	cleanup_free char *to = xstrndup(arrow + 1, strcspn(arrow + 1, "."));
	struct machine *m = fed_find_machine(f, to);

	return m && machine_alive(m) ? nets_settled(m, err) : 1;
}

static const struct action_ops actions[] = {
	[ACTION_CREATE] = { begin_start, poll_start },
	[ACTION_START] = { begin_start, poll_start },
	[ACTION_REPLACE] = { begin_replace, poll_start },
	[ACTION_RESTART] = { begin_replace, poll_start },
	[ACTION_STOP] = { begin_stop, poll_stop },
	[ACTION_KILL] = { begin_stop, poll_stop },
	[ACTION_UPDATE] = { begin_update, poll_update },
	[ACTION_REMOVE] = { begin_stop, poll_remove },
	[ACTION_LINK] = { begin_link, poll_link },
	[ACTION_RELINK] = { begin_link, poll_link },
	[ACTION_UNLINK] = { begin_link, poll_unlink },
	[ACTION_CUT] = { begin_link, poll_link },
	[ACTION_RESTORE] = { begin_link, poll_link },
};

int step_begin(struct fed *f, struct step *s, struct err **err)
{
	return actions[s->action].begin(f, s, err);
}

int step_poll(struct fed *f, struct step *s, struct err **err)
{
	return actions[s->action].poll(f, s, err);
}

void step_cancel(struct fed *f, struct step *s)
{
	struct machine *m = fed_find_machine(f, s->object);

	if (actions[s->action].poll != poll_start)
		return;
	s->cancelled = true;
	if (m && s->phase == PHASE_WAIT)
		machine_stop(m, 2000);
}
