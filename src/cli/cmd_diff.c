/* SPDX-License-Identifier: MIT */
/*
 * atoll diff IMAGE IMAGE: files that came, went and changed, packages and their versions, and files that are
 * there for another reason now; all of it in one line at the end.
 */
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

/* A package of which one of the images has a file. */
struct package_change {
	const char *name;
	const char *before, *after; /* versions; NULL: nothing of it is there */
};

struct difference {
	const struct reasons *before, *after;
	struct reasons_change *changes;
	size_t n;
	struct package_change *packages;
	size_t n_packages;
	/* Folders do not count among the files, but their modes and reasons do. */
	size_t added, removed, changed, reasons;
	uint64_t added_bytes, removed_bytes;
	int64_t changed_bytes, all_bytes;
};

/* --- packages --- */

/* Which packages have files in the image, by their numbers. */
static bool *packages_held(const struct reasons *r)
{
	bool *held = xcalloc(r->n_packages + 1, sizeof(*held));

	for (size_t i = 0; i < r->n_files; i++)
		if (package_is_real(r->files[i].package))
			held[r->files[i].package - r->packages] = true;
	return held;
}

static void add_package(struct difference *d, const char *name, const char *before,
			const char *after)
{
	d->packages = xreallocarray(d->packages, d->n_packages + 1, sizeof(*d->packages));
	d->packages[d->n_packages++] = (struct package_change){ name, before, after };
}

static int compare_packages(const void *a, const void *b)
{
	return strcmp(((const struct package_change *)a)->name,
		      ((const struct package_change *)b)->name);
}

static void compare_held(struct difference *d, const bool *before, const bool *after)
{
	for (size_t i = 0; i < d->before->n_packages; i++) {
		const struct reasons_package *p = &d->before->packages[i];
		const struct reasons_package *q = reasons_package_find(d->after, p->name);
		bool there = q && after[q - d->after->packages];

		if (before[i] && (!there || !str_eq(p->version, q->version)))
			add_package(d, p->name, p->version, there ? q->version : NULL);
	}
	for (size_t i = 0; i < d->after->n_packages; i++) {
		const struct reasons_package *p = &d->after->packages[i];
		const struct reasons_package *q = reasons_package_find(d->before, p->name);

		if (after[i] && !(q && before[q - d->before->packages]))
			add_package(d, p->name, NULL, p->version);
	}
	if (d->n_packages)
		qsort(d->packages, d->n_packages, sizeof(*d->packages), compare_packages);
}

/* --- files --- */

static bool is_file(const struct reasons_change *c)
{
	return !S_ISDIR(c->before ? c->before->mode : c->after->mode) ||
	       (c->after && !S_ISDIR(c->after->mode));
}

static bool is_changed(const struct reasons_change *c)
{
	return c->before && c->after && (c->content || c->mode);
}

static void count(struct difference *d, const struct reasons_change *c)
{
	int64_t before = c->before ? (int64_t)c->before->size : 0;
	int64_t after = c->after ? (int64_t)c->after->size : 0;

	d->all_bytes += after - before;
	d->reasons += c->before && c->after && c->reason;
	if (!c->before && is_file(c)) {
		d->added++;
		d->added_bytes += (uint64_t)after;
	} else if (!c->after && is_file(c)) {
		d->removed++;
		d->removed_bytes += (uint64_t)before;
	} else if (is_changed(c)) {
		d->changed++;
		d->changed_bytes += after - before;
	}
}

static void compare(const struct reasons *before, const struct reasons *after,
		    struct difference *ret)
{
	struct difference d = { .before = before, .after = after };
	cleanup_free bool *held_before = packages_held(before), *held_after = packages_held(after);

	d.changes = reasons_diff(before, after, &d.n);
	for (size_t i = 0; i < d.n; i++)
		count(&d, &d.changes[i]);
	compare_held(&d, held_before, held_after);
	*ret = d;
}

