/* SPDX-License-Identifier: MIT */
/*
 * CycloneDX 1.4 as JSON (cyclonedx.org/docs/1.4/json). A package is a component, its files are components
 * within it, its source is its pedigree's ancestor.
 */
#include <string.h>

#include "bom.h"
#include "mem.h"

static json_t *file_component(const struct bom_file *f)
{
	return json_pack("{s:s, s:o, s:[{s:s, s:s}, {s:s, s:s}]}", "type", "file", "name",
			 bom_path("/", f->node->path), "hashes", "alg", "SHA-1", "content", f->sha1,
			 "alg", "SHA-256", "content", f->sha256);
}

static json_t *pedigree(const struct bom *bom, const struct package *p)
{
	const char *name = bom_source(p), *version = bom_source_version(p);
	cleanup_free char *purl = bom_purl(bom, name, version, "source");

	return json_pack("{s:[{s:s, s:s, s:s, s:s}]}", "ancestors", "type", "library", "name", name,
			 "version", version, "purl", purl);
}

static json_t *package_component(const struct bom *bom, const struct bom_package *b)
{
	const struct package *p = b->package;
	cleanup_free char *purl = bom_purl(bom, p->name, p->version, p->arch);
	json_t *files = json_array();
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s}], s:o}", "type", "library",
			      "bom-ref", purl, "name", p->name, "version", p->version, "purl", purl,
			      "hashes", "alg", "SHA-256", "content", p->sha256, "pedigree",
			      pedigree(bom, p));

	if (b->licence)
		json_object_set_new(o, "licenses", json_pack("[{s:s}]", "expression", b->licence));
	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(files, file_component(&b->files[i]));
	json_object_set_new(o, "components", files);
	return o;
}

void bom_write_cyclonedx(const struct bom *bom, struct buf *out)
{
	json_t *components = json_array(), *refs = json_array(), *o;
	const char *hex = bom->rootfs;
	/* A UUID of version 8: bits that we chose, from the image's digest. */
	cleanup_free char *serial = xasprintf("urn:uuid:%.8s-%.4s-8%.3s-8%.3s-%.12s", hex, hex + 8,
					      hex + 13, hex + 17, hex + 20);

	for (size_t i = 0; i < bom->n; i++) {
		json_t *c = package_component(bom, &bom->packages[i]);

		json_array_append(refs, json_object_get(c, "bom-ref"));
		json_array_append_new(components, c);
	}
	for (size_t i = 0; i < bom->own.n; i++)
		json_array_append_new(components, file_component(&bom->own.files[i]));
	o = json_pack("{s:s, s:s, s:s, s:i, s:{s:[{s:s, s:s, s:s}], s:{s:s, s:s, s:s, s:s*, "
		      "s:[{s:s, s:s}]}}, s:o, s:[{s:s, s:o}]}",
		      "bomFormat", "CycloneDX", "specVersion", "1.4", "serialNumber", serial,
		      "version", 1, "metadata", "tools", "vendor", "Atoll", "name", "atoll-build",
		      "version", ATOLL_VERSION, "component", "type", "container", "bom-ref",
		      "image", "name", bom->name, "version", bom->version, "hashes", "alg",
		      "SHA-256", "content", bom->rootfs, "components", components, "dependencies",
		      "ref", "image", "dependsOn", refs);
	bom_dump(o, out);
	json_decref(o);
}
