/* SPDX-License-Identifier: MIT */
/* Owns the decisions on what a guest is told; see abi_machine.h for the fields. */
#include "compose.h"

#include <errno.h>

#include "abi_firewall.h"
#include "mem.h"
#include "str.h"
#include "volumes.h"

#define LINK_MTU 65520

/*
 * The uplink's own network is one that is never anybody's: 192.0.0.0/29 (RFC 7335) and a ULA. The
 * guest's packets leave through passt with the host's addresses.
 */
#define UPLINK_ADDR4    "192.0.0.2/29"
#define UPLINK_GATEWAY4 "192.0.0.1"
#define UPLINK_ADDR6    "fd61:746f:6c6c::2/64"
#define UPLINK_GATEWAY6 "fd61:746f:6c6c::1"

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

uint64_t compose_memory(const struct fed_machine *machine, const struct appliance *appliance)
{
	static const uint64_t defaults[] = {
		[KIND_LIGHT] = MEMORY_LIGHT,
		[KIND_MICRO] = MEMORY_MICRO,
		[KIND_FULL] = MEMORY_FULL,
		[KIND_EMULATED] = MEMORY_MICRO,
	};
	uint64_t memory = machine->memory;

	if (memory)
		return memory;
	memory = defaults[machine->kind];
	return appliance->memory > memory ? appliance->memory : memory;
}

