/* SPDX-License-Identifier: MIT */
/*
 * atoll tree IMAGE [PATH]: what brought what, from the recipe's lines and what every appliance has, or from
 * one file. Folders of which nothing but folders came are not shown without --all.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "command.h"
#include "image_reasons.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "term.h"

#define DEPTH_MAX 100

struct tree {
	const struct reasons *r;
	struct reasons_tree brought;
	unsigned long depth;
	bool all;
	json_t *list;       /* for JSON; NULL: print */
	struct buf *branch; /* what stands before the names below this one */
};

/* Where chains begin: files of one reason and detail. */
struct root {
	const struct reasons_file *first;
	size_t count;
	uint64_t total;
};

static bool is_shown(const struct tree *t, size_t at)
{
	return t->all || t->brought.count[at] > 0;
}

static size_t next_shown(const struct tree *t, size_t at)
{
	while (at != SIZE_MAX && !is_shown(t, at))
		at = t->brought.next[at];
	return at;
}

/* --- lines --- */

static void print_line(const char *total, const char *own, const char *reason)
{
	printf("%6s  %6s  %s%-11s%s  ", total, own, term_dim(), reason, term_off());
}

static void print_file(const struct tree *t, size_t at, const char *joint)
{
	const struct reasons_file *f = &t->r->files[at];
	cleanup_free char *path = path_shown(f->path);
	char total[16], own[16];

	print_line(str_from_size(t->brought.total[at], total), str_from_size(f->size, own),
		   reason_name(f->kind));
	printf("%.*s%s%s\n", (int)t->branch->len, (char *)buf_bytes(t->branch), joint, path);
}

static void print_rest(const struct tree *t, size_t at)
{
	const struct reasons_file *f = &t->r->files[at];
	char total[16];

	print_line(str_from_size(t->brought.total[at] - f->size, total), "", "");
	printf("%.*s└─ … %zu more\n", (int)t->branch->len, (char *)buf_bytes(t->branch),
	       t->brought.count[at] - !S_ISDIR(f->mode));
}

static void add_object(const struct tree *t, size_t at, unsigned long depth)
{
	json_t *o = file_json(&t->r->files[at]);

	json_object_set_new(o, "depth", json_integer((json_int_t)depth));
	json_object_set_new(o, "total", json_integer((json_int_t)t->brought.total[at]));
	json_object_set_new(o, "files", json_integer((json_int_t)t->brought.count[at]));
	json_array_append_new(t->list, o);
}

static void walk(const struct tree *t, size_t at, unsigned long depth, const char *joint,
		 const char *branch)
{
	size_t before = t->branch->len, next;
	size_t child = next_shown(t, t->brought.first[at]);

	if (t->list)
		add_object(t, at, depth);
	else
		print_file(t, at, joint);
	buf_append_str(t->branch, branch);
	if (depth >= t->depth) {
		if (child != SIZE_MAX && !t->list)
			print_rest(t, at);
		child = SIZE_MAX;
	}
	for (; child != SIZE_MAX; child = next) {
		next = next_shown(t, t->brought.next[child]);
		walk(t, child, depth + 1, next == SIZE_MAX ? "└─ " : "├─ ",
		     next == SIZE_MAX ? "   " : "│  ");
	}
	t->branch->len = before;
}

/* --- where chains begin --- */

static bool is_same_root(const struct reasons_file *a, const struct reasons_file *b)
{
	return a->kind == b->kind && str_eq(a->detail, b->detail) &&
	       (a->kind != REASON_PACKAGE || a->package == b->package);
}

/* What the recipe names comes first, what every appliance has last. */
static int compare_roots(const void *a, const void *b)
{
	const struct root *x = a, *y = b;
	int order = (x->first->kind == REASON_DECLARED) - (y->first->kind == REASON_DECLARED);

	if (order == 0)
		order = (x->total < y->total) - (x->total > y->total);
	return order ? order : strcmp(x->first->path, y->first->path);
}

/* The one that the file is of, made when there is none yet. */
static struct root *root_of(struct root **roots, size_t *n, const struct reasons_file *f)
{
	for (size_t k = 0; k < *n; k++)
		if (is_same_root((*roots)[k].first, f))
			return &(*roots)[k];
	*roots = xreallocarray(*roots, *n + 1, sizeof(**roots));
	(*roots)[*n] = (struct root){ .first = f };
	return &(*roots)[(*n)++];
}

static struct root *find_roots(const struct tree *t, size_t *ret_n)
{
	struct root *roots = NULL;
	size_t n = 0;

	for (size_t i = 0; i < t->r->n_files; i++) {
		struct root *root;

		if (t->r->files[i].by)
			continue;
		root = root_of(&roots, &n, &t->r->files[i]);
		root->count += t->brought.count[i];
		root->total += t->brought.total[i];
	}
	if (n)
		qsort(roots, n, sizeof(*roots), compare_roots);
	*ret_n = n;
	return roots;
}

static const char *root_name(enum reason kind)
{
	switch (kind) {
	case REASON_DECLARED:
		return "every appliance";
	case REASON_LAYER:
		return "the imported image";
	default:
		return "the recipe";
	}
}

static void print_root(const struct root *root)
{
	const struct reasons_file *f = root->first;
	cleanup_free char *package = package_shown(f->package), *detail = text_visible(f->detail);
	char total[16];

	print_line(str_from_size(root->total, total), "", "");
	if (f->kind == REASON_PACKAGE)
		printf("%spackage %s, all of it%s\n", term_bold(), package, term_off());
	else
		printf("%s%s%s%s%s\n", term_bold(), root_name(f->kind), *detail ? ": " : "", detail,
		       term_off());
}

static void walk_roots(const struct tree *t)
{
	cleanup_free struct root *roots = NULL;
	cleanup_free size_t *order = NULL;
	size_t n;

	roots = find_roots(t, &n);
	order = reasons_tree_roots(&t->brought);
	for (size_t k = 0; k < n; k++) {
		if (!t->list && (t->all || roots[k].count))
			print_root(&roots[k]);
		for (size_t *i = order; *i != SIZE_MAX; i++)
			if (is_shown(t, *i) && is_same_root(roots[k].first, &t->r->files[*i]))
				walk(t, *i, 1, "", "");
	}
}

static void show(struct tree *t, const struct reasons_file *from)
{
	if (!t->list)
		printf("%s%6s  %6s  %-11s  FILE%s\n", term_bold(), "TOTAL", "OWN", "REASON",
		       term_off());
	if (from)
		walk(t, (size_t)(from - t->r->files), 1, "", "");
	else
		walk_roots(t);
	if (t->list)
		print_json(t->list);
}

int cmd_tree(const struct args *args)
{
	cleanup_image_reasons struct image_reasons i = { 0 };
	cleanup_buf struct buf branch = BUF_INIT;
	cleanup_err struct err *err = NULL;
	const struct reasons_file *from = NULL;
	struct tree t = { .depth = DEPTH_MAX, .all = args_has(args, "all"), .branch = &branch };
	bool json;

	if (args_json(args, &json, &err) < 0 ||
	    args_number(args, "depth", DEPTH_MAX, &t.depth, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (image_reasons_open(args_word(args, 0), &i, &err) < 0 ||
	    (args_word(args, 1) && image_reasons_find(&i, args_word(args, 1), &from, &err) < 0))
		return report_error(err);
	t.r = i.reasons;
	t.list = json ? json_array() : NULL;
	reasons_tree_make(i.reasons, &t.brought);
	show(&t, from);
	reasons_tree_finish(&t.brought);
	json_decref(t.list);
	return 0;
}
