/* SPDX-License-Identifier: MIT */
/*
 * Owns the objects in memory and their way to and from the ledger's rows. What a machine does is
 * machine.c's; what links allow is broker.c's and nets.c's.
 */
#include "model.h"

#include <errno.h>

#include "control.h"
#include "daemon.h"
#include "log.h"
#include "loop.h"
#include "mem.h"
#include "paths.h"
#include "str.h"

const char *life_name(enum life life)
{
	static const char *const names[] = {
		[LIFE_STOPPED] = "stopped",   [LIFE_STARTING] = "starting",
		[LIFE_RUNNING] = "running",   [LIFE_READY] = "ready",
		[LIFE_STOPPING] = "stopping", [LIFE_FAILED] = "failed",
	};

	return names[life];
}

void set_string(char **place, const char *value)
{
	char *old = *place;

	*place = value ? xstrdup(value) : NULL;
	free(old);
}

struct fed *model_fed(struct daemon *d, const char *name)
{
	for (struct fed *f = d->feds; f; f = f->next)
		if (str_eq(f->name, name))
			return f;
	return NULL;
}

struct fed *model_add_fed(struct daemon *d, const char *name)
{
	struct fed *f = xcalloc(1, sizeof(*f));
	struct fed **place = &d->feds;

	while (*place && strcmp((*place)->name, name) < 0)
		place = &(*place)->next;
	f->daemon = d;
	f->name = xstrdup(name);
	f->next = *place;
	*place = f;
	return f;
}

struct machine *fed_find_machine(const struct fed *f, const char *name)
{
	for (struct machine *m = f->machines; m; m = m->next)
		if (str_eq(m->name, name))
			return m;
	return NULL;
}

struct machine *fed_add_machine(struct fed *f, const char *name)
{
	struct machine *m = xcalloc(1, sizeof(*m));
	struct machine **place = &f->machines;

	while (*place && strcmp((*place)->name, name) < 0)
		place = &(*place)->next;
	m->fed = f;
	m->name = xstrdup(name);
	m->dir = xasprintf("%s/machines/%s/%s", paths_state(), f->name, name);
	m->digest = xstrdup("");
	m->image = xstrdup("");
	m->next = *place;
	*place = m;
	return m;
}

static void free_machine(struct machine *m)
{
	source_remove(m->attach);
	source_remove(m->limit);
	control_destroy(m->control);
	msg_free(&machine_config_type, m->config);
	msg_free(&machine_exit_type, m->exit);
	free(m->rules.payload.data);
	free(m->rules.error);
	free(m->message);
	free(m->failure);
	free(m->digest);
	free(m->image);
	free(m->label);
	free(m->name);
	free(m->dir);
	free(m);
}

void fed_remove_machine(struct machine *m)
{
	struct machine **place = &m->fed->machines;

	while (*place != m)
		place = &(*place)->next;
	*place = m->next;
	free_machine(m);
}

struct link *fed_find_link(const struct fed *f, const char *id)
{
	for (struct link *k = f->links; k; k = k->next)
		if (str_eq(k->id, id))
			return k;
	return NULL;
}

struct link *fed_add_link(struct fed *f, const char *id)
{
	const char *arrow = strchr(id, '>'), *dot = arrow ? strchr(arrow, '.') : NULL;
	struct link **place = &f->links;
	struct link *k;

	if (!dot || arrow == id || dot == arrow + 1 || !dot[1])
		return NULL;
	while (*place && strcmp((*place)->id, id) < 0)
		place = &(*place)->next;
	k = xcalloc(1, sizeof(*k));
	k->fed = f;
	k->id = xstrdup(id);
	k->from = xstrndup(id, (size_t)(arrow - id));
	k->to = xstrndup(arrow + 1, (size_t)(dot - arrow - 1));
	k->service = xstrdup(dot + 1);
	k->digest = xstrdup("");
	k->next = *place;
	*place = k;
	return k;
}

static void free_link(struct link *k)
{
	free(k->id);
	free(k->from);
	free(k->to);
	free(k->service);
	free(k->digest);
	free(k);
}

void fed_remove_link(struct link *k)
{
	struct link **place = &k->fed->links;

	while (*place != k)
		place = &(*place)->next;
	*place = k->next;
	free_link(k);
}

const struct fed_link *link_spec(const struct link *k)
{
	const struct federation *spec = k->fed->spec;

	for (size_t i = 0; spec && i < spec->n_links; i++)
		if (str_eq(spec->links[i].id, k->id))
			return &spec->links[i];
	return NULL;
}

