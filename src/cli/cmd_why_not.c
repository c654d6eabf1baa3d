/* SPDX-License-Identifier: MIT */
/*
 * atoll why-not IMAGE PATH|PACKAGE: what the builder had in its hands and left out, what would have brought
 * it, and what never was there.
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

/* --- a file --- */

static bool is_folder(const struct reasons_file *f)
{
	return S_ISDIR(f->mode);
}

static bool is_library(const struct reasons_file *f)
{
	return strstr(f->path, ".so.") || str_ends(f->path, ".so");
}

static bool is_module(const struct reasons_file *f)
{
	return str_ends(f->path, ".py") || str_ends(f->path, ".pm") || str_ends(f->path, ".pl");
}

static bool is_config(const struct reasons_file *f)
{
	return str_starts(f->path, "etc/");
}

static bool is_program(const struct reasons_file *f)
{
	return S_ISREG(f->mode) && (f->mode & 0111);
}

static bool is_any(const struct reasons_file *f)
{
	(void)f;
	return true;
}

/* What brings files of the kind that it is; the first that fits. */
static const struct {
	bool (*fits)(const struct reasons_file *f);
	const char *what;
} ways[] = {
	{ is_folder, "A folder comes with a file in it, or when a file that is kept names it." },
	{ is_library, "A library comes when a program or library that is kept needs it, or names "
		      "it to open it." },
	{ is_module, "A module comes when a program or module that is kept imports it." },
	{ is_config, "Configuration comes when a file that is kept names it, or its package's "
		     "program is kept." },
	{ is_program, "A program comes when the recipe's run or prepare, or a file that is kept, "
		      "runs or names it." },
	{ is_any, "A file comes when a file that is kept names it." },
};

static const char *way_of(const struct reasons_file *f)
{
	for (size_t i = 0;; i++)
		if (ways[i].fits(f))
			return ways[i].what;
}

/* Where the chain of what would have brought it begins: the edge that is missing is to that. */
static const struct reasons_file *head_of(const struct image_reasons *i,
					  const struct reasons_file *f)
{
	while (f->by && f->kind != REASON_EXCLUDED && !reasons_find(i->reasons, f->by->path))
		f = f->by;
	return f;
}

/* Of what nothing asked for, and no rule keeps out, the recipe may ask. */
static bool may_be_kept(const struct reasons_file *f)
{
	return f->kind == REASON_NONE && !*f->detail;
}

static void print_file(const struct image_reasons *i, const struct reasons_file *f)
{
	const struct reasons_file *head = head_of(i, f);
	cleanup_free char *path = path_shown(f->path), *package = package_shown(f->package);
	char size[16];

	printf("%s%s%s: %s of %s, left out\n", term_bold(), path, term_off(),
	       S_ISDIR(f->mode) ? "a folder" : str_from_size(f->size, size), package);
	for (const struct reasons_file *at = f; at; at = at->by)
		print_sentence("  ", at);
	if (may_be_kept(head))
		printf("  %s\n  'keep: %s' in the recipe brings it as well.\n", way_of(head), path);
}

static int answer_file(const struct image_reasons *i, const struct reasons_file *f, bool json)
{
	json_t *o;

	if (!json) {
		print_file(i, f);
		return 0;
	}
	o = file_json(f);
	json_object_set_new(o, "chain", chain_json(f));
	if (may_be_kept(head_of(i, f)))
		json_object_set_new(o, "way", json_string(way_of(head_of(i, f))));
	print_json(o);
	json_decref(o);
	return 0;
}

static int unseen_file(const struct image_reasons *i, const char *path, struct err **err)
{
	cleanup_free char *shown = path_shown(path + strspn(path, "/"));
	const char *nearest = reasons_nearest(i->reasons, path, true);
	cleanup_free char *other = nearest ? path_shown(nearest) : NULL;

	return err_set(err, ENOENT, "%s is in none of the packages of appliance \"%s\"%s%s%s",
		       shown, i->image->name, other ? "; did you mean " : "", other ? other : "",
		       other ? "?" : "");
}

static int ask_file(const struct image_reasons *i, const char *path, bool json, struct err **err)
{
	cleanup_free char *real = path_meant(i, path);
	const struct reasons_file *f = real ? reasons_find_left(i->reasons, real) : NULL;
	cleanup_free char *shown = NULL;

	if (f)
		return answer_file(i, f, json);
	f = real ? reasons_find(i->reasons, real) : NULL;
	if (!f)
		return unseen_file(i, real ? real : path, err);
	shown = path_shown(f->path);
	return err_set(err, EEXIST, "%s is in appliance \"%s\" ('atoll why %s %s' tells why)",
		       shown, i->image->name, i->image->name, shown);
}

/* --- a package --- */

/* How much of a package is in the image, and how much is not; folders do not count. */
struct share {
	const struct reasons_package *package;
	size_t kept, left;
	uint64_t kept_bytes, left_bytes;
};

static bool counts(const struct share *s, const struct reasons_file *f)
{
	return f->package == s->package && !S_ISDIR(f->mode);
}

