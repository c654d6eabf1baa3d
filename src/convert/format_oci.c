/* SPDX-License-Identifier: MIT */
/* --as oci: an OCI image layout (image-spec 1.0, image-layout.md) in a tar, with one layer. */
#include "container.h"
#include "json_read.h"
#include "mem.h"
#include "oci_json.h"
#include "tar.h"

#define MEDIA_LAYER "application/vnd.oci.image.layer.v1.tar+gzip"
#define REF_NAME    "org.opencontainers.image.ref.name"

struct layout {
	const struct store_image *image;
	struct container_blob layer, packed;
	struct buf config, manifest, index;
	struct oci_descriptor config_is, manifest_is;
};

static void dump(const json_t *o, struct buf *out)
{
	cleanup_free char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);

	buf_append_str(out, text);
}

static struct oci_descriptor describe(const char *type, const struct buf *bytes)
{
	struct oci_descriptor d = { .media_type = xstrdup(type), .size = bytes->len };

	oci_digest_of(buf_bytes(bytes), bytes->len, d.digest);
	return d;
}

static void write_manifest(struct layout *l)
{
	const struct appliance *a = l->image->appliance;
	cleanup_json json_t *o = json_pack(
		"{s:i, s:s, s:o, s:[{s:s, s:s, s:I}], s:{s:s, s:s*}}", "schemaVersion", 2,
		"mediaType", OCI_MEDIA_MANIFEST, "config", oci_descriptor_write(&l->config_is),
		"layers", "mediaType", MEDIA_LAYER, "digest", l->packed.digest, "size",
		(json_int_t)l->packed.size, "annotations", "org.opencontainers.image.title",
		a->name, "org.opencontainers.image.version", a->version);

	dump(o, &l->manifest);
}

static void write_index(struct layout *l)
{
	cleanup_json json_t *o =
		json_pack("{s:i, s:s, s:[o]}", "schemaVersion", 2, "mediaType", OCI_MEDIA_INDEX,
			  "manifests", oci_descriptor_write(&l->manifest_is));
	json_t *m = json_array_get(json_object_get(o, "manifests"), 0);

	json_object_set_new(m, "annotations", json_pack("{s:s}", REF_NAME, l->image->name));
	json_object_set_new(
		m, "platform",
		json_pack("{s:s, s:s}", "architecture", oci_arch(l->image->arch), "os", "linux"));
	dump(o, &l->index);
}

static int make(struct layout *l, struct export *x, struct err **err)
{
	int r = container_layer(x, &l->layer, err);

	if (r == 0)
		r = container_compress(x, &l->layer, &l->packed, err);
	if (r < 0)
		return r;
	container_config(l->image->appliance, &l->layer, &l->config);
	l->config_is = describe(OCI_MEDIA_CONFIG, &l->config);
	write_manifest(l);
	l->manifest_is = describe(OCI_MEDIA_MANIFEST, &l->manifest);
	write_index(l);
	return 0;
}

static int add_blob(struct tar *t, const char *digest, const struct buf *bytes, const char *path,
		    struct err **err)
{
	cleanup_free char *name = xasprintf("blobs/sha256/%s", oci_digest_hex(digest));

	if (path)
		return tar_add_file(t, name, path, err);
	return tar_add_bytes(t, name, buf_bytes(bytes), bytes->len, err);
}

static int add_all(struct layout *l, struct tar *t, struct err **err)
{
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	int r = tar_add_bytes(t, "oci-layout", version, sizeof(version) - 1, err);

	if (r == 0)
		r = tar_add_bytes(t, "index.json", buf_bytes(&l->index), l->index.len, err);
	if (r == 0)
		r = tar_add_folder(t, "blobs", err);
	if (r == 0)
		r = tar_add_folder(t, "blobs/sha256", err);
	if (r == 0)
		r = add_blob(t, l->manifest_is.digest, &l->manifest, NULL, err);
	if (r == 0)
		r = add_blob(t, l->config_is.digest, &l->config, NULL, err);
	return r == 0 ? add_blob(t, l->packed.digest, NULL, l->packed.path, err) : r;
}

static int write_out(struct layout *l, int out, struct err **err)
{
	struct tar *t;
	int r = tar_begin(out, &t, err);

	if (r < 0)
		return r;
	r = add_all(l, t, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0)
		tar_abort(t);
	return r;
}

int format_oci(struct export *x, struct err **err)
{
	struct layout l = { .image = x->image };
	int r = make(&l, x, err);

	if (r == 0)
		r = write_out(&l, x->out, err);
	container_blob_finish(&l.layer);
	container_blob_finish(&l.packed);
	free(l.config_is.media_type);
	free(l.manifest_is.media_type);
	buf_free(&l.config);
	buf_free(&l.manifest);
	buf_free(&l.index);
	return r;
}