/* --- tables --- */

/* "+1.5M", "-20B", "0B"; buf of at least 18 bytes. */
static const char *signed_size(int64_t bytes, char *buf)
{
	char size[16];

	str_from_size((uint64_t)(bytes < 0 ? -bytes : bytes), size);
	snprintf(buf, 18, "%s%s", bytes < 0 ? "-" : bytes > 0 ? "+" : "", size);
	return buf;
}

/* What is different about a file that both have: "content", "mode 644 to 755", "link to …". */
static char *what_changed(const struct reasons_change *c)
{
	const struct reasons_file *a = c->before, *b = c->after;
	cleanup_free char *target = text_visible(b->content);
	cleanup_free char *mode = NULL;

	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return xstrdup("another type of file");
	if (c->mode)
		mode = xasprintf("mode %o to %o", a->mode & 07777U, b->mode & 07777U);
	if (c->content && S_ISLNK(b->mode))
		return xasprintf("leads to %s", target);
	return xasprintf("%s%s%s", c->content ? "content" : "", c->content && mode ? ", " : "",
			 mode ? mode : "");
}

static void add_file(struct table *t, const struct reasons_change *c)
{
	const struct reasons_file *f = c->after ? c->after : c->before;
	cleanup_free char *path = path_shown(f->path), *what = NULL;
	char text[18];

	if (!c->before) {
		table_add_styled(t, term_green(), "+");
		table_add(t, signed_size((int64_t)f->size, text));
	} else if (!c->after) {
		table_add_styled(t, term_red(), "-");
		table_add(t, signed_size(-(int64_t)f->size, text));
	} else {
		table_add_styled(t, term_yellow(), "~");
		table_add(t, signed_size((int64_t)c->after->size - (int64_t)c->before->size, text));
		what = what_changed(c);
	}
	table_add(t, path);
	table_add_styled(t, term_dim(), what ? what : f->package->name);
}

static void print_files(const struct difference *d)
{
	static const char *const titles[] = { " ", ">SIZE", "FILE", "PACKAGE OR CHANGE", NULL };
	struct table t;

	table_init(&t, titles);
	for (size_t i = 0; i < d->n; i++)
		if ((!d->changes[i].before || !d->changes[i].after) ? is_file(&d->changes[i])
								    : is_changed(&d->changes[i]))
			add_file(&t, &d->changes[i]);
	table_print(&t);
	printf("\n");
}

static void print_packages(const struct difference *d)
{
	static const char *const titles[] = { "PACKAGE", "BEFORE", "AFTER", NULL };
	struct table t;

	table_init(&t, titles);
	for (size_t i = 0; i < d->n_packages; i++) {
		table_add(&t, d->packages[i].name);
		table_add(&t, d->packages[i].before);
		table_add(&t, d->packages[i].after);
	}
	table_print(&t);
	printf("\n");
}

static void print_reason(const char *sign, const char *style, const struct reasons_file *f)
{
	cleanup_free char *sentence = reason_sentence(f), *shown = text_visible(sentence);

	printf("  %s%s%s %s\n", style, sign, term_off(), shown);
}

static void print_reasons(const struct difference *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct reasons_change *c = &d->changes[i];
		cleanup_free char *path = NULL;

		if (!c->before || !c->after || !c->reason)
			continue;
		path = path_shown(c->after->path);
		printf("%s\n", path);
		print_reason("-", term_red(), c->before);
		print_reason("+", term_green(), c->after);
	}
	printf("\n");
}

/* "3 files added", and nothing when there are none. */
static void add_count(struct buf *out, size_t n, const char *noun, const char *verb,
		      const char *size)
{
	if (n)
		buf_printf(out, "%s%zu %s%s %s%s%s%s", out->len ? ", " : "", n, noun,
			   n == 1 ? "" : "s", verb, size ? " (" : "", size ? size : "",
			   size ? ")" : "");
}

