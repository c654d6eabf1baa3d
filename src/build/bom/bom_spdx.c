/* SPDX-License-Identifier: MIT */
/*
 * SPDX 2.3 as JSON (spdx.github.io/spdx-spec/v2.3). The document describes the image, which contains
 * packages and files of no package; a package contains its files, and is generated from its source.
 */
#include <solv/chksum.h>
#include <solv/knownid.h>
#include <solv/pool.h>
#include <stdlib.h>
#include <string.h>

#include "bom.h"
#include "mem.h"
#include "str.h"

#define NOTHING   "NOASSERTION"
#define IMAGE_ID  "SPDXRef-Image"
#define NAMESPACE "https://spdx.org/spdxdocs/"

struct writer {
	const struct bom *bom;
	json_t *packages, *files, *relations;
	char **own_licences; /* LicenseRef-…, each once */
	size_t n_files;
};

static void relate(struct writer *w, const char *from, const char *how, const char *to)
{
	json_array_append_new(w->relations,
			      json_pack("{s:s, s:s, s:s}", "spdxElementId", from,
					"relationshipType", how, "relatedSpdxElement", to));
}

/* Sources are told by name and version: several packages have one. */
static char *source_id(const struct package *p)
{
	char *id = xasprintf("SPDXRef-Source-%s-%s", bom_source(p), bom_source_version(p));

	/* Letters, digits, '.' and '-' are all that an id may have. */
	for (char *s = id; *s; s++)
		if (strchr("+:~_", *s))
			*s = '-';
	return id;
}

static void note_licences(struct writer *w, const char *expression)
{
	for (const char *s = expression; s && (s = strstr(s, "LicenseRef-"));) {
		size_t n = strcspn(s, " ()");
		cleanup_free char *name = xstrndup(s, n);

		if (!strv_has(w->own_licences, name))
			strv_append(&w->own_licences, name);
		s += n;
	}
}

