/* SPDX-License-Identifier: MIT */
/*
 * Recipes and federations. NULL comes with something said, and a tree with nothing; what reads as a
 * federation can be checked and planned, and a plan that was carried out leaves nothing to do.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "mem.h"
#include "plan.h"
#include "recipe.h"
#include "spec.h"
#include "str.h"

static char net[] = "net", http[] = "http", data_volume[] = "data", tcp[] = "tcp/80";
static char frames[] = "frames";
static char *services[] = { net, http, NULL }, *targets[] = { frames, tcp, NULL };
static char *volumes[] = { data_volume, NULL };

static const struct appliance_facts *find(const char *name, void *data)
{
	static const struct appliance_facts facts = {
		.services = services,
		.targets = targets,
		.frames = true,
		.volumes = volumes,
		.memory = 96 << 20,
	};

	(void)data;
	return name[0] == 'z' ? NULL : &facts;
}

static const char *digest_of(const char *name, void *data)
{
	(void)data;
	return name;
}

static void plan_again(const struct federation *f, const struct plan *first)
{
	cleanup_free struct plan_have_machine *machines =
		xcalloc(f->n_machines + 1, sizeof(*machines));
	cleanup_free struct plan_have_link *links = xcalloc(f->n_links + 1, sizeof(*links));
	const struct plan_have have = { machines, f->n_machines, links, f->n_links };
	cleanup_strv char **digests = NULL;
	struct plan *second;
	size_t net_index = 0;

	for (size_t i = 0; i < f->n_machines; i++) {
		char *digest = plan_machine_digest(f, &f->machines[i], f->machines[i].image);

		strv_take(&digests, digest);
		machines[i] = (struct plan_have_machine){ f->machines[i].name, digest, true };
	}
	for (size_t i = 0; i < f->n_links; i++) {
		bool is_net = fed_link_is_net(&f->links[i]);
		char *digest = plan_link_digest(&f->links[i]);

		strv_take(&digests, digest);
		links[i] = (struct plan_have_link){ f->links[i].id, digest, 0, is_net };
		if (is_net)
			links[i].slot = first->nets[net_index++].slot;
	}
	second = plan_make(f, digest_of, NULL, &have);
	if (second->n_steps || second->n_nets != net_index)
		abort();
	for (size_t i = 0; i < net_index; i++)
		if (second->nets[i].slot != first->nets[i].slot)
			abort();
	plan_free(second);
}

static void plan(const struct federation *f)
{
	static const struct plan_have nothing;
	struct plan *p = plan_make(f, digest_of, NULL, &nothing);

	if (p->n_steps != f->n_machines + f->n_links)
		abort();
	plan_again(f, p);
	plan_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { "web", "app", NULL };
	struct diag_list diags = DIAG_LIST_INIT;
	cleanup_free char *text = xstrndup((const char *)data, len);
	struct recipe *r = recipe_read("f", text, &diags);
	struct federation *f;
	bool sound;

	if (!r == !diags.n)
		abort();
	recipe_free(r);
	diag_list_finish(&diags);
	f = federation_parse("f", text, &diags);
	sound = diags.n == 0;
	if (!f && sound)
		abort();
	if (f && federation_check(f, find, names, NULL, &diags) == 0 && sound)
		plan(f);
	federation_free(f);
	diag_list_finish(&diags);
	spec_sniff("f", text, &diags);
	diag_list_finish(&diags);
	return 0;
}
