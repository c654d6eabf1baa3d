/* SPDX-License-Identifier: MIT */
#include "image_reasons.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "local_store.h"
#include "mem.h"
#include "output.h"
#include "str.h"
#include "term.h"

static int load(struct image_reasons *i, struct err **err)
{
	int r = i->image->rootfs.path
			? reasons_load(i->image->reasons.path, &i->reasons, err)
			: err_set(err, ENOENT, "it is a kernel alone, and has no files");

	return r < 0 ? err_prefix(err, "appliance \"%s\"", i->image->name) : 0;
}

int image_reasons_open(const char *name, struct image_reasons *ret, struct err **err)
{
	struct image_reasons i = { 0 };
	int r = local_store_open(&i.store, err);

	if (r == 0)
		r = store_get_image(i.store, name, &i.image, err);
	if (r == 0)
		r = load(&i, err);
	if (r < 0)
		image_reasons_close(&i);
	else
		*ret = i;
	return r;
}

void image_reasons_close(struct image_reasons *i)
{
	reasons_free(i->reasons);
	store_image_free(i->image);
	store_close(i->store);
}

static int not_there(const struct image_reasons *i, const char *path, const char *real,
		     struct err **err)
{
	cleanup_free char *shown = path_shown(path + strspn(path, "/"));
	const char *name = i->image->name, *nearest;

	if (real && reasons_find_left(i->reasons, real))
		return err_set(err, ENOENT,
			       "appliance \"%s\" has no %s: it was left out ('atoll why-not %s "
			       "%s' tells more)",
			       name, shown, name, shown);
	nearest = reasons_nearest(i->reasons, real ? real : path, false);
	if (nearest) {
		cleanup_free char *other = path_shown(nearest);

		return err_set(err, ENOENT, "appliance \"%s\" has no %s; did you mean %s?", name,
			       shown, other);
	}
	return err_set(err, ENOENT, "appliance \"%s\" has no %s; 'atoll tree %s' lists its files",
		       name, shown, name);
}

static bool is_known(const struct image_reasons *i, const char *path)
{
	return path && (reasons_find(i->reasons, path) || reasons_find_left(i->reasons, path));
}

char *path_meant(const struct image_reasons *i, const char *given)
{
	char *real = reasons_real_path(i->reasons, given);
	cleanup_free char *plain = NULL, *other = NULL;

	if (is_known(i, real) || !strchr(given, '\\'))
		return real;
	plain = text_from_visible(given);
	other = reasons_real_path(i->reasons, plain);
	if (!is_known(i, other))
		return real;
	free(real);
	return steal_ptr(other);
}

int image_reasons_find(const struct image_reasons *i, const char *path,
		       const struct reasons_file **ret, struct err **err)
{
	cleanup_free char *real = path_meant(i, path);
	const struct reasons_file *f = real ? reasons_find(i->reasons, real) : NULL;

	if (!f)
		return not_there(i, path, real, err);
	*ret = f;
	return 0;
}

char *path_shown(const char *path)
{
	cleanup_free char *full = xasprintf("/%s", path);

	return text_visible(full);
}

void print_sentence(const char *indent, const struct reasons_file *f)
{
	cleanup_free char *path = path_shown(f->path);
	cleanup_free char *sentence = reason_sentence(f), *shown = text_visible(sentence);

	printf("%s%s %s.\n", indent, path, shown);
}

bool package_is_real(const struct reasons_package *p)
{
	return !str_eq(p->name, "recipe") && !str_eq(p->name, "atoll");
}

char *package_shown(const struct reasons_package *p)
{
	cleanup_free char *text = NULL;

	if (str_eq(p->name, "recipe"))
		return xstrdup("the recipe");
	if (str_eq(p->name, "atoll"))
		return xstrdup("Atoll");
	text = xasprintf("%s%s%s", p->name, *p->version ? " " : "", p->version);
	return text_visible(text);
}

json_t *file_json(const struct reasons_file *f)
{
	cleanup_free char *sentence = reason_sentence(f);
	json_t *o =
		json_pack("{s:o, s:i, s:I, s:o, s:o, s:s, s:o}", "path", json_path(f->path), "mode",
			  (int)f->mode, "size", (json_int_t)f->size, "package",
			  json_text(f->package->name), "version", json_text(f->package->version),
			  "reason", reason_name(f->kind), "sentence", json_text(sentence));

	if (*f->detail)
		json_object_set_new(o, "detail", json_text(f->detail));
	if (*f->content)
		json_object_set_new(o, S_ISLNK(f->mode) ? "target" : "content",
				    json_text(f->content));
	if (f->by)
		json_object_set_new(o, "by", json_path(f->by->path));
	return o;
}

json_t *chain_json(const struct reasons_file *f)
{
	json_t *list = json_array();

	for (; f; f = f->by)
		json_array_append_new(list, file_json(f));
	return list;
}