static void count(const struct reasons *r, struct share *s)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (counts(s, &r->files[i])) {
			s->kept++;
			s->kept_bytes += r->files[i].size;
		}
	for (size_t i = 0; i < r->n_left; i++)
		if (counts(s, &r->left[i])) {
			s->left++;
			s->left_bytes += r->left[i].size;
		}
}

static void print_share(const struct image_reasons *i, const struct share *s)
{
	static const char *const titles[] = { ">SIZE", "LEFT OUT", "IT", NULL };
	cleanup_free char *package = package_shown(s->package);
	char kept[16], left[16];
	struct table t;

	str_from_size(s->kept_bytes, kept);
	str_from_size(s->left_bytes, left);
	printf("Of %s, appliance \"%s\" has ", package, i->image->name);
	if (s->kept)
		printf("%zu file%s (%s), and not %s %zu (%s):\n", s->kept, str_plural(s->kept),
		       kept, s->left == 1 ? "this" : "these", s->left, left);
	else
		printf("nothing; %zu file%s (%s) %s left out:\n", s->left, str_plural(s->left),
		       left, s->left == 1 ? "was" : "were");
	table_init(&t, titles);
	for (size_t n = 0; n < i->reasons->n_left; n++) {
		const struct reasons_file *f = &i->reasons->left[n];
		cleanup_free char *path = path_shown(f->path), *why = NULL, *shown = NULL;

		if (!counts(s, f))
			continue;
		why = reason_sentence(f);
		shown = text_visible(why);
		table_add(&t, str_from_size(f->size, kept));
		table_add(&t, path);
		table_add_styled(&t, term_dim(), shown);
	}
	table_print(&t);
}

static void print_share_json(const struct image_reasons *i, const struct share *s)
{
	json_t *files = json_array(), *o;

	for (size_t n = 0; n < i->reasons->n_left; n++)
		if (counts(s, &i->reasons->left[n]))
			json_array_append_new(files, file_json(&i->reasons->left[n]));
	o = json_pack("{s:o, s:o, s:{s:I, s:I}, s:{s:I, s:I}, s:o}", "package",
		      json_text(s->package->name), "version", json_text(s->package->version),
		      "kept", "files", (json_int_t)s->kept, "size", (json_int_t)s->kept_bytes,
		      "left_out", "files", (json_int_t)s->left, "size", (json_int_t)s->left_bytes,
		      "files", files);
	print_json(o);
	json_decref(o);
}

static int unseen_package(const struct image_reasons *i, const char *name, struct err **err)
{
	cleanup_free const char **names = xcalloc(i->reasons->n_packages + 1, sizeof(const char *));
	const char *nearest;
	size_t n = 0;

	for (size_t k = 0; k < i->reasons->n_packages; k++)
		if (package_is_real(&i->reasons->packages[k]))
			names[n++] = i->reasons->packages[k].name;
	nearest = str_nearest(name, names);
	if (nearest)
		return err_set(err, ENOENT,
			       "package \"%s\" is none of those that appliance \"%s\" was made of; "
			       "did you mean \"%s\"?",
			       name, i->image->name, nearest);
	return err_set(err, ENOENT,
		       "package \"%s\" is none of those that appliance \"%s\" was made of: neither "
		       "the recipe nor another package asks for it",
		       name, i->image->name);
}

static int ask_package(const struct image_reasons *i, const char *name, bool json, struct err **err)
{
	struct share s = { .package = reasons_package_find(i->reasons, name) };

	if (!s.package || !package_is_real(s.package))
		return unseen_package(i, name, err);
	count(i->reasons, &s);
	if (!s.left && s.kept)
		return err_set(err, EEXIST,
			       "appliance \"%s\" has all of package \"%s\", %zu file%s",
			       i->image->name, name, s.kept, str_plural(s.kept));
	if (!s.left)
		return err_set(
			err, ENOENT,
			"package \"%s\" has no files of which appliance \"%s\" could be made", name,
			i->image->name);
	if (json)
		print_share_json(i, &s);
	else
		print_share(i, &s);
	return 0;
}

/* What is there, or never was in the builder's hands: an answer too, with a status that says so. */
static void print_other_json(const char *key, const char *what, int r, const struct err *err)
{
	json_t *o =
		json_pack("{s:o, s:s, s:o}", key, json_text(what), "reason",
			  r == -EEXIST ? "kept" : "unknown", "sentence", json_text(err_msg(err)));

	print_json(o);
	json_decref(o);
}

int cmd_why_not(const struct args *args)
{
	cleanup_image_reasons struct image_reasons i = { 0 };
	cleanup_err struct err *err = NULL;
	const char *what = args_word(args, 1);
	bool json, is_path = strchr(what, '/');
	int r;

	if (args_json(args, &json, &err) < 0) {
		report_error(err);
		return EXIT_USAGE;
	}
	if (image_reasons_open(args_word(args, 0), &i, &err) < 0)
		return report_error(err);
	r = is_path ? ask_file(&i, what, json, &err) : ask_package(&i, what, json, &err);
	if (r < 0 && json)
		print_other_json(is_path ? "path" : "package", what, r, err);
	return r < 0 ? report_error(err) : 0;
}
