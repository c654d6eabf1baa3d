/* SPDX-License-Identifier: MIT */
/* atoll images: the appliances in the store. */
#include "command.h"
#include "local_store.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

static void add_image(struct table *t, const struct store_image *i)
{
	char size[16], age[16];

	table_add(t, i->name);
	if (i->damage)
		table_add_styled(t, term_red(), "damaged");
	else
		table_add(t, i->appliance->version);
	table_add(t, i->arch);
	table_add(t, str_from_size(i->size, size));
	table_addf(t, "%s ago", age_text(i->created, age));
	table_addf(t, "%.12s", i->digest + 7);
}

static void print_table(struct store_image **images, size_t n)
{
	static const char *const titles[] = { "NAME",     "VERSION", "ARCH", ">SIZE",
					      ">CREATED", "DIGEST",  NULL };
	struct table t;

	if (n == 0) {
		printf("no appliances; 'atoll build RECIPE' makes one\n");
		return;
	}
	table_init(&t, titles);
	for (size_t i = 0; i < n; i++)
		add_image(&t, images[i]);
	table_print(&t);
}

static void print_list(struct store_image **images, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, image_summary(images[i]));
	print_json(list);
	json_decref(list);
}

/* Reports each that is damaged; the number of them. */
static size_t verify(struct store *s, struct store_image **images, size_t n)
{
	size_t damaged = 0;

	for (size_t i = 0; i < n; i++) {
		cleanup_err struct err *err = NULL;

		if (images[i]->damage)
			say_error("appliance \"%s\": %s", images[i]->name, images[i]->damage);
		else if (store_verify_image(s, images[i], &err) < 0)
			report_error(err);
		else
			continue;
		damaged++;
	}
	return damaged;
}

int cmd_images(const struct args *args)
{
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;
	struct store_image **images;
	size_t n, damaged = 0;
	bool json;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (local_store_open(&s, &err) < 0 || store_list_images(s, &images, &n, &err) < 0)
		return report_error(err);
	if (json)
		print_list(images, n);
	else
		print_table(images, n);
	if (args_has(args, "verify"))
		damaged = verify(s, images, n);
	store_images_free(images, n);
	return damaged ? EXIT_FAILED : 0;
}
