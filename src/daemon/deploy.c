/* SPDX-License-Identifier: MIT */
/*
 * Owns deployments: what a file wants, checked and planned, until it is carried out.
 *
 * What is wanted (the file's text, the links, their slots) is written as one transaction before the
 * first step. So a crash between two steps leaves a ledger that says what is wanted and which
 * machines are behind, and the next `up` goes on from there.
 */
#include "deploy.h"

#include <errno.h>
#include <unistd.h>

#include "catalog.h"
#include "compose.h"
#include "daemon.h"
#include "events.h"
#include "fd.h"
#include "host.h"
#include "log.h"
#include "machine.h"
#include "mem.h"
#include "nets.h"
#include "paths.h"
#include "plan.h"
#include "secrets.h"
#include "steps.h"
#include "str.h"
#include "verify.h"
#include "volumes.h"

struct deployment {
	char *file, *text;
	struct federation *spec;
	struct catalog *catalog;
	struct plan *plan;
};

/* Planning */

static const struct plan_have *collect(const struct fed *f, struct plan_have *have,
				       struct plan_have_machine **machines,
				       struct plan_have_link **links)
{
	size_t nm = 0, nl = 0;

	for (const struct machine *m = f ? f->machines : NULL; m; m = m->next) {
		if (!*m->digest)
			continue; /* it never came as far as the ledger */
		*machines = xreallocarray(*machines, nm + 1, sizeof(**machines));
		(*machines)[nm++] = (struct plan_have_machine){ .name = m->name,
								.digest = m->digest,
								.running = m->life == LIFE_READY };
	}
	for (const struct link *k = f ? f->links : NULL; k; k = k->next) {
		*links = xreallocarray(*links, nl + 1, sizeof(**links));
		(*links)[nl++] = (struct plan_have_link){
			.id = k->id, .digest = k->digest, .slot = k->slot, .net = k->net
		};
	}
	*have = (struct plan_have){ .machines = *machines,
				    .n_machines = nm,
				    .links = *links,
				    .n_links = nl,
				    .file = f ? f->spec : NULL };
	return have;
}

static struct plan *make_plan(const struct fed *f, const struct federation *want,
			      struct catalog *catalog)
{
	struct plan_have_machine *machines = NULL;
	struct plan_have_link *links = NULL;
	struct plan_have have;
	struct plan *plan;

	plan = plan_make(want, catalog_digest, catalog, collect(f, &have, &machines, &links));
	free(machines);
	free(links);
	return plan;
}

int deploy_plan(struct daemon *d, const char *file, const char *text, struct deployment **ret,
		struct diag_list *diags, struct err **err)
{
	struct deployment *p = xcalloc(1, sizeof(*p));
	int r = 0;

	p->file = xstrdup(file);
	p->text = xstrdup(text);
	p->spec = federation_parse(file, text, diags);
	if (p->spec)
		r = catalog_open(d->store, p->spec, &p->catalog, err);
	if (r == 0 && p->spec)
		federation_check(p->spec, catalog_facts, catalog_names(p->catalog), p->catalog,
				 diags);
	if (r == 0 && p->spec)
		secrets_check(p->spec, diags);
	if (r == 0 && (!p->spec || diags->n))
		r = err_set(err, EINVAL, "%s: %zu %s", file, diags->n + diags->dropped,
			    diags->n == 1 ? "fault" : "faults");
	if (r < 0) {
		deployment_free(p);
		return r;
	}
	p->plan = make_plan(model_fed(d, p->spec->name), p->spec, p->catalog);
	*ret = p;
	return 0;
}

void deployment_free(struct deployment *p)
{
	if (!p)
		return;
	plan_free(p->plan);
	catalog_close(p->catalog);
	federation_free(p->spec);
	free(p->file);
	free(p->text);
	free(p);
}

