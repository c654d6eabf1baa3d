/* SPDX-License-Identifier: MIT */
#include "origins.h"

#include <string.h>

#include "explain.h"
#include "mem.h"
#include "oci_digest.h"

int origins_make(const struct tree *tree, const struct tree *left,
		 const struct package_list *packages, const struct package *kernel,
		 struct origins *ret, struct err **err)
{
	struct origins o = { .reasons = BUF_INIT };
	int r = bom_make(tree, packages, kernel, &o.bom, err);

	if (r == 0)
		r = explain(tree, left, packages, &o.bom, &o.reasons, err);
	if (r < 0)
		origins_finish(&o);
	else
		*ret = o;
	return r;
}

void origins_finish(struct origins *o)
{
	bom_finish(&o->bom);
	buf_free(&o->reasons);
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

static int add_bytes(struct store *store, const struct buf *bytes, struct store_blob *blob,
		     struct err **err)
{
	return store_add_bytes(store, buf_bytes(bytes), bytes->len, blob, err);
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

int origins_store(struct store *store, struct origins *o, struct store_image *image,
		  struct err **err)
{
	struct appliance *a = image->appliance;
	int r = add_bytes(store, &o->reasons, &image->reasons, err);

	if (r < 0)
		return r;
	o->bom.name = a->name;
	o->bom.version = a->version;
	o->bom.arch = a->arch;
	strcpy(o->bom.rootfs, oci_digest_hex(image->rootfs.digest));
	set_packages(a, &o->bom);
	return add_boms(store, &o->bom, image, err);
}
