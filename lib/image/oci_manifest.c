/* SPDX-License-Identifier: MIT */
#include "oci.h"

#include "json_read.h"
#include "mem.h"
#include "oci_json.h"
#include "str.h"

static int read_layers(const json_t *o, struct oci_manifest *m, struct err **err)
{
	const json_t *list = json_object_get(o, "layers");
	int r = json_read_array(list, "layers", OCI_MAX_LAYERS, err);

	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		cleanup_free char *path = xasprintf("layers[%zu]", i);

		r = oci_descriptor_read(json_array_get(list, i), path, &m->layers[m->n_layers++],
					err);
	}
	return r;
}

int oci_manifest_parse(const void *text, size_t len, struct oci_manifest **ret, struct err **err)
{
	cleanup_json json_t *o = NULL;
	struct oci_manifest *m;
	int r = json_read_text(text, len, &o, err);

	if (r < 0)
		return r;
	m = xcalloc(1, sizeof(*m));
	r = json_read_object(o, "manifest", err);
	if (r == 0)
		r = oci_descriptor_read(json_object_get(o, "config"), "config", &m->config, err);
	if (r == 0)
		r = read_layers(o, m, err);
	if (r < 0) {
		oci_manifest_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void oci_manifest_free(struct oci_manifest *m)
{
	if (!m)
		return;
	free(m->config.media_type);
	for (size_t i = 0; i < m->n_layers; i++)
		free(m->layers[i].media_type);
	free(m);
}

const struct oci_descriptor *oci_manifest_layer(const struct oci_manifest *m, const char *type)
{
	for (size_t i = 0; i < m->n_layers; i++)
		if (str_eq(m->layers[i].media_type, type))
			return &m->layers[i];
	return NULL;
}

static void dump(const json_t *o, struct buf *out)
{
	cleanup_free char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);

	buf_append_str(out, text);
}

void oci_manifest_write(const struct oci_manifest *m, const struct appliance *a, struct buf *out)
{
	cleanup_json json_t *o =
		json_pack("{s:i, s:s, s:o, s:[], s:{s:s, s:s*}}", "schemaVersion", 2, "mediaType",
			  OCI_MEDIA_MANIFEST, "config", oci_descriptor_write(&m->config), "layers",
			  "annotations", "org.opencontainers.image.title", a->name,
			  "org.opencontainers.image.version", a->version);

	for (size_t i = 0; i < m->n_layers; i++)
		json_array_append_new(json_object_get(o, "layers"),
				      oci_descriptor_write(&m->layers[i]));
	dump(o, out);
}

static json_t *strings(char *const *v)
{
	json_t *list = json_array();

	for (; v && *v; v++)
		json_array_append_new(list, json_string_nocheck(*v));
	return list;
}

void oci_config_write(const struct oci_manifest *m, const struct appliance *a, struct buf *out)
{
	cleanup_json json_t *o =
		json_pack("{s:s, s:s, s:{s:o, s:o, s:s*, s:s*}, s:{s:s, s:[]}}", "architecture",
			  oci_arch(a->arch), "os", "linux", "config", "Cmd", strings(a->argv),
			  "Env", strings(a->env), "User", a->user, "WorkingDir", a->workdir,
			  "rootfs", "type", "layers", "diff_ids");
	json_t *ids = json_object_get(json_object_get(o, "rootfs"), "diff_ids");

	for (size_t i = 0; i < m->n_layers; i++)
		json_array_append_new(ids, json_string(m->layers[i].digest));
	dump(o, out);
}
