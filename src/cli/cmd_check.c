/* SPDX-License-Identifier: MIT */
/*
 * atoll check FILE…: all that is wrong with federation files and recipes. A federation is held
 * against the appliances of the store as well, as far as they are there.
 */
#include <errno.h>
#include <sys/stat.h>

#include "command.h"
#include "federation.h"
#include "json_read.h"
#include "local_store.h"
#include "mem.h"
#include "names.h"
#include "output.h"
#include "recipe.h"
#include "spec.h"
#include "str.h"

struct shelf {
	struct store_image **images;
	size_t n;
	struct appliance_facts *facts; /* of images[i] */
	char **names;
};

static void fill_facts(struct appliance_facts *f, const struct appliance *a)
{
	f->arch = a->arch;
	f->memory = a->memory;
	f->kinds = strv_dup(a->kinds);
	for (size_t i = 0; i < a->n_services; i++) {
		strv_append(&f->services, a->services[i].name);
		f->frames |= str_eq(a->services[i].target, "frames");
	}
	for (size_t i = 0; i < a->n_volumes; i++)
		strv_append(&f->volumes, a->volumes[i].name);
}

/* An empty shelf when there is no store: then only the file itself is checked. */
static void fill_shelf(struct shelf *shelf)
{
	cleanup_store struct store *s = NULL;

	*shelf = (struct shelf){ 0 };
	if (!local_store_exists() || local_store_open(&s, NULL) < 0 ||
	    store_list_images(s, &shelf->images, &shelf->n, NULL) < 0)
		return;
	shelf->facts = xcalloc(shelf->n + 1, sizeof(*shelf->facts));
	for (size_t i = 0; i < shelf->n; i++) {
		strv_append(&shelf->names, shelf->images[i]->name);
		if (shelf->images[i]->appliance)
			fill_facts(&shelf->facts[i], shelf->images[i]->appliance);
	}
}

static void empty_shelf(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->n; i++) {
		strv_free(shelf->facts[i].services);
		strv_free(shelf->facts[i].volumes);
		strv_free(shelf->facts[i].kinds);
	}
	free(shelf->facts);
	strv_free(shelf->names);
	store_images_free(shelf->images, shelf->n);
}

/* NAME or NAME:ARCH; a NAME prefers the host's architecture, as store_get_image does. */
static const struct appliance_facts *find_facts(const char *what, void *data)
{
	const struct appliance_facts *found = NULL;
	const struct shelf *shelf = data;

	for (size_t i = 0; i < shelf->n; i++) {
		const struct store_image *image = shelf->images[i];
		cleanup_free char *full = xasprintf("%s:%s", image->name, image->arch);

		if (str_eq(full, what))
			return &shelf->facts[i];
		if (str_eq(image->name, what) && (!found || str_eq(image->arch, arch_host())))
			found = &shelf->facts[i];
	}
	return found;
}

static void check_federation(const char *file, struct shelf *shelf, struct diag_list *diags)
{
	struct federation *f = federation_parse(file, NULL, diags);

	if (f && shelf->n)
		federation_check(f, find_facts, (const char *const *)(void *)shelf->names, shelf,
				 diags);
	federation_free(f);
}

static void check_file(const char *file, struct shelf *shelf, struct diag_list *diags)
{
	struct stat st;

	/* A pipe would be waited for, and read twice. */
	if (stat(file, &st) == 0 && !S_ISREG(st.st_mode)) {
		diag_add(diags, file, 0, 0, "is not a regular file");
		return;
	}
	switch (spec_sniff(file, NULL, diags)) {
	case SPEC_FEDERATION:
		check_federation(file, shelf, diags);
		break;
	case SPEC_RECIPE:
		recipe_free(recipe_read(file, NULL, diags));
		break;
	case SPEC_UNKNOWN:
		break;
	}
}

static void add_json(json_t *list, const struct diag_list *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		const struct diag *d = &diags->items[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:i, s:i, s:s}", "file", d->file, "line",
						d->line, "column", d->column, "text", d->text));
	}
}

int cmd_check(const struct args *args)
{
	cleanup_json json_t *list = json_array();
	cleanup_err struct err *err = NULL;
	struct shelf shelf;
	size_t faults = 0;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	fill_shelf(&shelf);
	for (size_t i = 0; i < args->n_words; i++) {
		struct diag_list diags = DIAG_LIST_INIT;

		check_file(args->words[i], &shelf, &diags);
		if (json)
			add_json(list, &diags);
		else
			diag_print(&diags, stderr);
		faults += diags.n;
		diag_list_finish(&diags);
	}
	empty_shelf(&shelf);
	if (json)
		print_json(list);
	return faults ? EXIT_FAILED : 0;
}
