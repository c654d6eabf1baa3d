/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <string.h>
#include <time.h>

#include "fd.h"
#include "kernel.h"
#include "mem.h"
#include "str.h"

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void set_services(struct appliance *a, const struct recipe *r)
{
	a->n_services = r->n_provides;
	a->services = xcalloc(r->n_provides + 1, sizeof(*a->services));
	for (size_t i = 0; i < r->n_provides; i++) {
		a->services[i].name = xstrdup(r->provides[i].name);
		a->services[i].target = xstrdup(r->provides[i].target);
	}
}

/* A volume's first folder looks as the image's folder below it does: see declare.c. */
static void set_volumes(struct appliance *a, const struct recipe *r, const struct tree *tree)
{
	a->n_volumes = r->n_volumes;
	a->volumes = xcalloc(r->n_volumes + 1, sizeof(*a->volumes));
	for (size_t i = 0; i < r->n_volumes; i++) {
		cleanup_free char *path = NULL;
		const struct tree_node *node = NULL;

		if (tree_path(r->volumes[i].target, &path) == 0)
			node = tree_get(tree, path);
		a->volumes[i].name = xstrdup(r->volumes[i].name);
		a->volumes[i].target = xstrdup(r->volumes[i].target);
		a->volumes[i].owner = node ? node->uid : 0;
		a->volumes[i].group = node ? node->gid : 0;
		a->volumes[i].mode = node ? node->mode & 07777 : 0755;
	}
}

/* The tiny kernel has no PCI, which a full machine is made of: the spec refuses a recipe with both. */
static char **kinds_of(const struct recipe *r)
{
	char **kinds = strv_dup(r->needs_kinds);

	if (str_eq(r->kernel, KERNEL_TINY) && (!kinds || !*kinds)) {
		strv_append(&kinds, "light");
		strv_append(&kinds, "micro");
		strv_append(&kinds, "emulated");
	}
	return kinds;
}

static struct appliance *make_manifest(const struct pack *p)
{
	const struct recipe *r = p->recipe;
	struct appliance *a = xcalloc(1, sizeof(*a));

	a->name = xstrdup(r->name);
	a->version = dup_or_null(r->version);
	a->arch = xstrdup(p->arch);
	a->base = xstrdup(r->base);
	a->argv = strv_dup(r->argv);
	a->prepare = strv_dup(r->prepare);
	a->env = strv_dup(r->env);
	a->user = dup_or_null(r->user);
	a->workdir = dup_or_null(r->workdir);
	a->modules = strv_dup(p->modules);
	a->capabilities = strv_dup(r->capabilities);
	a->kinds = kinds_of(r);
	a->memory = r->needs_memory;
	a->kernel_version = dup_or_null(p->kernel_version);
	a->test = strv_dup(r->test);
	a->tested = dup_or_null(p->tested);
	a->verity = xstrdup(p->verity->root);
	a->verity_offset = p->verity->offset;
	set_services(a, r);
	set_volumes(a, r, p->tree);
	return a;
}

/* What is there before the root file system is; other images have the same. */
struct shared_file {
	const char *path; /* or NULL */
	struct store_blob *blob;
};

#define SHARED 4

static void list_shared(const struct pack *p, struct store_image *image,
			struct shared_file files[SHARED])
{
	files[0] = (struct shared_file){ p->kernel, &image->kernel };
	files[1] = (struct shared_file){ p->vmlinux, &image->vmlinux };
	files[2] = (struct shared_file){ p->initramfs, &image->initramfs };
	files[3] = (struct shared_file){ p->drivers, &image->drivers };
}

int pack_find(struct store *store, const struct pack *p, struct store_image *image,
	      struct err **err)
{
	struct shared_file files[SHARED];
	int r = 0;

	list_shared(p, image, files);
	for (size_t i = 0; r == 0 && i < SHARED; i++)
		if (files[i].path)
			r = store_find_file(store, files[i].path, files[i].blob, err);
	return r;
}

static int add_files(struct store *store, const struct pack *p, struct store_image *image,
		     struct err **err)
{
	struct shared_file files[SHARED];
	int r = store_add_file(store, p->rootfs, &image->rootfs, err);

	list_shared(p, image, files);
	for (size_t i = 0; r == 0 && i < SHARED; i++)
		if (files[i].path && !*files[i].blob->digest)
			r = store_add_file(store, files[i].path, files[i].blob, err);
	return r;
}

int pack_image(struct store *store, const struct pack *p, struct origins *origins,
	       struct store_image *image, struct err **err)
{
	int r;

	image->name = xstrdup(p->recipe->name);
	image->arch = xstrdup(p->arch);
	image->input = xstrdup(p->input);
	image->created = time(NULL);
	image->appliance = make_manifest(p);
	origins->bom.base = p->recipe->base;
	r = add_files(store, p, image, err);
	if (r == 0)
		r = origins_store(store, origins, image, err);
	return r < 0 ? r : store_put_image(store, image, err);
}

static bool blob_is_there(const struct store_blob *b)
{
	return !*b->digest || (b->path && file_exists(b->path));
}

bool pack_is_there(struct store *store, const char *name, const char *arch, const char *input,
		   bool tested)
{
	cleanup_free char *full = xasprintf("%s:%s", name, arch);
	struct store_image *image;
	bool there;

	if (store_get_image(store, full, &image, NULL) < 0)
		return false;
	there = str_eq(image->input, input) && (!tested || image->appliance->tested) &&
		blob_is_there(&image->rootfs) && blob_is_there(&image->kernel) &&
		blob_is_there(&image->vmlinux) && blob_is_there(&image->initramfs) &&
		blob_is_there(&image->drivers) && *image->reasons.digest &&
		blob_is_there(&image->reasons) && *image->spdx.digest &&
		blob_is_there(&image->spdx) && blob_is_there(&image->cyclonedx);
	store_image_free(image);
	return there;
}