static int compare_sums(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* 7.9: the SHA-1 of all files' SHA-1s, sorted, as text. */
static void verification_code(const struct bom_package *p, char ret[41])
{
	cleanup_free const char **sums = xcalloc(p->n + 1, sizeof(*sums));
	Chksum *sum = solv_chksum_create(REPOKEY_TYPE_SHA1);
	const unsigned char *bytes;

	for (size_t i = 0; i < p->n; i++)
		sums[i] = p->files[i].sha1;
	qsort(sums, p->n, sizeof(*sums), compare_sums);
	for (size_t i = 0; i < p->n; i++)
		solv_chksum_add(sum, sums[i], 40);
	bytes = solv_chksum_get(sum, NULL);
	for (int i = 0; i < 20; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	solv_chksum_free(sum, NULL);
}

static void add_file(struct writer *w, const struct bom_file *f, const char *owner)
{
	cleanup_free char *id = xasprintf("SPDXRef-File-%zu", ++w->n_files);

	json_array_append_new(w->files,
			      json_pack("{s:s, s:o, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}]}",
					"SPDXID", id, "fileName", bom_path("./", f->node->path),
					"licenseConcluded", NOTHING, "copyrightText", NOTHING,
					"checksums", "algorithm", "SHA1", "checksumValue", f->sha1,
					"algorithm", "SHA256", "checksumValue", f->sha256));
	relate(w, owner, "CONTAINS", id);
}

static json_t *new_package(const char *id, const char *name, const char *version,
			   const char *licence)
{
	return json_pack("{s:s, s:s, s:s*, s:s, s:s, s:s, s:s, s:b}", "SPDXID", id, "name", name,
			 "versionInfo", version, "downloadLocation", NOTHING, "licenseConcluded",
			 NOTHING, "licenseDeclared", licence ? licence : NOTHING, "copyrightText",
			 NOTHING, "filesAnalyzed", 0);
}

static void set_purl(struct writer *w, json_t *o, const char *name, const char *version,
		     const char *arch)
{
	cleanup_free char *purl = bom_purl(w->bom, name, version, arch);

	json_object_set_new(o, "externalRefs",
			    json_pack("[{s:s, s:s, s:s}]", "referenceCategory", "PACKAGE-MANAGER",
				      "referenceType", "purl", "referenceLocator", purl));
}

static void add_source(struct writer *w, const struct package *p, const char *binary)
{
	cleanup_free char *id = source_id(p);
	const json_t *other;
	bool there = false;
	size_t i;
	json_t *o;

	json_array_foreach(w->packages, i, other) there |=
		str_eq(json_string_value(json_object_get(other, "SPDXID")), id);
	if (!there) {
		o = new_package(id, bom_source(p), bom_source_version(p), NULL);
		set_purl(w, o, bom_source(p), bom_source_version(p), "source");
		json_object_set_new(o, "primaryPackagePurpose", json_string("SOURCE"));
		json_array_append_new(w->packages, o);
	}
	relate(w, binary, "GENERATED_FROM", id);
}

static void add_package(struct writer *w, const struct bom_package *b, size_t number)
{
	const struct package *p = b->package;
	cleanup_free char *id = xasprintf("SPDXRef-Package-%zu", number);
	json_t *o = new_package(id, p->name, p->version, b->licence);
	char code[41];

	set_purl(w, o, p->name, p->version, p->arch);
	json_object_set_new(
		o, "checksums",
		json_pack("[{s:s, s:s}]", "algorithm", "SHA256", "checksumValue", p->sha256));
	if (b->n) {
		verification_code(b, code);
		json_object_set_new(o, "filesAnalyzed", json_true());
		json_object_set_new(o, "packageVerificationCode",
				    json_pack("{s:s}", "packageVerificationCodeValue", code));
	}
	json_array_append_new(w->packages, o);
	note_licences(w, b->licence);
	relate(w, IMAGE_ID, "CONTAINS", id);
	for (size_t i = 0; i < b->n; i++)
		add_file(w, &b->files[i], id);
	add_source(w, p, id);
}

static void add_image(struct writer *w)
{
	json_t *o = new_package(IMAGE_ID, w->bom->name, w->bom->version, NULL);

	json_object_set_new(o, "primaryPackagePurpose", json_string("CONTAINER"));
	json_object_set_new(
		o, "checksums",
		json_pack("[{s:s, s:s}]", "algorithm", "SHA256", "checksumValue", w->bom->rootfs));
	json_array_append_new(w->packages, o);
	relate(w, "SPDXRef-DOCUMENT", "DESCRIBES", IMAGE_ID);
}

static json_t *extracted_licences(const struct writer *w)
{
	json_t *list = json_array();

	for (char **l = w->own_licences; l && *l; l++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s}", "licenseId", *l, "name",
						*l + strlen("LicenseRef-"), "extractedText",
						"See the package's copyright file in the image."));
	return list;
}

void bom_write_spdx(const struct bom *bom, struct buf *out)
{
	struct writer w = { .bom = bom,
			    .packages = json_array(),
			    .files = json_array(),
			    .relations = json_array() };
	cleanup_free char *name = xasprintf("%s-%s", bom->name, bom->arch);
	cleanup_free char *namespace = xasprintf(NAMESPACE "%s-%s", name, bom->rootfs);
	json_t *o;

	add_image(&w);
	for (size_t i = 0; i < bom->own.n; i++)
		add_file(&w, &bom->own.files[i], IMAGE_ID);
	for (size_t i = 0; i < bom->n; i++)
		add_package(&w, &bom->packages[i], i + 1);
	o = json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:{s:s, s:[s]}, s:o, s:o, s:o, s:o}", "spdxVersion",
		"SPDX-2.3", "dataLicense", "CC0-1.0", "SPDXID", "SPDXRef-DOCUMENT", "name", name,
		"documentNamespace", namespace, "creationInfo", "created", "1970-01-01T00:00:00Z",
		"creators", "Tool: atoll-" ATOLL_VERSION, "packages", w.packages, "files", w.files,
		"relationships", w.relations, "hasExtractedLicensingInfos", extracted_licences(&w));
	bom_dump(o, out);
	json_decref(o);
	strv_free(w.own_licences);
}
