/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <string.h>
#include <time.h>

#include "explain.h"
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

/* Those of which something is in the image. */
static void set_packages(struct appliance *a, const struct bom *bom)
{
	a->n_packages = bom->n;
	a->packages = xcalloc(bom->n + 1, sizeof(*a->packages));
	for (size_t i = 0; i < bom->n; i++) {
		const struct package *p = bom->packages[i].package;

		a->packages[i].name = xstrdup(p->name);
		a->packages[i].version = xstrdup(p->version);
		a->packages[i].arch = xstrdup(p->arch);
		a->packages[i].source = xstrdup(bom_source(p));
		a->packages[i].source_version = xstrdup(bom_source_version(p));
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

static struct appliance *make_manifest(const struct pack *p, const struct bom *bom)
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
	set_packages(a, bom);
	return a;
}

static int add_blob(struct store *store, const char *path, struct store_blob *blob,
		    struct err **err)
{
	return path ? store_add_file(store, path, blob, err) : 0;
}

static int add_bytes(struct store *store, const struct buf *bytes, struct store_blob *blob,
		     struct err **err)
{
	struct store_writer *w;
	int r = store_writer_begin(store, &w, err);

	if (r < 0)
		return r;
	r = store_writer_write(w, buf_bytes(bytes), bytes->len, err);
	if (r < 0) {
		store_writer_abort(w);
		return r;
	}
	return store_writer_commit(w, blob, err);
}

static int make_bom(const struct pack *p, struct bom *bom, struct err **err)
{
	int r = bom_make(p->tree, p->packages, p->kernel_package, bom, err);

	if (r < 0)
		return r;
	bom->name = p->recipe->name;
	bom->version = p->recipe->version;
	bom->arch = p->arch;
	bom->base = p->recipe->base;
	return 0;
}

int pack_describe(const struct pack *p, struct description *ret, struct err **err)
{
	struct description d = { .reasons = BUF_INIT };
	int r = make_bom(p, &d.bom, err);

	if (r == 0)
		r = explain(p->tree, p->left, p->packages, &d.bom, &d.reasons, err);
	if (r < 0)
		description_finish(&d);
	else
		*ret = d;
	return r;
}

void description_finish(struct description *d)
{
	bom_finish(&d->bom);
	buf_free(&d->reasons);
}

static int add_boms(struct store *store, const struct bom *bom, struct store_image *image,
		    struct err **err)
{
	cleanup_buf struct buf spdx = BUF_INIT, cyclonedx = BUF_INIT;
	int r;

	bom_write_spdx(bom, &spdx);
	r = add_bytes(store, &spdx, &image->spdx, err);
	if (r < 0)
		return r;
	bom_write_cyclonedx(bom, &cyclonedx);
	return add_bytes(store, &cyclonedx, &image->cyclonedx, err);
}

static int add_files(struct store *store, const struct pack *p, struct store_image *image,
		     struct err **err)
{
	const struct {
		const char *path;
		struct store_blob *blob;
	} files[] = {
		{ p->rootfs, &image->rootfs },   { p->kernel, &image->kernel },
		{ p->vmlinux, &image->vmlinux }, { p->initramfs, &image->initramfs },
		{ p->drivers, &image->drivers },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = add_blob(store, files[i].path, files[i].blob, err);
	return r;
}

int pack_image(struct store *store, const struct pack *p, struct description *d, struct err **err)
{
	struct store_image *image = xcalloc(1, sizeof(*image));
	int r;

	image->name = xstrdup(p->recipe->name);
	image->arch = xstrdup(p->arch);
	image->input = xstrdup(p->input);
	image->created = time(NULL);
	r = add_files(store, p, image, err);
	if (r == 0)
		r = add_bytes(store, &d->reasons, &image->reasons, err);
	if (r == 0) {
		strcpy(d->bom.rootfs, oci_digest_hex(image->rootfs.digest));
		r = add_boms(store, &d->bom, image, err);
	}
	if (r == 0) {
		image->appliance = make_manifest(p, &d->bom);
		r = store_put_image(store, image, err);
	}
	store_image_free(image);
	return r;
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