void model_remove_fed(struct fed *f)
{
	struct fed **place = &f->daemon->feds;

	while (*place != f)
		place = &(*place)->next;
	*place = f->next;
	while (f->machines)
		fed_remove_machine(f->machines);
	while (f->links)
		fed_remove_link(f->links);
	federation_free(f->spec);
	free(f->name);
	free(f->file);
	free(f->text);
	free(f);
}

void model_free(struct daemon *d)
{
	while (d->feds)
		model_remove_fed(d->feds);
}

int fed_save(struct fed *f, struct err **err)
{
	const struct ledger_federation row = {
		.name = f->name, .file = f->file, .text = f->text, .generation = f->generation
	};

	return ledger_put_federation(f->daemon->ledger, &row, err);
}

int machine_save(struct machine *m, struct err **err)
{
	cleanup_buf struct buf config = BUF_INIT;
	struct ledger_machine row = { .federation = m->fed->name,
				      .name = m->name,
				      .digest = m->digest,
				      .image = m->image,
				      .label = m->label,
				      .uplink = m->uplink,
				      .wanted = m->wanted,
				      .started = m->started };

	if (m->config && msg_encode(&machine_config_type, m->config, &config) < 0)
		return err_set(err, EINVAL, "machine \"%s\": its configuration is out of bounds",
			       m->name);
	row.config = (struct msg_bytes){ buf_bytes(&config), config.len };
	return ledger_put_machine(m->fed->daemon->ledger, &row, err);
}

int link_save(struct link *k, struct err **err)
{
	const struct ledger_link row = { .federation = k->fed->name,
					 .id = k->id,
					 .digest = k->digest,
					 .slot = k->slot,
					 .net = k->net,
					 .cut = k->cut,
					 .past = k->past,
					 .life = k->life };

	return ledger_put_link(k->fed->daemon->ledger, &row, err);
}

struct ledger_counts link_counts(const struct link *k)
{
	return (struct ledger_counts){
		.streams = k->past.streams + k->life.streams,
		.tx_bytes = k->past.tx_bytes + k->life.tx_bytes,
		.rx_bytes = k->past.rx_bytes + k->life.rx_bytes,
		.tx_frames = k->past.tx_frames + k->life.tx_frames,
		.rx_frames = k->past.rx_frames + k->life.rx_frames,
		.dropped = k->past.dropped + k->life.dropped,
	};
}

void link_fold(struct link *k)
{
	k->past = link_counts(k);
	k->life = (struct ledger_counts){ 0 };
	k->open = 0;
	k->counted = true;
}

static void load_fed(const struct ledger_federation *row, void *data)
{
	struct diag_list diags = DIAG_LIST_INIT;
	struct fed *f = model_add_fed(data, row->name);

	f->file = xstrdup(row->file);
	f->text = xstrdup(row->text);
	f->generation = row->generation;
	f->spec = federation_read(f->file, f->text, &diags);
	if (!f->spec)
		log_warn("%s: this version cannot read its file any more: %s", f->name,
			 diags.n ? diags.items[0].text : "no reason");
	diag_list_finish(&diags);
}

static void load_machine(const struct ledger_machine *row, void *data)
{
	struct fed *f = model_fed(data, row->federation);
	struct machine *m;
	void *config = NULL;

	if (!f)
		return;
	m = fed_add_machine(f, row->name);
	set_string(&m->digest, row->digest);
	set_string(&m->image, row->image);
	set_string(&m->label, row->label);
	m->uplink = row->uplink;
	m->wanted = row->wanted;
	m->started = row->started;
	if (row->config.len &&
	    msg_decode(&machine_config_type, row->config.data, row->config.len, &config) < 0)
		log_warn("%s/%s: its configuration in the ledger cannot be read", f->name, m->name);
	m->config = config;
}

static void load_link(const struct ledger_link *row, void *data)
{
	struct fed *f = model_fed(data, row->federation);
	struct link *k = f ? fed_add_link(f, row->id) : NULL;

	if (!k)
		return;
	set_string(&k->digest, row->digest);
	k->slot = row->slot;
	k->net = row->net;
	k->cut = row->cut;
	k->past = row->past;
	k->life = row->life;
}

int model_load(struct daemon *d, struct err **err)
{
	int r = ledger_federations(d->ledger, load_fed, d, err);

	if (r == 0)
		r = ledger_machines(d->ledger, load_machine, d, err);
	if (r == 0)
		r = ledger_links(d->ledger, load_link, d, err);
	return r;
}
