/* SPDX-License-Identifier: MIT */
/*
 * atoll query TERM…: which appliances, and which machines that were started from them, hold a package or
 * file. A term is KEY, an operator and a value; all of them have to be true. Packages are those of the
 * appliances' manifests, files those of their reasons.
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "command.h"
#include "debversion.h"
#include "local_store.h"
#include "machine_images.h"
#include "mem.h"
#include "output.h"
#include "reasons.h"
#include "str.h"
#include "table.h"

enum key {
	KEY_PACKAGE, /* also the name of the source */
	KEY_SOURCE,
	KEY_VERSION,
	KEY_FILE,
	KEY_IMAGE,
	KEY_COUNT,
};

static const char *const keys[] = {
	[KEY_PACKAGE] = "package", [KEY_SOURCE] = "source", [KEY_VERSION] = "version",
	[KEY_FILE] = "file",       [KEY_IMAGE] = "image",
};

/* Longer ones first. `low` and `high`: of the signs of a comparison that are right. */
static const struct op {
	const char *text;
	int low, high;
	bool negated;
} operators[] = {
	{ "<=", -1, 0, false }, { ">=", 0, 1, false }, { "!=", 0, 0, true },
	{ "<", -1, -1, false }, { ">", 1, 1, false },  { "=", 0, 0, false },
};

struct term {
	enum key key;
	const struct op *op;
	const char *value;
	bool base; /* of a file: its name, in whatever folder */
};

struct query {
	struct term terms[16];
	size_t n;
	struct machine_images machines;
	json_t *found;
	bool incomplete; /* something could not be searched */
};

static bool accepts(const struct op *o, int comparison)
{
	int sign = (comparison > 0) - (comparison < 0);

	return o->negated ? sign != 0 : sign >= o->low && sign <= o->high;
}

/* Names and paths may be patterns; only versions have an order. */
static bool text_matches(const struct term *t, const char *text)
{
	return accepts(t->op, fnmatch(t->value, text ? text : "", 0));
}

static int parse_term(const char *word, struct term *ret, struct err **err)
{
	size_t n = strcspn(word, "<>=!");

	*ret = (struct term){ .key = KEY_COUNT };
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strlen(keys[i]) == n && strncmp(word, keys[i], n) == 0)
			ret->key = (enum key)i;
	for (size_t i = 0; i < ARRAY_SIZE(operators) && !ret->op; i++)
		if (str_starts(word + n, operators[i].text))
			ret->op = &operators[i];
	if (ret->op)
		ret->value = word + n + strlen(ret->op->text);
	if (ret->key == KEY_COUNT || !ret->op || !*ret->value || strchr("<>=!", *ret->value))
		return err_set(
			err, EINVAL,
			"\"%s\": expected package=NAME, source=NAME, version<VERSION (or <=, =, "
			"!=, >=, >), file=PATH or image=NAME",
			word);
	if (ret->key != KEY_VERSION && (ret->op->low || ret->op->high))
		return err_set(err, EINVAL, "\"%s\": only versions have an order", word);
	ret->base = !strpbrk(ret->value, "/*?[");
	if (ret->key == KEY_FILE && *ret->value == '/')
		ret->value++;
	return 0;
}

static bool has_key(const struct query *q, enum key key)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->terms[i].key == key)
			return true;
	return false;
}

/* "package=openssl" means what is built from openssl as well, by the source's version then. */
static const char *version_meant(const struct query *q, const struct appliance_package *p)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->terms[i].key == KEY_SOURCE ||
		    (q->terms[i].key == KEY_PACKAGE && !text_matches(&q->terms[i], p->name)))
			return p->source_version ? p->source_version : p->version;
	return p->version;
}

static bool package_matches(const struct query *q, const struct appliance_package *p)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct term *t = &q->terms[i];

		if (t->key == KEY_PACKAGE && !text_matches(t, p->name) &&
		    (t->op->negated || !text_matches(t, p->source)))
			return false;
		if (t->key == KEY_SOURCE && !text_matches(t, p->source))
			return false;
		if (t->key == KEY_VERSION &&
		    !accepts(t->op, debversion_compare(version_meant(q, p), t->value)))
			return false;
	}
	return true;
}

static json_t *machines_of(const struct query *q, const struct store_image *image)
{
	json_t *list = json_array();

	for (size_t i = 0; i < q->machines.n; i++)
		if (str_eq(q->machines.items[i].rootfs, image->rootfs.digest))
			json_array_append_new(list, json_string(q->machines.items[i].name));
	return list;
}

static void add(struct query *q, const struct store_image *image, const struct appliance_package *p,
		const char *file)
{
	json_array_append_new(
		q->found,
		json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:o*, s:o}", "image", image->name,
			  "arch", image->arch, "package", p ? p->name : NULL, "version",
			  p ? p->version : NULL, "source", p ? p->source : NULL, "source_version",
			  p ? p->source_version : NULL, "file", file ? json_path(file) : NULL,
			  "machines", machines_of(q, image)));
}

static const struct appliance_package *package_of(const struct appliance *a, const char *name)
{
	for (size_t i = 0; i < a->n_packages; i++)
		if (str_eq(a->packages[i].name, name))
			return &a->packages[i];
	return NULL;
}

