/* SPDX-License-Identifier: MIT */
#include "oci.h"

#include <errno.h>
#include <time.h>

#include "json_read.h"
#include "mem.h"
#include "oci_json.h"
#include "str.h"

#define KEY_NAME    "org.opencontainers.image.ref.name"
#define KEY_CREATED "org.opencontainers.image.created"
#define KEY_ARCH    "vnd.atoll.arch"
#define KEY_INPUT   "vnd.atoll.input"
#define KEY_SIGNED  "vnd.atoll.signatures"

#define LINES_OF_SIGNATURE 4

int oci_descriptor_read(const json_t *o, const char *path, struct oci_descriptor *d,
			struct err **err)
{
	cleanup_free char *digest = NULL;
	cleanup_free char *where = xasprintf("%s.digest", path);
	cleanup_free char *where_size = xasprintf("%s.size", path);
	cleanup_free char *where_type = xasprintf("%s.mediaType", path);
	int r = json_read_object(o, path, err);

	if (r == 0)
		r = json_read_str(json_object_get(o, "digest"), where, 256, &digest, err);
	if (r == 0 && !oci_digest_is_valid(digest))
		r = err_set(err, EBADMSG, "%s: expected sha256: and 64 hex digits, found \"%s\"",
			    where, digest);
	if (r == 0)
		r = json_read_u64(json_object_get(o, "size"), where_size, INT64_MAX, &d->size, err);
	if (r == 0)
		r = json_read_str(json_object_get(o, "mediaType"), where_type, 256, &d->media_type,
				  err);
	if (r == 0)
		memcpy(d->digest, digest, sizeof(d->digest));
	return r;
}

json_t *oci_descriptor_write(const struct oci_descriptor *d)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", d->media_type, "digest", d->digest, "size",
			 (json_int_t)d->size);
}

