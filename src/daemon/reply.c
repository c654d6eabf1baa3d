/* SPDX-License-Identifier: MIT */
/* Owns nothing: turns the model into JSON. */
#include "reply.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mem.h"
#include "str.h"

char *time_rfc3339(uint64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	char text[32];
	struct tm tm;

	if (!realtime_ns)
		return NULL;
	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	return xasprintf("%s.%03uZ", text, (unsigned int)(realtime_ns / 1000000 % 1000));
}

char *time_rfc3339_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return time_rfc3339((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}

json_t *reply_sync(json_t *metadata)
{
	return json_pack("{s:s, s:s, s:i, s:o}", "type", "sync", "status", "Success", "status_code",
			 200, "metadata", metadata);
}

json_t *reply_async(const char *operation_id, json_t *metadata)
{
	cleanup_free char *path = xasprintf("/1.0/operations/%s", operation_id);

	return json_pack("{s:s, s:s, s:i, s:s, s:o}", "type", "async", "status",
			 "Operation created", "status_code", 100, "operation", path, "metadata",
			 metadata);
}

int reply_status(const struct err *err)
{
	static const struct {
		int code, status;
	} table[] = {
		{ EINVAL, 400 },       { EBADMSG, 400 }, { ENAMETOOLONG, 400 }, { EACCES, 403 },
		{ EKEYREJECTED, 403 }, { EPERM, 403 },   { ENOENT, 404 },       { EOPNOTSUPP, 405 },
		{ EBUSY, 409 },        { EEXIST, 409 },  { ENOTUNIQ, 409 },     { EHOSTDOWN, 409 },
		{ EFBIG, 413 },        { ENOSPC, 507 },  { EDQUOT, 507 },       { ENOMEM, 507 },
		{ EAGAIN, 503 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].code == err->code)
			return table[i].status;
	return 500;
}

static json_t *diagnostics(const struct diag_list *diags)
{
	json_t *array = json_array();

	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *d = &diags->items[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:i, s:i, s:s}", "file", d->file, "line",
						d->line, "column", d->column, "text", d->text));
	}
	return array;
}

json_t *reply_error(const struct err *err, const struct diag_list *diags)
{
	const char *name = strerrorname_np(err->code);
	json_t *metadata = json_pack("{s:s}", "errno", name ? name : "EIO");

	if (diags && diags->n)
		json_object_set_new(metadata, "diagnostics", diagnostics(diags));
	return json_pack("{s:s, s:s, s:i, s:o}", "type", "error", "error", err_msg(err),
			 "error_code", reply_status(err), "metadata", metadata);
}

/* Foreign text (a guest's) may not be UTF-8, which JSON has to be. */
static json_t *text(const char *s)
{
	cleanup_free char *clean = NULL;
	json_t *json;

	if (!s)
		return json_null();
	json = json_string(s);
	if (json)
		return json;
	clean = xstrdup(s);
	for (char *p = clean; *p; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	return json_string(clean);
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *timestamp(uint64_t ns)
{
	cleanup_free char *s = time_rfc3339(ns);

	return text(s);
}

/* Milliseconds since launch, or null for what was not reached. */
static json_t *since(const struct control_times *t, uint64_t at)
{
	return at && at >= t->launch ? json_real((double)(at - t->launch) / 1e6) : json_null();
}

static json_t *times(const struct control_times *t)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "launch",
			 since(t, t->launch), "guest", since(t, t->guest), "kvm", since(t, t->kvm),
			 "kernel", since(t, t->kernel), "init", since(t, t->init), "agent",
			 since(t, t->agent), "prepared", since(t, t->prepared), "started",
			 since(t, t->started), "ready", since(t, t->ready));
}

static json_t *exit_status(const struct machine_exit *e)
{
	if (!e)
		return json_null();
	return json_pack("{s:o, s:o, s:b, s:o}", "status", number(e->status), "reason",
			 text(e->reason), "requested", e->requested != 0, "time",
			 timestamp(e->time));
}

