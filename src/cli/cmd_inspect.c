/* SPDX-License-Identifier: MIT */
/* atoll inspect NAME: all about a machine, or about an image; --boot: where its start's time went. */
#include <errno.h>

#include "client.h"
#include "command.h"
#include "local_store.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

static int get_machine(const char *name, json_t **ret, struct err **err)
{
	cleanup_json json_t *answer = NULL;
	cleanup_free char *path = NULL;
	int r = client_machine_path(name, "", &path, err);

	if (r == 0)
		r = client_call(CLIENT_RUNNING, "GET", path, NULL, &answer, err);
	if (r == 0)
		*ret = json_incref(json_object_get(answer, "metadata"));
	return r;
}

static int get_image(const char *name, json_t **ret, struct err **err)
{
	cleanup_store struct store *s = NULL;
	struct store_image *i;
	int r = local_store_open(&s, err);

	if (r == 0)
		r = store_get_image(s, name, &i, err);
	if (r < 0)
		return r;
	*ret = image_details(i);
	store_image_free(i);
	return 0;
}

/* A machine, else an image. With neither, the machine's error is the one to show if any runs. */
static int get_thing(const char *name, json_t **ret, struct err **err)
{
	cleanup_err struct err *machine = NULL, *image = NULL;
	int r = get_machine(name, ret, &machine);

	if (r == 0 || get_image(name, ret, &image) == 0)
		return 0;
	if (r == -ENOTUNIQ)
		return err_set(err, ENOTUNIQ, "%s", err_msg(machine));
	if (r == -ECONNREFUSED || r == -EINVAL)
		return err_set(err, ENOENT, "%s", err_msg(image));
	return err_set(err, ENOENT, "%s; %s", err_msg(machine), err_msg(image));
}

/* The points of a start in order, and what happens up to each. */
static const struct {
	const char *key, *what;
} points[] = {
	{ "guest", "monitor made the guest's process" },
	{ "kvm", "atoll-vmm made the virtual machine" },
	{ "kernel", "the guest's kernel began" },
	{ "init", "guest booted to atoll-init" },
	{ "agent", "root, wire, configuration" },
	{ "prepared", "mounts, modules, prepare" },
	{ "started", "interfaces, links, application started" },
	{ "ready", "services accept connections" },
};

/* The points that were reached: an array of {point, at, took, what}, in milliseconds. */
static json_t *list_boot(const json_t *machine)
{
	const json_t *times = json_object_get(machine, "times");
	json_t *list = json_array();
	double before = 0;

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		const json_t *v = json_object_get(times, points[i].key);
		double at = json_number_value(v);

		if (!json_is_number(v) || at <= 0)
			continue;
		json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:s}", "point",
						      points[i].key, "at", at, "took", at - before,
						      "what", points[i].what));
		before = at;
	}
	return list;
}

static void print_boot_table(const json_t *list)
{
	static const char *const titles[] = { ">AT", ">TOOK", "UNTIL", "WHAT TOOK IT", NULL };
	const json_t *point;
	struct table t;
	size_t i;

	table_init(&t, titles);
	json_array_foreach((json_t *)(uintptr_t)list, i, point)
	{
		table_addf(&t, "%.1f ms", json_number_value(json_object_get(point, "at")));
		table_addf(&t, "%.1f ms", json_number_value(json_object_get(point, "took")));
		table_add(&t, json_str(point, "point"));
		table_add_styled(&t, term_dim(), json_str(point, "what"));
	}
	table_print(&t);
}

static int print_boot(const json_t *machine, bool json, struct err **err)
{
	cleanup_json json_t *list = list_boot(machine);

	if (json_array_size(list) == 0)
		return err_set(err, ENODATA, "machine \"%s\" has not started",
			       json_str(machine, "name"));
	if (json)
		print_json(list);
	else
		print_boot_table(list);
	return 0;
}

int cmd_inspect(const struct args *args)
{
	const char *name = args->words[0];
	cleanup_json json_t *thing = NULL;
	cleanup_err struct err *err = NULL;
	bool json;
	int r = args_json(args, &json, &err);

	if (r < 0)
		return report_error(err);
	if (args_has(args, "boot"))
		r = get_machine(name, &thing, &err);
	else if (args_has(args, "image"))
		r = get_image(name, &thing, &err);
	else
		r = get_thing(name, &thing, &err);
	if (r == 0 && args_has(args, "boot"))
		r = print_boot(thing, json, &err);
	else if (r == 0)
		print_json(thing);
	return r < 0 ? report_error(err) : 0;
}
