/* SPDX-License-Identifier: MIT */
#include "update.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "debversion.h"
#include "fd.h"
#include "held.h"
#include "kernel.h"
#include "lock.h"
#include "log.h"
#include "mem.h"
#include "selection.h"
#include "str.h"

/* One package that is another, or there, or gone. */
struct change {
	const char *name, *from, *to; /* NULL: not there */
	int files;                    /* of it in the image; -1: unknown */
};

static json_t *change_json(const char *key, const char *subject, const struct change *c)
{
	return json_pack("{s:s, s:s, s:s?, s:s?, s:o}", key, subject, "package", c->name, "from",
			 c->from, "to", c->to, "files",
			 c->files < 0 ? json_null() : json_integer(c->files));
}

/* Locks */

static void print_change(const struct change *c)
{
	if (!c->from)
		printf("  + %s %s", c->name, c->to);
	else if (!c->to)
		printf("  - %s %s", c->name, c->from);
	else if (str_eq(c->from, c->to))
		printf("  %s %s, another file of that version", c->name, c->to);
	else
		printf("  %s %s -> %s", c->name, c->from, c->to);
	if (!c->from || !c->to || c->files < 0)
		putchar('\n');
	else if (c->files == 0)
		printf(" (no file of the appliance)\n");
	else
		printf(" (%d file%s of the appliance)\n", c->files, str_plural((size_t)c->files));
}

/* What moving a lock changes. */
struct report {
	const char *subject; /* the recipe's file */
	json_t *json;        /* or NULL: for people */
	struct held *held;   /* or NULL */
	size_t n;
};

static void report(struct report *r, const struct package *from, const struct package *to)
{
	struct change c = { .name = to ? to->name : from->name,
			    .from = from ? from->version : NULL,
			    .to = to ? to->version : NULL,
			    .files = -1 };

	if (from && to && str_eq(from->name, to->name) && str_eq(from->sha256, to->sha256))
		return;
	if (r->held && from)
		c.files = (int)held_files(r->held, from->name);
	r->n++;
	if (r->json)
		json_array_append_new(r->json, change_json("recipe", r->subject, &c));
	else
		print_change(&c);
}

/* Another package may have the kernel by now, or another one be it. */
static void report_one(struct report *r, const struct package *from, const struct package *to)
{
	if (from->name && to->name && str_eq(from->name, to->name)) {
		report(r, from, to);
		return;
	}
	if (from->name)
		report(r, from, NULL);
	if (to->name)
		report(r, NULL, to);
}

static void report_changes(struct report *r, const struct lock *from, const struct lock *to)
{
	const struct package_list *a = &from->packages, *b = &to->packages;
	size_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		int c = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->items[i].name, b->items[j].name);

		report(r, c <= 0 ? &a->items[i] : NULL, c >= 0 ? &b->items[j] : NULL);
		i += c <= 0;
		j += c >= 0;
	}
	if (!package_list_find(b, to->users.name))
		report_one(r, &from->users, &to->users);
	report_one(r, &from->kernel, &to->kernel);
}

static struct held *held_of(struct builder *b, const struct recipe *recipe, const char *arch)
{
	cleanup_free char *name = xasprintf("%s:%s", recipe->name, arch);
	struct store_image *image;
	struct held *h;

	if (store_get_image(b->store, name, &image, NULL) < 0)
		return NULL;
	h = held_open(image);
	store_image_free(image);
	return h;
}

static void say_changes(struct builder *b, const struct recipe *recipe, const struct lock *old,
			const struct lock *new, const char *path)
{
	struct report r = { .subject = recipe->file,
			    .json = b->json,
			    .held = held_of(b, recipe, new->arch) };
	const struct lock none = { 0 };

	if (!b->json && !old)
		printf("%s: %s made for %s: %zu packages\n", recipe->name, path, new->arch,
		       new->packages.n);
	else if (!b->json)
		printf("%s: %s\n", recipe->name, path);
	if (b->json || old)
		report_changes(&r, old ? old : &none, new);
	if (!b->json && old && !r.n)
		printf("  unchanged\n");
	held_close(r.held);
}

static int write_lock(const struct recipe *recipe, const char *path, struct lock_file *file,
		      struct lock *lock, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;

	lock_file_put(file, lock);
	lock_file_format(file, recipe->file, &text);
	return file_write_atomic(path, buf_bytes(&text), text.len, 0644, err);
}

static int resolve(struct builder *b, const struct recipe *recipe, struct lock *ret,
		   bool *ret_mistake, struct err **err)
{
	const char *arch = selection_arch(b, recipe, err);
	struct progress progress;
	int r;

	if (!arch) {
		*ret_mistake = true;
		return -EINVAL;
	}
	progress_init(&progress, recipe->name, b->quiet);
	r = selection_resolve(b, recipe, arch, &progress, ret, ret_mistake, err);
	progress_clear(&progress);
	progress_finish(&progress);
	return r;
}

