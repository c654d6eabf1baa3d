/* SPDX-License-Identifier: MIT */
/* Owns the images of one look into the store: nothing is kept, since builds change it any time. */
#include "catalog.h"

#include <errno.h>

#include "mem.h"
#include "str.h"

struct catalog {
	struct store *store;
	struct store_image **images;
	size_t n;
	struct appliance_facts *facts; /* of images, in the same order */
	char **keys;                   /* as the federation calls them, in the same order */
	char **names;                  /* of all in the store, when one was not found */
	bool missing;
};

static void fill_facts(struct appliance_facts *f, const struct appliance *a)
{
	for (size_t i = 0; i < a->n_services; i++) {
		strv_append(&f->services, a->services[i].name);
		strv_append(&f->targets, a->services[i].target);
		f->frames |= str_eq(a->services[i].target, "frames");
	}
	for (size_t i = 0; i < a->n_volumes; i++)
		strv_append(&f->volumes, a->volumes[i].name);
	f->kinds = strv_dup(a->kinds);
	f->memory = a->memory;
	f->arch = a->arch;
}

static void list_names(struct catalog *c)
{
	struct store_image **all = NULL;
	size_t n = 0;

	/* Only for the nearest match in an error: without it the error is merely poorer. */
	if (store_list_images(c->store, &all, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		if (!strv_has(c->names, all[i]->name))
			strv_append(&c->names, all[i]->name);
	store_images_free(all, n);
}

/* A name that is not there is found out by the check; anything else is an error of the store. */
static int add_image(struct catalog *c, const char *name, struct err **err)
{
	struct store_image *image;
	int r;

	if (catalog_image(c, name))
		return 0;
	r = store_get_image(c->store, name, &image, err);
	if (r == -ENOENT) {
		err_free(steal_ptr(*err));
		c->missing = true;
		return 0;
	}
	if (r < 0)
		return r;
	c->images = xreallocarray(c->images, c->n + 1, sizeof(struct store_image *));
	c->facts = xreallocarray(c->facts, c->n + 1, sizeof(*c->facts));
	c->images[c->n] = image;
	c->facts[c->n] = (struct appliance_facts){ 0 };
	fill_facts(&c->facts[c->n++], image->appliance);
	strv_append(&c->keys, name);
	return 0;
}

int catalog_open(const char *store, const struct federation *fed, struct catalog **ret,
		 struct err **err)
{
	struct catalog *c = xcalloc(1, sizeof(*c));
	int r = store_open(store, &c->store, err);

	for (size_t i = 0; r == 0 && i < fed->n_machines; i++)
		if (fed->machines[i].image) /* else a fault of the file, said elsewhere */
			r = add_image(c, fed->machines[i].image, err);
	if (r < 0) {
		catalog_close(c);
		return r;
	}
	if (c->missing)
		list_names(c);
	*ret = c;
	return 0;
}

void catalog_close(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n; i++) {
		strv_free(c->facts[i].services);
		strv_free(c->facts[i].targets);
		strv_free(c->facts[i].volumes);
		strv_free(c->facts[i].kinds);
		store_image_free(c->images[i]);
	}
	free(c->images);
	free(c->facts);
	strv_free(c->keys);
	strv_free(c->names);
	if (c->store)
		store_close(c->store);
	free(c);
}

static int find(const struct catalog *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_eq(c->keys[i], name))
			return (int)i;
	return -1;
}

const struct store_image *catalog_image(const struct catalog *c, const char *name)
{
	int i = find(c, name);

	return i < 0 ? NULL : c->images[i];
}

const struct appliance_facts *catalog_facts(const char *name, void *data)
{
	const struct catalog *c = data;
	int i = find(c, name);

	return i < 0 ? NULL : &c->facts[i];
}

const char *catalog_digest(const char *name, void *data)
{
	const struct store_image *image = catalog_image(data, name);

	return image ? image->digest : NULL;
}

const char *const *catalog_names(const struct catalog *c)
{
	static const char *const none[] = { NULL };

	return c->names ? (const char *const *)c->names : none;
}