static bool file_matches(const struct query *q, const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	for (size_t i = 0; i < q->n; i++) {
		const struct term *t = &q->terms[i];

		if (t->key == KEY_FILE && !text_matches(t, t->base ? base : path))
			return false;
	}
	return true;
}

/* What could not be searched is said, and the exit status says so as well. */
static void miss(struct query *q, const struct store_image *image, const char *why)
{
	say_error("appliance \"%s\" was not searched: %s", image->name, why);
	q->incomplete = true;
}

static void search_files(struct query *q, const struct store_image *image)
{
	cleanup_err struct err *err = NULL;
	bool packages =
		has_key(q, KEY_PACKAGE) || has_key(q, KEY_SOURCE) || has_key(q, KEY_VERSION);
	cleanup_reasons struct reasons *reasons = NULL;

	if (!image->rootfs.path)
		return; /* the tiny kernel's */
	if (reasons_load(image->reasons.path ? image->reasons.path : "", &reasons, &err) < 0) {
		miss(q, image, err_msg(err));
		return;
	}
	for (size_t i = 0; i < reasons->n_files; i++) {
		const struct reasons_file *f = &reasons->files[i];
		const struct appliance_package *p =
			f->package ? package_of(image->appliance, f->package->name) : NULL;

		if (file_matches(q, f->path) && (!packages || (p && package_matches(q, p))))
			add(q, image, p, f->path);
	}
}

static void search(struct query *q, const struct store_image *image)
{
	const struct appliance *a = image->appliance;

	for (size_t i = 0; i < q->n; i++)
		if (q->terms[i].key == KEY_IMAGE && !text_matches(&q->terms[i], image->name))
			return;
	if (image->damage) {
		miss(q, image, image->damage);
	} else if (has_key(q, KEY_FILE)) {
		search_files(q, image);
	} else {
		for (size_t i = 0; i < a->n_packages; i++)
			if (package_matches(q, &a->packages[i]))
				add(q, image, &a->packages[i], NULL);
	}
}

static void print_table(const struct query *q)
{
	static const char *const by_package[] = { "APPLIANCE", "PACKAGE",  "VERSION",
						  "SOURCE",    "MACHINES", NULL };
	static const char *const by_file[] = { "APPLIANCE", "FILE",     "PACKAGE",
					       "VERSION",   "MACHINES", NULL };
	bool files = has_key(q, KEY_FILE);
	struct table t;
	const json_t *o, *m;
	size_t i, j;

	table_init(&t, files ? by_file : by_package);
	json_array_foreach(q->found, i, o)
	{
		cleanup_strv char **machines = NULL;
		cleanup_free char *joined = NULL;

		json_array_foreach(json_object_get(o, "machines"), j, m)
			strv_append(&machines, json_string_value(m));
		joined = strv_join(machines, ", ");
		table_addf(&t, "%s:%s", json_string_value(json_object_get(o, "image")),
			   json_string_value(json_object_get(o, "arch")));
		if (files)
			table_add(&t, json_string_value(json_object_get(o, "file")));
		table_add(&t, json_string_value(json_object_get(o, "package")));
		table_add(&t, json_string_value(json_object_get(o, "version")));
		if (!files)
			table_add(&t, json_string_value(json_object_get(o, "source")));
		table_add(&t, joined);
	}
	table_print(&t);
}

/* What runs from an image that was replaced cannot be looked into, and that has to be known. */
static void warn_of_others(struct query *q, struct store_image **images, size_t n)
{
	for (size_t i = 0; i < q->machines.n; i++) {
		bool there = false;

		for (size_t j = 0; j < n; j++)
			there |= str_eq(q->machines.items[i].rootfs, images[j]->rootfs.digest);
		if (!there)
			say_error(
				"machine \"%s\" was started from an image that is no longer in the "
				"store; it was not searched ('atoll up' takes the new one)",
				q->machines.items[i].name);
	}
}

static int search_all(struct query *q, struct store *s, struct err **err)
{
	struct store_image **images;
	size_t n;
	int r = store_list_images(s, &images, &n, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		search(q, images[i]);
	warn_of_others(q, images, n);
	store_images_free(images, n);
	return 0;
}

static int answer(struct query *q, bool json)
{
	cleanup_store struct store *s = NULL;
	cleanup_err struct err *err = NULL;

	if (machine_images_read(&q->machines, &err) < 0 || local_store_open(&s, &err) < 0 ||
	    search_all(q, s, &err) < 0)
		return report_error(err);
	if (json)
		print_json(q->found);
	else if (!json_array_size(q->found))
		printf("none\n");
	else
		print_table(q);
	return q->incomplete ? EXIT_FAILED : 0;
}

int cmd_query(const struct args *args)
{
	struct query q = { .n = 0 };
	cleanup_err struct err *err = NULL;
	bool json = false;
	int status, r = args_json(args, &json, &err);

	if (r == 0 && args->n_words > ARRAY_SIZE(q.terms))
		r = err_set(&err, E2BIG, "at most %zu terms", ARRAY_SIZE(q.terms));
	for (size_t i = 0; r == 0 && i < args->n_words; i++)
		r = parse_term(args->words[i], &q.terms[q.n++], &err);
	if (r < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	q.found = json_array();
	status = answer(&q, json);
	json_decref(q.found);
	machine_images_finish(&q.machines);
	return status;
}