/* Our architectures are Debian's names; OCI's are Go's. */
const char *oci_arch(const char *debian)
{
	static const char *const pairs[][2] = {
		{ "i386", "386" },        { "armhf", "arm" },         { "armel", "arm" },
		{ "ppc64el", "ppc64le" }, { "mips64el", "mips64le" }, { "loong64", "loong64" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (str_eq(pairs[i][0], debian))
			return pairs[i][1];
	return debian;
}

/* RFC 3339 in UTC, as we write it; anything else is 0: unknown. */
static int64_t parse_time(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%SZ", &tm);

	return end && !*end ? (int64_t)timegm(&tm) : 0;
}

static char *format_time(int64_t t)
{
	char buf[64];
	time_t seconds = (time_t)t;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || !strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return xstrdup("1970-01-01T00:00:00Z");
	return xstrdup(buf);
}

/* An annotation's text, or NULL when it is absent, no string, or longer than max. */
static char *annotation(const json_t *o, const char *key, size_t max)
{
	const json_t *v = json_object_get(json_object_get(o, "annotations"), key);
	size_t n = json_string_length(v);

	return n > 0 && n <= max ? xstrdup(json_string_value(v)) : NULL;
}

/* Signatures stand one behind the other, as many lines each. */
static char **split_signatures(const char *text)
{
	char **list = NULL;

	while (text && *text) {
		const char *end = text;

		for (int i = 0; i < LINES_OF_SIGNATURE && *end; i++) {
			end += strcspn(end, "\n");
			end += *end == '\n';
		}
		strv_take(&list, xstrndup(text, (size_t)(end - text)));
		text = end;
	}
	return list;
}

static int read_entry(const json_t *o, const char *path, struct oci_entry *e, struct err **err)
{
	cleanup_free char *created = annotation(o, KEY_CREATED, 256);
	cleanup_free char *signatures = annotation(o, KEY_SIGNED, OCI_SIGNATURES_MAX);
	int r = oci_descriptor_read(o, path, &e->manifest, err);

	if (r < 0)
		return r;
	e->name = annotation(o, KEY_NAME, 256);
	e->arch = annotation(o, KEY_ARCH, 256);
	e->input = annotation(o, KEY_INPUT, 256);
	e->created = created ? parse_time(created) : 0;
	e->signatures = split_signatures(signatures);
	return 0;
}

static int read_entries(struct oci_index *index, struct err **err)
{
	const json_t *list = json_object_get(index->json, "manifests");
	int r = json_read_object(index->json, "index", err);

	if (r == 0)
		r = json_read_array(list, "manifests", OCI_MAX_IMAGES, err);
	if (r < 0)
		return r;
	index->entries = xcalloc(json_array_size(list) + 1, sizeof(*index->entries));
	for (size_t i = 0; i < json_array_size(list); i++) {
		cleanup_free char *path = xasprintf("manifests[%zu]", i);

		r = read_entry(json_array_get(list, i), path, &index->entries[index->n++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int oci_index_parse(const void *text, size_t len, struct oci_index **ret, struct err **err)
{
	struct oci_index *index = xcalloc(1, sizeof(*index));
	int r = json_read_text(text, len, &index->json, err);

	if (r == 0)
		r = read_entries(index, err);
	if (r < 0) {
		oci_index_free(index);
		return r;
	}
	*ret = index;
	return 0;
}

struct oci_index *oci_index_new(void)
{
	struct oci_index *index = xcalloc(1, sizeof(*index));

	index->json = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType",
				OCI_MEDIA_INDEX, "manifests");
	return index;
}

static void finish_entry(struct oci_entry *e)
{
	free(e->name);
	free(e->arch);
	free(e->input);
	strv_free(e->signatures);
	free(e->manifest.media_type);
}

void oci_index_free(struct oci_index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->n; i++)
		finish_entry(&index->entries[i]);
	free(index->entries);
	json_decref(index->json);
	free(index);
}

void oci_index_remove(struct oci_index *index, size_t i)
{
	finish_entry(&index->entries[i]);
	memmove(&index->entries[i], &index->entries[i + 1],
		(index->n - i - 1) * sizeof(*index->entries));
	index->n--;
	json_array_remove(json_object_get(index->json, "manifests"), i);
}

void oci_index_add(struct oci_index *index, const struct oci_entry *e)
{
	cleanup_free char *created = format_time(e->created);
	json_t *o = oci_descriptor_write(&e->manifest);
	struct oci_entry *copy;

	json_object_set_new(
		o, "platform",
		json_pack("{s:s, s:s}", "architecture", oci_arch(e->arch), "os", "linux"));
	json_object_set_new(o, "annotations",
			    json_pack("{s:s, s:s, s:s, s:s*}", KEY_NAME, e->name, KEY_ARCH, e->arch,
				      KEY_CREATED, created, KEY_INPUT, e->input));
	json_array_append_new(json_object_get(index->json, "manifests"), o);
	index->entries = xreallocarray(index->entries, index->n + 1, sizeof(*index->entries));
	copy = &index->entries[index->n++];
	*copy = *e;
	copy->name = xstrdup(e->name);
	copy->arch = xstrdup(e->arch);
	copy->input = e->input ? xstrdup(e->input) : NULL;
	copy->signatures = NULL;
	copy->manifest.media_type = xstrdup(e->manifest.media_type);
	oci_index_sign(index, index->n - 1, e->signatures);
}

void oci_index_sign(struct oci_index *index, size_t i, char *const *signatures)
{
	json_t *o = json_array_get(json_object_get(index->json, "manifests"), i);
	json_t *annotations = json_object_get(o, "annotations");
	char **copy = strv_dup(signatures);
	cleanup_free char *text = strv_join(copy, "");

	strv_free(index->entries[i].signatures);
	index->entries[i].signatures = copy;
	if (copy && *copy)
		json_object_set_new(annotations, KEY_SIGNED, json_string(text));
	else
		json_object_del(annotations, KEY_SIGNED);
}

void oci_index_write(const struct oci_index *index, struct buf *out)
{
	cleanup_free char *text = json_dumps(index->json, JSON_SORT_KEYS | JSON_INDENT(1));

	buf_append_str(out, text);
	buf_append_str(out, "\n");
}
