/* SPDX-License-Identifier: MIT */
/* atoll size IMAGE: where an appliance's bytes are: by package, by reason, by folder. Each adds up to all. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "image_reasons.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "table.h"
#include "term.h"

/* One line: what its files have in common, and what they are together. */
struct sum {
	char *name;
	const struct reasons_file *first;
	size_t n_files;
	uint64_t size;
	uint64_t left; /* bytes of the same package that were left out */
};

struct sums {
	struct sum *items;
	size_t n;
};

/* A way to divide: the name of a file's part, which the caller frees, and what is said of it besides. */
struct way {
	const char *name, *title, *more;
	char *(*part)(const struct reasons_file *f);
	const char *(*about)(const struct reasons_file *f);
};

static char *part_of_package(const struct reasons_file *f)
{
	return xstrdup(f->package->name);
}

static const char *about_package(const struct reasons_file *f)
{
	return f->package->version;
}

static char *part_of_reason(const struct reasons_file *f)
{
	return xstrdup(reason_name(f->kind));
}

static const char *about_reason(const struct reasons_file *f)
{
	return reason_brief(f->kind);
}

/* The first two folders of its path. */
static char *part_of_folder(const struct reasons_file *f)
{
	const char *end = f->path;

	for (int i = 0; i < 2; i++) {
		const char *slash = strchr(end + i, '/');

		end = slash ? slash : end;
	}
	return xasprintf("/%.*s", (int)(end - f->path), f->path);
}

static const char *about_folder(const struct reasons_file *f)
{
	(void)f;
	return NULL;
}

static const struct way ways[] = {
	{ "package", "PACKAGE", "VERSION", part_of_package, about_package },
	{ "reason", "REASON", "IT", part_of_reason, about_reason },
	{ "folder", "FOLDER", NULL, part_of_folder, about_folder },
};

static struct sum *sum_of(struct sums *s, const struct way *way, const struct reasons_file *f)
{
	cleanup_free char *name = way->part(f);

	/* Neighbours are mostly of one part. */
	for (size_t i = s->n; i-- > 0;)
		if (str_eq(s->items[i].name, name))
			return &s->items[i];
	s->items = xreallocarray(s->items, s->n + 1, sizeof(*s->items));
	s->items[s->n] = (struct sum){ .name = steal_ptr(name), .first = f };
	return &s->items[s->n++];
}

static int compare_sums(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

static uint64_t left_of(const struct reasons *r, const struct reasons_package *p)
{
	uint64_t size = 0;

	for (size_t i = 0; i < r->n_left; i++)
		if (r->left[i].package == p)
			size += r->left[i].size;
	return size;
}

static void add_up(const struct reasons *r, const struct way *way, struct sums *ret)
{
	*ret = (struct sums){ .n = 0 };
	for (size_t i = 0; i < r->n_files; i++) {
		struct sum *s;

		if (S_ISDIR(r->files[i].mode))
			continue;
		s = sum_of(ret, way, &r->files[i]);
		s->n_files++;
		s->size += r->files[i].size;
	}
	for (size_t i = 0; i < ret->n; i++)
		ret->items[i].left = left_of(r, ret->items[i].first->package);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), compare_sums);
}

static void finish(struct sums *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i].name);
	free(s->items);
}

static bool is_by_package(const struct way *way)
{
	return way->part == part_of_package;
}

static struct sum all_of(const struct sums *s)
{
	struct sum all = { .n_files = 0 };

	for (size_t i = 0; i < s->n; i++) {
		all.size += s->items[i].size;
		all.n_files += s->items[i].n_files;
	}
	return all;
}

static void add_row(struct table *t, const struct way *way, const struct sum *s, uint64_t all)
{
	cleanup_free char *name = text_visible(s->name ? s->name : "all of it");
	char size[16];

	table_add(t, str_from_size(s->size, size));
	table_addf(t, "%.1f", all ? (double)s->size * 100 / (double)all : 100.0);
	table_addf(t, "%zu", s->n_files);
	if (is_by_package(way))
		table_add(t, s->left ? str_from_size(s->left, size) : NULL);
	table_add_styled(t, s->name ? "" : term_bold(), name);
	if (way->more)
		table_add(t, s->first ? way->about(s->first) : NULL);
}

static void print_sums(const struct way *way, const struct sums *s)
{
	const char *titles[7] = { ">SIZE", ">%", ">FILES" };
	struct sum all = all_of(s);
	struct table t;
	size_t n = 3;

	if (is_by_package(way))
		titles[n++] = ">LEFT OUT";
	titles[n++] = way->title;
	titles[n] = way->more;
	table_init(&t, titles);
	for (size_t i = 0; i < s->n; i++)
		add_row(&t, way, &s->items[i], all.size);
	add_row(&t, way, &all, all.size);
	table_print(&t);
}

static json_t *sums_json(const struct way *way, const struct sums *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++) {
		const struct sum *sum = &s->items[i];
		json_t *o = json_pack("{s:o, s:I, s:I}", "name", json_text(sum->name), "size",
				      (json_int_t)sum->size, "files", (json_int_t)sum->n_files);

		if (is_by_package(way)) {
			json_object_set_new(o, "version", json_text(sum->first->package->version));
			json_object_set_new(o, "left_out", json_integer((json_int_t)sum->left));
		}
		json_array_append_new(list, o);
	}
	return list;
}

/* Into the object, when there is one, else as a table. */
static void show(const struct reasons *r, const struct way *way, json_t *o)
{
	struct sums s;

	add_up(r, way, &s);
	if (o) {
		struct sum all = all_of(&s);

		json_object_set_new(o, "size", json_integer((json_int_t)all.size));
		json_object_set_new(o, "files", json_integer((json_int_t)all.n_files));
		json_object_set_new(o, way->name, sums_json(way, &s));
	} else {
		print_sums(way, &s);
	}
	finish(&s);
}

static int find_way(const char *name, const struct way **ret, struct err **err)
{
	const char *names[ARRAY_SIZE(ways) + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		names[i] = ways[i].name;
		if (str_eq(name, ways[i].name)) {
			*ret = &ways[i];
			return 0;
		}
	}
	nearest = str_nearest(name, names);
	return err_set(err, EINVAL, "--by: expected package, reason or folder, found \"%s\"%s%s%s",
		       name, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
		       nearest ? "\"?" : "");
}

/* By packages and by reasons, unless one way is asked for. */
static void show_ways(const struct image_reasons *i, const struct way *only, bool json)
{
	json_t *o = json ? json_object() : NULL;

	show(i->reasons, only ? only : &ways[0], o);
	if (!only && !json)
		printf("\n");
	if (!only)
		show(i->reasons, &ways[1], o);
	if (!only && json)
		show(i->reasons, &ways[2], o);
	if (!json)
		return;
	json_object_set_new(o, "compressed", json_integer((json_int_t)i->image->rootfs.size));
	print_json(o);
	json_decref(o);
}

int cmd_size(const struct args *args)
{
	cleanup_image_reasons struct image_reasons i = { 0 };
	cleanup_err struct err *err = NULL;
	const struct way *only = NULL;
	bool json;
	int r = args_json(args, &json, &err);

	if (r == 0 && args_has(args, "by"))
		r = find_way(args_get(args, "by"), &only, &err);
	if (r < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (image_reasons_open(args_word(args, 0), &i, &err) < 0)
		return report_error(err);
	show_ways(&i, only, json);
	return 0;
}