/* A MAC that is the same at every start: FNV-1a of the names. */
static char *uplink_mac(const char *fed, const char *machine)
{
	uint32_t h = 2166136261u;
	cleanup_free char *text = xasprintf("%s/%s", fed, machine);

	for (const char *p = text; *p; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	return xasprintf("02:75:%02x:%02x:%02x:%02x", h >> 24, (h >> 16) & 0xff, (h >> 8) & 0xff,
			 h & 0xff);
}

/* Building */

struct job {
	const struct compose_input *in;
	struct machine_config *config;
	struct guest_config *guest;
	bool routed; /* a default route is there */
};

static void add_host(struct job *j, const char *name, const char *address)
{
	struct guest_host *host = msg_records_add(&j->guest->hosts, sizeof(*host));

	host->name = xstrdup(name);
	host->address = xstrdup(address);
}

static struct guest_nic *add_nic(struct job *j, const char *mac, const char *name, const char *link)
{
	struct machine_nic *outer = msg_records_add(&j->config->nics, sizeof(*outer));
	struct guest_nic *nic = msg_records_add(&j->guest->nics, sizeof(*nic));

	outer->mac = xstrdup(mac);
	outer->name = xstrdup(name);
	outer->link = dup_or_null(link);
	outer->mtu = LINK_MTU;
	nic->mac = xstrdup(mac);
	nic->name = xstrdup(name);
	nic->mtu = LINK_MTU;
	return nic;
}

static void add_uplink(struct job *j)
{
	const struct compose_input *in = j->in;
	cleanup_free char *mac = uplink_mac(in->fed->name, in->machine->name);
	struct guest_nic *nic = add_nic(j, mac, UPLINK_NIC, NULL);
	struct machine_nic *outer =
		(struct machine_nic *)j->config->nics.items + j->config->nics.n - 1;

	nic->addr4 = xstrdup(UPLINK_ADDR4);
	nic->gateway4 = xstrdup(UPLINK_GATEWAY4);
	if (in->ipv6) {
		nic->addr6 = xstrdup(UPLINK_ADDR6);
		nic->gateway6 = xstrdup(UPLINK_GATEWAY6);
	}
	outer->uplink = 1;
	outer->addr4 = dup_or_null(nic->addr4);
	outer->addr6 = dup_or_null(nic->addr6);
	outer->gateway4 = dup_or_null(nic->gateway4);
	outer->gateway6 = dup_or_null(nic->gateway6);
	outer->dns = xstrdup(UPLINK_DNS);
	j->routed = true;
	strv_append(&j->guest->dns, UPLINK_DNS);
}

/* Our end of a net link to a router. The first one is where everything goes. */
static void add_client_nic(struct job *j, const struct plan_net *net, const struct fed_link *link)
{
	struct guest_nic *nic = add_nic(j, net->from_mac, link->to, link->id);

	nic->addr4 = xasprintf("%s/31", net->from4);
	nic->addr6 = xasprintf("%s/127", net->from6);
	add_host(j, link->to, net->to4);
	add_host(j, link->to, net->to6);
	if (j->routed)
		return;
	nic->gateway4 = xstrdup(net->to4);
	nic->gateway6 = xstrdup(net->to6);
	j->routed = true;
	strv_append(&j->guest->dns, UPLINK_DNS);
}

/* The router's end. */
static void add_router_nic(struct job *j, const struct plan_net *net, const struct fed_link *link)
{
	struct guest_nic *nic = add_nic(j, net->to_mac, link->from, link->id);

	nic->addr4 = xasprintf("%s/31", net->to4);
	nic->addr6 = xasprintf("%s/127", net->to6);
	add_host(j, link->from, net->from4);
	add_host(j, link->from, net->from6);
}

static const struct plan_net *find_net(const struct compose_input *in, const char *id)
{
	for (size_t i = 0; i < in->n_nets; i++)
		if (str_eq(in->nets[i].link, id))
			return &in->nets[i];
	return NULL;
}

static void add_link(struct job *j, const struct fed_link *link)
{
	const char *self = j->in->machine->name;
	const struct plan_net *net = find_net(j->in, link->id);

	if (net && str_eq(link->from, self)) {
		add_client_nic(j, net, link);
	} else if (net && str_eq(link->to, self)) {
		add_router_nic(j, net, link);
	} else if (!net && str_eq(link->from, self)) {
		struct guest_link *out = msg_records_add(&j->guest->links, sizeof(*out));

		out->name = xasprintf("%s.%s", link->to, link->service);
		out->port = link->port;
	}
}

/* Frames are not connected to; what a router listens on is for its rules. */
static void add_services(struct job *j)
{
	const struct appliance *a = j->in->image->appliance;

	for (size_t i = 0; i < a->n_services; i++) {
		struct guest_service *s = msg_records_add(&j->guest->services, sizeof(*s));
		bool frames = str_eq(a->services[i].target, "frames");

		s->name = xstrdup(a->services[i].name);
		s->target = xstrdup(frames ? "unix" FIREWALL_SOCKET : a->services[i].target);
	}
}

static void add_volumes(struct job *j)
{
	const struct appliance *a = j->in->image->appliance;
	bool light = j->in->machine->kind == KIND_LIGHT;

	for (size_t i = 0; i < j->in->machine->n_volumes; i++) {
		const char *name = j->in->machine->volumes[i].name;
		struct machine_volume *v;
		struct guest_mount *mount;

		for (size_t k = 0; k < a->n_volumes; k++) {
			const struct appliance_volume *what = &a->volumes[k];

			if (!str_eq(what->name, name))
				continue;
			v = msg_records_add(&j->config->volumes, sizeof(*v));
			v->name = xstrdup(name);
			v->path = volume_path(j->in->dir, name, j->in->machine->kind);
			v->target = xstrdup(what->target);
			v->owner = what->owner;
			v->group = what->group;
			v->mode = what->mode;
			mount = msg_records_add(&j->guest->mounts, sizeof(*mount));
			mount->target = xstrdup(what->target);
			mount->device = light ? NULL : xstrdup(name);
			mount->owner = what->owner;
			mount->group = what->group;
			mount->mode = what->mode;
		}
	}
}

static void add_secrets(struct job *j)
{
	for (size_t i = 0; i < j->in->machine->n_secrets; i++) {
		const struct fed_secret *s = &j->in->machine->secrets[i];
		struct machine_secret *secret =
			msg_records_add(&j->config->secrets, sizeof(*secret));

		secret->name = xstrdup(s->name);
		secret->owner = dup_or_null(s->owner);
	}
}

/* The appliance's, each replaced by the file's where that has the same name. */
static char **merge_env(char *const *base, char *const *over)
{
	char **env = strv_dup(base);

	for (; over && *over; over++) {
		size_t name = strcspn(*over, "=") + 1, i = 0;

		while (env && env[i] && strncmp(env[i], *over, name) != 0)
			i++;
		if (!env || !env[i]) {
			strv_append(&env, *over);
			continue;
		}
		free(env[i]);
		env[i] = xstrdup(*over);
	}
	return env;
}

static void fill_guest(struct job *j)
{
	const struct compose_input *in = j->in;
	const struct appliance *a = in->image->appliance;
	struct guest_config *g = j->guest;

	g->hostname = xstrdup(in->machine->name);
	g->federation = xstrdup(in->fed->name);
	g->argv = strv_dup(in->machine->argv ? in->machine->argv : a->argv);
	g->prepare = strv_dup(a->prepare);
	g->env = merge_env(a->env, in->machine->env);
	g->user = dup_or_null(a->user);
	g->workdir = dup_or_null(a->workdir);
	if (in->machine->kind != KIND_LIGHT)
		g->modules = strv_dup(a->modules);
	if (in->machine->uplink)
		add_uplink(j);
	for (size_t i = 0; i < in->fed->n_links; i++)
		add_link(j, &in->fed->links[i]);
	add_services(j);
	add_volumes(j);
	add_secrets(j);
}

const struct store_blob *compose_kernel(enum kind kind, const struct store_image *image)
{
	return kind != KIND_FULL && image->vmlinux.path ? &image->vmlinux : &image->kernel;
}

static int fill_machine(struct job *j, struct err **err)
{
	const struct compose_input *in = j->in;
	struct machine_config *c = j->config;
	bool light = in->machine->kind == KIND_LIGHT;
	const struct store_blob *kernel = compose_kernel(in->machine->kind, in->image);

	c->federation = xstrdup(in->fed->name);
	c->name = xstrdup(in->machine->name);
	c->kind = xstrdup(kind_name(in->machine->kind));
	c->engine = xstrdup(in->engine);
	c->arch = xstrdup(in->image->appliance->arch);
	c->appliance = xstrdup(in->machine->appliance);
	c->memory = compose_memory(in->machine, in->image->appliance);
	c->cpus = in->machine->cpus ? in->machine->cpus : 1;
	if (!in->image->rootfs.path)
		return err_set(err, EINVAL,
			       "appliance \"%s\" has no root file system; build it again",
			       in->machine->appliance);
	c->rootfs = xstrdup(in->image->rootfs.path);
	c->capabilities = strv_dup(in->image->appliance->capabilities);
	if (light) {
		c->init = xstrdup(in->init);
		return 0;
	}
	if (!kernel->path || !in->image->initramfs.path)
		return err_set(err, EINVAL,
			       "appliance \"%s\" has no %s, which kind %s needs; build it again",
			       in->machine->appliance, kernel->path ? "initramfs" : "kernel",
			       c->kind);
	c->kernel = xstrdup(kernel->path);
	c->initramfs = xstrdup(in->image->initramfs.path);
	c->verity = appliance_verity(in->image->appliance);
	return 0;
}

int compose_config(const struct compose_input *in, struct machine_config **ret, struct err **err)
{
	struct job job = { .in = in, .config = xcalloc(1, sizeof(*job.config)) };
	int r;

	job.guest = msg_records_add(&job.config->guest, sizeof(*job.guest));
	r = fill_machine(&job, err);
	if (r < 0) {
		msg_free(&machine_config_type, job.config);
		return r;
	}
	fill_guest(&job);
	*ret = job.config;
	return 0;
}
