/* SPDX-License-Identifier: MIT */
/* --as docker: what `docker save` writes and `docker load` reads (Docker image specification 1.2). */
#include "container.h"
#include "json_read.h"
#include "mem.h"
#include "tar.h"

struct archive_names {
	char *config, *folder, *layer;
};

static void write_manifest(const struct store_image *image, const struct archive_names *n,
			   struct buf *out)
{
	cleanup_free char *tag = xasprintf("%s:latest", image->name);
	cleanup_json json_t *o = json_pack("[{s:s, s:[s], s:[s]}]", "Config", n->config, "RepoTags",
					   tag, "Layers", n->layer);
	cleanup_free char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);

	buf_append_str(out, text);
}

static int add_all(struct tar *t, const struct store_image *image,
		   const struct container_blob *layer, const struct archive_names *n,
		   const struct buf *config, struct err **err)
{
	cleanup_buf struct buf manifest = BUF_INIT;
	int r = tar_add_bytes(t, n->config, buf_bytes(config), config->len, err);

	write_manifest(image, n, &manifest);
	if (r == 0)
		r = tar_add_folder(t, n->folder, err);
	if (r == 0)
		r = tar_add_file(t, n->layer, layer->path, err);
	if (r == 0)
		r = tar_add_bytes(t, "manifest.json", buf_bytes(&manifest), manifest.len, err);
	return r;
}

static int write_out(struct export *x, const struct container_blob *layer, struct err **err)
{
	cleanup_buf struct buf config = BUF_INIT;
	char digest[DIGEST_LEN + 1];
	struct archive_names n;
	struct tar *t;
	int r = tar_begin(x->out, &t, err);

	if (r < 0)
		return r;
	container_config(x->image->appliance, layer, &config);
	oci_digest_of(buf_bytes(&config), config.len, digest);
	n.config = xasprintf("%s.json", oci_digest_hex(digest));
	n.folder = xstrdup(oci_digest_hex(layer->digest));
	n.layer = xasprintf("%s/layer.tar", n.folder);
	r = add_all(t, x->image, layer, &n, &config, err);
	if (r == 0)
		r = tar_end(t, err);
	if (r < 0)
		tar_abort(t);
	free(n.config);
	free(n.folder);
	free(n.layer);
	return r;
}

int format_docker(struct export *x, struct err **err)
{
	struct container_blob layer = { 0 };
	int r = container_layer(x, &layer, err);

	if (r == 0)
		r = write_out(x, &layer, err);
	container_blob_finish(&layer);
	return r;
}