int update_lock(struct builder *b, const struct recipe *recipe, bool *ret_mistake, struct err **err)
{
	cleanup_free char *path = lock_path(recipe->file);
	struct lock_file file;
	struct lock lock;
	int r = lock_file_read(path, &file, err);

	*ret_mistake = r == -EBADMSG;
	if (r < 0)
		return r;
	r = resolve(b, recipe, &lock, ret_mistake, err);
	if (r == 0) {
		say_changes(b, recipe, lock_file_find(&file, lock.arch), &lock, path);
		r = write_lock(recipe, path, &file, &lock, err);
		lock_finish(&lock);
	}
	lock_file_finish(&file);
	return r;
}

/* Fixes */

/* Debian's kernels have their version in the name: the newest one is another package. */
static int find_offer(struct builder *b, const struct store_image *image,
		      const struct appliance_package *p, struct package *ret)
{
	const char *kernel = kernel_of(p->name, image->arch);

	if (kernel)
		return kernel_resolve(b->universe, kernel, image->arch, ret, NULL);
	return universe_find(b->universe, p->name, ret, NULL);
}

/* Prints what is newer; the image's name stands before the first of them. */
static void print_fix(struct builder *b, const struct store_image *image, const struct change *c,
		      size_t n)
{
	if (b->json) {
		json_array_append_new(b->json, change_json("image", image->name, c));
		return;
	}
	if (n == 0)
		printf("%s:%s\n", image->name, image->arch);
	print_change(c);
}

/* How many lines it was: one or none. */
static size_t check_package(struct builder *b, const struct store_image *image,
			    const struct held *held, const struct appliance_package *p, size_t n)
{
	bool kernel = kernel_of(p->name, image->arch);
	struct change c = { .name = p->name, .from = p->version, .files = -1 };
	struct package offer;
	bool newer;

	if (held && !kernel)
		c.files = (int)held_files(held, p->name);
	if (c.files == 0 || find_offer(b, image, p, &offer) < 0)
		return 0;
	c.to = offer.version;
	newer = debversion_compare(offer.version, p->version) > 0;
	if (newer)
		print_fix(b, image, &c, n);
	package_finish(&offer);
	return newer;
}

/* Adds to *ret_n how many there are. */
static int check_image(struct builder *b, const struct store_image *image, size_t *ret_n,
		       struct err **err)
{
	const struct appliance *a = image->appliance;
	struct progress progress;
	struct held *held;
	size_t n = 0;
	int r;

	progress_init(&progress, image->name, b->quiet);
	r = selection_open_universe(b, a->base, image->arch, &progress, err);
	progress_clear(&progress);
	progress_finish(&progress);
	if (r < 0)
		return err_prefix(err, "appliance \"%s\"", image->name);
	held = held_open(image);
	for (size_t i = 0; i < a->n_packages; i++)
		n += check_package(b, image, held, &a->packages[i], n);
	held_close(held);
	*ret_n += n;
	return 0;
}

/* The digests of the images that are named, each of which has to be there. */
static int find_named(struct builder *b, char *const *names, char ***ret, struct err **err)
{
	for (; names && *names; names++) {
		struct store_image *image;
		int r = store_get_image(b->store, *names, &image, err);

		if (r < 0)
			return r;
		strv_append(ret, image->digest);
		store_image_free(image);
	}
	return 0;
}

int update_fixes(struct builder *b, char *const *names, bool *ret_mistake, struct err **err)
{
	cleanup_strv char **named = NULL;
	struct store_image **images;
	size_t n, fixes = 0;
	bool any = false;
	int r = find_named(b, names, &named, err);

	*ret_mistake = r == -ENOENT;
	if (r == 0)
		r = store_list_images(b->store, &images, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct store_image *image = images[i];

		if (image->damage || (b->arch && !str_eq(b->arch, image->arch)) ||
		    (named && !strv_has(named, image->digest)))
			continue;
		any = true;
		if (image->appliance->base)
			r = check_image(b, image, &fixes, err);
		else if (named)
			log_warn("appliance \"%s\" is of no recipe: which indexes its packages are "
				 "in is unknown",
				 image->name);
	}
	store_images_free(images, n);
	if (r == 0 && !any && b->arch) {
		*ret_mistake = true;
		r = err_set(err, ENOENT, "there is no %s for %s; 'atoll images' lists those there",
			    named ? "such appliance" : "appliance", b->arch);
	}
	if (r == 0 && !fixes && !b->json)
		printf("none\n");
	return r;
}