json_t *deployment_json(const struct deployment *p)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < p->plan->n_steps; i++) {
		const struct plan_step *s = &p->plan->steps[i];

		json_array_append_new(steps,
				      json_pack("{s:s, s:s, s:s}", "verb", plan_verb_name(s->verb),
						"object", s->object, "why", s->why ? s->why : ""));
	}
	return json_pack("{s:s, s:o}", "federation", p->spec->name, "steps", steps);
}

/* Writing down */

static const struct plan_net *find_net(const struct plan *plan, const char *id)
{
	for (size_t i = 0; i < plan->n_nets; i++)
		if (str_eq(plan->nets[i].link, id))
			return &plan->nets[i];
	return NULL;
}

static bool wants_link(const struct federation *spec, const char *id)
{
	for (size_t i = 0; i < spec->n_links; i++)
		if (str_eq(spec->links[i].id, id))
			return true;
	return false;
}

/* The rows of the wanted links, with what those that are there have counted. */
static int write_links(struct daemon *d, const struct fed *f, const struct deployment *p,
		       struct err **err)
{
	for (size_t i = 0; i < p->spec->n_links; i++) {
		const struct fed_link *l = &p->spec->links[i];
		const struct plan_net *net = find_net(p->plan, l->id);
		const struct link *k = f ? fed_find_link(f, l->id) : NULL;
		cleanup_free char *digest = plan_link_digest(l);
		struct ledger_link row = { .federation = p->spec->name,
					   .id = l->id,
					   .digest = digest,
					   .slot = net ? net->slot : 0,
					   .net = net != NULL };
		int r;

		if (k) {
			row.cut = k->cut;
			row.past = k->past;
			row.life = k->life;
		}
		r = ledger_put_link(d->ledger, &row, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int drop_links(struct daemon *d, const struct fed *f, const struct deployment *p,
		      struct err **err)
{
	int r = 0;

	for (const struct link *k = f ? f->links : NULL; k && r == 0; k = k->next)
		if (!wants_link(p->spec, k->id))
			r = ledger_drop_link(d->ledger, f->name, k->id, err);
	return r;
}

static int write_down(struct daemon *d, const struct fed *f, const struct deployment *p,
		      struct err **err)
{
	const struct ledger_federation row = { .name = p->spec->name,
					       .file = p->file,
					       .text = p->text,
					       .generation = (f ? f->generation : 0) + 1 };
	int r = ledger_begin(d->ledger, err);

	if (r < 0)
		return r;
	r = ledger_put_federation(d->ledger, &row, err);
	if (r == 0)
		r = write_links(d, f, p, err);
	if (r == 0)
		r = drop_links(d, f, p, err);
	if (r < 0) {
		ledger_rollback(d->ledger);
		return r;
	}
	return ledger_commit(d->ledger, err);
}

/* What write_down wrote, in memory: cannot fail. */
static void take_links(struct fed *f, const struct deployment *p)
{
	struct link *next;

	for (struct link *k = f->links; k; k = next) {
		next = k->next;
		if (wants_link(p->spec, k->id))
			continue;
		nets_cut(k);
		fed_remove_link(k);
	}
	for (size_t i = 0; i < p->spec->n_links; i++) {
		const struct fed_link *l = &p->spec->links[i];
		const struct plan_net *net = find_net(p->plan, l->id);
		cleanup_free char *digest = plan_link_digest(l);
		struct link *k = fed_find_link(f, l->id);

		if (!k)
			k = fed_add_link(f, l->id);
		if (!k)
			continue; /* federation_read gives no such id */
		set_string(&k->digest, digest);
		k->net = net != NULL;
		k->slot = net ? net->slot : 0;
	}
}

static void take_labels(struct fed *f)
{
	for (struct machine *m = f->machines; m; m = m->next) {
		const struct fed_machine *spec = federation_machine(f->spec, m->name);

		if (spec)
			set_string(&m->label, spec->label);
	}
}

static struct fed *take_over(struct daemon *d, struct deployment *p)
{
	struct fed *f = model_fed(d, p->spec->name);

	if (!f)
		f = model_add_fed(d, p->spec->name);
	f->generation++;
	set_string(&f->file, p->file);
	set_string(&f->text, p->text);
	federation_free(f->spec);
	f->spec = p->spec;
	take_links(f, p);
	take_labels(f);
	p->spec = NULL;
	nets_retry(f);
	nets_reconcile(f);
	return f;
}

/* The graph */

/* The step that changes a machine or link, or -1. */
static ssize_t find_step(const struct operation_spec *spec, const char *object)
{
	for (size_t i = 0; i < spec->n_steps; i++)
		if (str_eq(spec->steps[i].object, object))
			return (ssize_t)i;
	return -1;
}

static void need(struct operation_spec *spec, const char *object, const char *other)
{
	ssize_t a = find_step(spec, object), b = find_step(spec, other);

	/* An update is written down already, whatever becomes of the others. */
	if (a >= 0 && b >= 0 && a != b && spec->steps[a].action != ACTION_UPDATE)
		step_need(&spec->steps[a], (size_t)b);
}

/*
 * A machine's start needs the starts of those it waits for; ending goes the other way round, and in
 * order only: what waits for a machine that does not end well is ended all the same.
 */
static void order_machines(const struct federation *f, struct operation_spec *spec, bool ending)
{
	size_t *waits = xcalloc(f->n_machines + 1, sizeof(*waits));

	for (size_t i = 0; i < f->n_machines; i++) {
		size_t n = federation_waits_for(f, i, waits);

		for (size_t k = 0; k < n; k++) {
			const char *first = f->machines[waits[k]].name;

			if (ending)
				need(spec, first, f->machines[i].name);
			else
				need(spec, f->machines[i].name, first);
		}
	}
	for (size_t i = 0; ending && i < spec->n_steps; i++)
		spec->steps[i].order_only = true;
	free(waits);
}

static void order_links(const struct federation *f, struct operation_spec *spec)
{
	for (size_t i = 0; i < f->n_links; i++) {
		need(spec, f->links[i].id, f->links[i].from);
		need(spec, f->links[i].id, f->links[i].to);
	}
}

static enum action action_of(enum plan_verb verb)
{
	static const enum action table[] = {
		[PLAN_CREATE] = ACTION_CREATE,   [PLAN_START] = ACTION_START,
		[PLAN_REPLACE] = ACTION_REPLACE, [PLAN_UPDATE] = ACTION_UPDATE,
		[PLAN_REMOVE] = ACTION_REMOVE,   [PLAN_LINK] = ACTION_LINK,
		[PLAN_RELINK] = ACTION_RELINK,   [PLAN_UNLINK] = ACTION_UNLINK,
	};

	return table[verb];
}

/*
 * Whether the host has the memory for each machine that is to start, before the first one does. Whether
 * it has it for all together only their starts tell: few take all that they may.
 */
static int check_memory(const struct fed *f, const struct deployment *p, struct err **err)
{
	uint64_t available = host_memory_available();

	for (size_t i = 0; i < p->plan->n_steps; i++) {
		const struct plan_step *s = &p->plan->steps[i];
		const struct fed_machine *spec = federation_machine(p->spec, s->object);
		const struct machine *m = f ? fed_find_machine(f, s->object) : NULL;
		const struct store_image *image;
		int r;

		if (!spec || s->verb == PLAN_UPDATE)
			continue; /* a link, or one that goes or runs on */
		image = catalog_image(p->catalog, spec->image);
		r = host_admit(compose_memory(spec, image->appliance), 0,
			       available + (m ? m->memory : 0), err);
		if (r < 0)
			return err_prefix(err, "%s:%d:%d: machine \"%s\"", p->file, spec->line,
					  spec->column, spec->name);
	}
	return 0;
}

int deploy_up(struct daemon *d, struct deployment *p, struct operation **ret, struct err **err)
{
	struct fed *f = model_fed(d, p->spec->name);
	struct operation_spec spec = { 0 };
	int r = f ? operation_check_idle(f, err) : 0;

	if (r == 0)
		r = check_memory(f, p, err);
	if (r == 0)
		r = write_down(d, f, p, err);
	if (r < 0)
		return r;
	f = take_over(d, p);
	*ret = NULL;
	if (p->plan->n_steps == 0)
		return 0;
	spec.fed = f;
	spec.description = xasprintf("up %s", f->name);
	for (size_t i = 0; i < p->plan->n_steps; i++) {
		const struct plan_step *s = &p->plan->steps[i];

		step_add(&spec, action_of(s->verb), s->object, s->why);
	}
	order_machines(f->spec, &spec, false);
	order_links(f->spec, &spec);
	return operation_begin(d->operations, &spec, ret, err);
}

static int begin_or_nothing(struct fed *f, struct operation_spec *spec, struct operation **ret,
			    struct err **err)
{
	*ret = NULL;
	if (spec->n_steps == 0 && !spec->forget) {
		free(spec->description);
		return 0;
	}
	spec->fed = f;
	return operation_begin(f->daemon->operations, spec, ret, err);
}

int deploy_down(struct fed *f, bool remove_volumes, struct operation **ret, struct err **err)
{
	struct operation_spec spec = { .forget = true, .remove_volumes = remove_volumes };

	spec.description = xasprintf("down %s", f->name);
	for (const struct machine *m = f->machines; m; m = m->next)
		step_add(&spec, ACTION_REMOVE, m->name, machine_alive(m) ? life_name(m->life) : "");
	if (f->spec)
		order_machines(f->spec, &spec, true);
	return begin_or_nothing(f, &spec, ret, err);
}

int deploy_start_all(struct fed *f, struct operation **ret, struct err **err)
{
	struct operation_spec spec = { 0 };

	if (!f->spec)
		return err_set(err, EINVAL,
			       "federation \"%s\": its file cannot be read; bring it up "
			       "again",
			       f->name);
	spec.description = xasprintf("start %s", f->name);
	nets_retry(f);
	for (size_t i = 0; i < f->spec->n_machines; i++) {
		const struct machine *m = fed_find_machine(f, f->spec->machines[i].name);

		if (!m || m->life != LIFE_READY)
			step_add(&spec, ACTION_START, f->spec->machines[i].name,
				 m ? life_name(m->life) : "not there");
	}
	order_machines(f->spec, &spec, false);
	return begin_or_nothing(f, &spec, ret, err);
}

int deploy_stop_all(struct fed *f, struct operation **ret, struct err **err)
{
	struct operation_spec spec = { 0 };

	spec.description = xasprintf("stop %s", f->name);
	for (const struct machine *m = f->machines; m; m = m->next)
		if (machine_alive(m))
			step_add(&spec, ACTION_STOP, m->name, life_name(m->life));
	if (f->spec)
		order_machines(f->spec, &spec, true);
	return begin_or_nothing(f, &spec, ret, err);
}

/* Whether there is nothing to be done for it. */
static bool has_state(const struct machine *m, enum action action)
{
	if (action == ACTION_START)
		return m->life == LIFE_READY;
	return (action == ACTION_STOP || action == ACTION_KILL) && !machine_alive(m);
}

int deploy_machines(struct fed *f, char *const *names, enum action action, int64_t grace,
		    struct operation **ret, struct err **err)
{
	cleanup_free char *list = strv_join(names, ", ");
	struct operation_spec spec = { 0 };

	nets_retry(f);
	spec.description = xasprintf("%s %s/%s", action_name(action), f->name, list);
	for (; names && *names; names++) {
		const struct machine *m = fed_find_machine(f, *names);

		if (!has_state(m, action) && find_step(&spec, m->name) < 0)
			step_add(&spec, action, m->name, life_name(m->life))->grace = grace;
	}
	if (f->spec && action != ACTION_KILL)
		order_machines(f->spec, &spec, action == ACTION_STOP);
	return begin_or_nothing(f, &spec, ret, err);
}

int deploy_cut(struct link *k, bool cut, struct operation **ret, struct err **err)
{
	struct operation_spec spec = { 0 };
	int r;

	*ret = NULL;
	if (k->cut == cut)
		return 0;
	k->cut = cut;
	r = link_save(k, err);
	if (r < 0) {
		k->cut = !cut;
		return r;
	}
	if (cut)
		nets_cut(k);
	nets_retry(k->fed);
	nets_reconcile(k->fed);
	events_publish(k->fed->daemon->events, EVENT_LINK,
		       json_pack("{s:s, s:s, s:s, s:s, s:s}", "action", cut ? "cut" : "restored",
				 "federation", k->fed->name, "link", k->id, "from", k->from, "to",
				 k->to));
	if (k->fed->operation)
		return 0; /* it is in force all the same; that operation sees the rules through */
	spec.description = xasprintf("%s %s/%s", cut ? "cut" : "restore", k->fed->name, k->id);
	step_add(&spec, cut ? ACTION_CUT : ACTION_RESTORE, k->id, "");
	return begin_or_nothing(k->fed, &spec, ret, err);
}

/* Steps */

/* Memory that machines which are starting were promised and did not take yet. */
static uint64_t promised(const struct daemon *d)
{
	uint64_t sum = 0;

	for (const struct fed *f = d->feds; f; f = f->next)
		for (const struct machine *m = f->machines; m; m = m->next)
			if (m->config && (m->life == LIFE_STARTING || m->life == LIFE_RUNNING) &&
			    m->config->memory > m->memory)
				sum += m->config->memory - m->memory;
	return sum;
}

static int prepare_volumes(const struct machine *m, const struct fed_machine *spec,
			   struct err **err)
{
	int r = 0;

	for (size_t i = 0; i < spec->n_volumes && r == 0; i++)
		r = volume_prepare(m->dir, &spec->volumes[i], spec->kind, err);
	return r;
}

static int not_in_store(const struct fed_machine *spec, struct err **err)
{
	return err_set(err, ENOENT, "appliance \"%s\" is not in the store; build it again",
		       spec->image);
}

static int not_in_file(const struct fed *f, const char *name, struct err **err)
{
	return err_set(err, ENOENT, "machine \"%s\" is no longer in %s", name, f->file);
}

static int compose(const struct machine *m, const struct fed_machine *spec, struct catalog *catalog,
		   struct machine_config **ret, struct err **err)
{
	const struct store_image *image = catalog_image(catalog, spec->image);
	cleanup_free char *init = paths_program("atoll-init");
	struct host *host = m->fed->daemon->host;
	struct plan *plan;
	int r;

	if (!image)
		return not_in_store(spec, err);
	plan = make_plan(m->fed, m->fed->spec, catalog);
	r = compose_config(&(struct compose_input){ .fed = m->fed->spec,
						    .machine = spec,
						    .image = image,
						    .nets = plan->nets,
						    .n_nets = plan->n_nets,
						    .engine = host_engine(host, spec->kind,
									  image->appliance->arch),
						    .init = init,
						    .dir = m->dir,
						    .ipv6 = host_has_ipv6() },
			   ret, err);
	plan_free(plan);
	return r;
}

static int start_from(struct machine *m, struct fed_machine *spec, struct catalog *catalog,
		      struct err **err)
{
	const char *image = catalog_digest(spec->image, catalog);
	struct machine_config *config = NULL;
	cleanup_fd int secrets = -1;
	int r = compose(m, spec, catalog, &config, err);

	if (r == 0)
		r = host_admit(config->memory, promised(m->fed->daemon), host_memory_available(),
			       err);
	if (r == 0)
		r = prepare_volumes(m, spec, err);
	if (r == 0)
		r = secrets_open(m->fed->spec, spec, &secrets, err);
	if (r < 0) {
		msg_free(&machine_config_type, config);
		return r;
	}
	free(m->digest);
	m->digest = plan_machine_digest(m->fed->spec, spec, image ? image : "");
	set_string(&m->image, image ? image : "");
	set_string(&m->label, spec->label);
	m->uplink = spec->uplink;
	return machine_start(m, config, secrets, err);
}

/* A machine that could not be started says why. */
static void mark_failed(struct fed *f, const char *name, const struct err *err)
{
	struct machine *m = fed_find_machine(f, name);

	if (!m)
		m = fed_add_machine(f, name);
	if (machine_alive(m))
		return;
	set_string(&m->message, err ? err_msg(err) : NULL);
	m->life = LIFE_FAILED;
	daemon_machine_changed(m);
}

/* Whether a start of a machine that is there would get as far as its monitor, its own memory given back. */
static int rehearse(const struct machine *m, const struct fed_machine *spec,
		    struct catalog *catalog, struct err **err)
{
	struct machine_config *config = NULL;
	int r = compose(m, spec, catalog, &config, err);

	if (r == 0)
		r = host_admit(config->memory, promised(m->fed->daemon),
			       host_memory_available() + m->memory, err);
	msg_free(&machine_config_type, config);
	return r;
}

static int check_start(struct fed *f, const char *name, struct catalog *catalog, struct err **err)
{
	struct fed_machine *spec = federation_machine(f->spec, name);
	const struct store_image *image = catalog_image(catalog, spec->image);
	const struct machine *m = fed_find_machine(f, name);
	const struct store_blob *kernel = NULL;
	int r;

	if (!image)
		return not_in_store(spec, err);
	if (spec->kind != KIND_LIGHT)
		kernel = compose_kernel(spec->kind, image);
	r = verifier_ask(f->daemon->verifier, image, kernel, err);
	if (r > 0 && secrets_check_machine(f->spec, spec, err) < 0)
		return -EINVAL;
	if (r <= 0 || !m || !machine_alive(m))
		return r;
	r = rehearse(m, spec, catalog, err);
	return r < 0 ? r : 1;
}

int deploy_check(struct fed *f, const char *name, struct err **err)
{
	struct catalog *catalog = NULL;
	int r;

	if (!f->spec || !federation_machine(f->spec, name))
		return not_in_file(f, name, err);
	r = catalog_open(f->daemon->store, f->spec, &catalog, err);
	if (r == 0)
		r = check_start(f, name, catalog, err);
	catalog_close(catalog);
	if (r < 0)
		mark_failed(f, name, err ? *err : NULL);
	return r;
}

int deploy_start(struct fed *f, const char *name, struct err **err)
{
	struct fed_machine *spec = f->spec ? federation_machine(f->spec, name) : NULL;
	struct machine *m = fed_find_machine(f, name);
	struct catalog *catalog = NULL;
	int r;

	if (!spec)
		return not_in_file(f, name, err);
	if (!m)
		m = fed_add_machine(f, name);
	r = catalog_open(f->daemon->store, f->spec, &catalog, err);
	if (r == 0)
		r = start_from(m, spec, catalog, err);
	catalog_close(catalog);
	if (r < 0)
		mark_failed(f, name, err ? *err : NULL);
	return r;
}

int deploy_forget_machine(struct machine *m, struct err **err)
{
	static const char *const files[] = { "config",        "control", "console.log",
					     "console.log.1", "exit",    "monitor.log",
					     "lock" };
	int r = ledger_drop_machine(m->fed->daemon->ledger, m->fed->name, m->name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		cleanup_free char *path = xasprintf("%s/%s", m->dir, files[i]);

		unlink(path);
	}
	rmdir(m->dir); /* stays when there are volumes in it */
	fed_remove_machine(m);
	return 0;
}

int deploy_forget(struct fed *f, bool remove_volumes, struct err **err)
{
	cleanup_free char *dir = xasprintf("%s/machines/%s", paths_state(), f->name);
	int r = ledger_drop_federation(f->daemon->ledger, f->name, err);

	if (r < 0)
		return r;
	events_publish(f->daemon->events, EVENT_LIFECYCLE,
		       json_pack("{s:s, s:s}", "action", "removed", "federation", f->name));
	if (remove_volumes)
		return dir_remove(dir, err);
	rmdir(dir);
	return 0;
}