json_t *reply_machine(const struct machine *m)
{
	const struct machine_config *c = m->config;
	const struct fed_machine *spec =
		m->fed->spec ? federation_machine(m->fed->spec, m->name) : NULL;
	const char *kind = c ? c->kind : spec ? kind_name(spec->kind) : NULL;
	const char *appliance = c ? c->appliance : spec ? spec->appliance : NULL;
	bool alive = machine_alive(m);

	return json_pack(
		"{s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o,"
		" s:o, s:o}",
		"name", m->name, "federation", m->fed->name, "kind", text(kind), "engine",
		text(c ? c->engine : NULL), "arch", text(c ? c->arch : NULL), "state",
		life_name(m->life), "appliance", text(appliance), "digest", m->image, "pid",
		alive && m->pid ? json_integer(m->pid) : json_null(), "started",
		alive ? timestamp(m->started) : json_null(), "memory", number(m->memory),
		"memory_limit", number(c ? c->memory : 0), "cpus", number(c ? c->cpus : 0), "label",
		text(m->label), "uplink", m->uplink, "exit", exit_status(m->exit), "message",
		text(m->message), "times", times(&m->times));
}

/* Any message as JSON by its table: what a machine was started with. */
static json_t *record(const struct msg_type *type, const void *msg);

static json_t *field(const struct msg_field *f, const void *place)
{
	const struct msg_records *list = place;
	json_t *array = json_array();

	switch (f->kind) {
	case MSG_U64:
		json_decref(array);
		return number(*(const uint64_t *)place);
	case MSG_STR:
		json_decref(array);
		return text(*(char *const *)place);
	case MSG_STRS:
		for (char *const *s = *(char **const *)place; s && *s; s++)
			json_array_append_new(array, text(*s));
		break;
	case MSG_RECORDS:
		for (size_t i = 0; i < list->n; i++)
			json_array_append_new(array, record(f->sub, (const char *)list->items +
									    i * f->sub->size));
		break;
	}
	return array;
}

static json_t *record(const struct msg_type *type, const void *msg)
{
	json_t *object = json_object();

	for (size_t i = 0; i < type->n_fields; i++)
		json_object_set_new(
			object, type->fields[i].name,
			field(&type->fields[i], (const char *)msg + type->fields[i].offset));
	return object;
}

json_t *reply_machine_full(const struct machine *m)
{
	json_t *object = reply_machine(m);

	json_object_set_new(object, "config",
			    m->config ? record(&machine_config_type, m->config) : json_null());
	return object;
}

/* HOST[:PORT[-PORT]][/PROTOCOL], as the federation file has it. */
static json_t *only(const struct fed_only *o)
{
	cleanup_buf struct buf out = BUF_INIT;
	cleanup_free char *s = NULL;
	bool v6 = strchr(o->host, ':') != NULL;

	buf_printf(&out, v6 && o->port_low ? "[%s]" : "%s", o->host);
	if (o->port_low)
		buf_printf(&out, ":%u", o->port_low);
	if (o->port_high > o->port_low)
		buf_printf(&out, "-%u", o->port_high);
	if (o->protocol)
		buf_printf(&out, "/%s",
			   o->protocol == IPPROTO_TCP   ? "tcp"
			   : o->protocol == IPPROTO_UDP ? "udp"
							: "icmp");
	s = buf_steal_str(&out);
	return text(s);
}

static const char *link_state(const struct link *k)
{
	const struct machine *ends[] = { fed_find_machine(k->fed, k->from),
					 fed_find_machine(k->fed, k->to) };

	if (k->cut)
		return "cut";
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (!ends[i] || (ends[i]->life != LIFE_READY && ends[i]->life != LIFE_RUNNING))
			return "down";
	return k->net && !k->joined ? "down" : "ok";
}

json_t *reply_link(const struct link *k)
{
	const struct fed_link *spec = link_spec(k);
	struct ledger_counts n = link_counts(k);
	json_t *list = json_array();

	for (size_t i = 0; spec && i < spec->n_only; i++)
		json_array_append_new(list, only(&spec->only[i]));
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
		" s:o}",
		"id", k->id, "federation", k->fed->name, "from", k->from, "to", k->to, "service",
		k->service, "port", spec ? spec->port : 0, "state", link_state(k), "restricted",
		spec && spec->restricted, "streams", number(n.streams), "open", number(k->open),
		"tx_bytes", number(n.tx_bytes), "rx_bytes", number(n.rx_bytes), "tx_frames",
		number(n.tx_frames), "rx_frames", number(n.rx_frames), "dropped", number(n.dropped),
		"only", list);
}

json_t *reply_federation(const struct fed *f)
{
	uint64_t machines = 0, ready = 0, links = 0;

	for (const struct machine *m = f->machines; m; m = m->next) {
		machines++;
		ready += m->life == LIFE_READY;
	}
	for (const struct link *k = f->links; k; k = k->next)
		links++;
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", f->name, "file", f->file,
			 "machines", number(machines), "ready", number(ready), "links",
			 number(links), "generation", number(f->generation));
}