static char *summary(const struct difference *d)
{
	struct buf out = BUF_INIT;
	char size[18];

	add_count(&out, d->added, "file", "added", str_from_size(d->added_bytes, size));
	add_count(&out, d->removed, "file", "removed", str_from_size(d->removed_bytes, size));
	add_count(&out, d->changed, "file", "changed", signed_size(d->changed_bytes, size));
	add_count(&out, d->n_packages, "package", "changed", NULL);
	add_count(&out, d->reasons, "reason", "changed", NULL);
	return buf_steal_str(&out);
}

static bool is_same(const struct difference *d)
{
	return !d->added && !d->removed && !d->changed && !d->n_packages && !d->reasons;
}

/* Owners, and the order of bytes in the file system, are not in the reasons. */
static void print_summary(const struct difference *d, const struct image_reasons *a,
			  const struct image_reasons *b)
{
	cleanup_free char *text = summary(d);
	char size[18];

	if (!is_same(d))
		printf("%s: %s in all\n", text, signed_size(d->all_bytes, size));
	else if (str_eq(a->image->rootfs.digest, b->image->rootfs.digest))
		printf("no difference between their files\n");
	else
		printf("no difference between their files but for owners or settings\n");
}

/* --- JSON --- */

static json_t *change_json(const struct reasons_change *c)
{
	const struct reasons_file *f = c->after ? c->after : c->before;
	json_t *what = json_array();

	if (c->before && c->after) {
		if (c->content)
			json_array_append_new(what, json_string("content"));
		if (c->mode)
			json_array_append_new(what, json_string("mode"));
		if (c->reason)
			json_array_append_new(what, json_string("reason"));
	} else {
		json_array_append_new(what, json_string(c->after ? "added" : "removed"));
	}
	return json_pack("{s:o, s:o, s:o*, s:o*}", "path", json_path(f->path), "change", what,
			 "before", c->before ? file_json(c->before) : NULL, "after",
			 c->after ? file_json(c->after) : NULL);
}

static void print_all_json(const struct difference *d)
{
	json_t *files = json_array(), *packages = json_array(), *o;
	cleanup_free char *text = summary(d);

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(files, change_json(&d->changes[i]));
	for (size_t i = 0; i < d->n_packages; i++)
		json_array_append_new(packages, json_pack("{s:o, s:s*, s:s*}", "name",
							  json_text(d->packages[i].name), "before",
							  d->packages[i].before, "after",
							  d->packages[i].after));
	o = json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:s}", "files", files, "packages",
		      packages, "added", (json_int_t)d->added, "removed", (json_int_t)d->removed,
		      "changed", (json_int_t)d->changed, "reasons", (json_int_t)d->reasons, "size",
		      (json_int_t)d->all_bytes, "summary", text);
	print_json(o);
	json_decref(o);
}

static void print_all(const struct difference *d, const struct image_reasons *a,
		      const struct image_reasons *b)
{
	if (d->added || d->removed || d->changed)
		print_files(d);
	if (d->n_packages)
		print_packages(d);
	if (d->reasons)
		print_reasons(d);
	print_summary(d, a, b);
}

int cmd_diff(const struct args *args)
{
	cleanup_image_reasons struct image_reasons a = { 0 }, b = { 0 };
	cleanup_err struct err *err = NULL;
	unsigned long status = 0;
	struct difference d;
	bool json, same;

	if (args_json(args, &json, &err) < 0 ||
	    args_number(args, "exit-code", 255, &status, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (image_reasons_open(args_word(args, 0), &a, &err) < 0 ||
	    image_reasons_open(args_word(args, 1), &b, &err) < 0)
		return report_error(err);
	compare(a.reasons, b.reasons, &d);
	if (json)
		print_all_json(&d);
	else
		print_all(&d, &a, &b);
	same = is_same(&d);
	free(d.changes);
	free(d.packages);
	return same ? 0 : (int)status;
}
