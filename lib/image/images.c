/* SPDX-License-Identifier: MIT */
/* Images: what the index names, put together from its blobs. */
#include <errno.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "fd.h"
#include "mem.h"
#include "store_internal.h"
#include "str.h"
#include "verity.h"

#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#elif defined(__riscv)
#define HOST_ARCH "riscv64"
#elif defined(__powerpc64__)
#define HOST_ARCH "ppc64el"
#elif defined(__s390x__)
#define HOST_ARCH "s390x"
#else
#error "which architecture is this, in Debian's words?"
#endif

/* The layers that are files, in the order in which a manifest has them. */
static const struct layer {
	const char *type;
	size_t offset; /* of its blob in struct store_image */
} layers[] = {
	{ MEDIA_ROOTFS, offsetof(struct store_image, rootfs) },
	{ MEDIA_KERNEL, offsetof(struct store_image, kernel) },
	{ MEDIA_VMLINUX, offsetof(struct store_image, vmlinux) },
	{ MEDIA_INITRAMFS, offsetof(struct store_image, initramfs) },
	{ MEDIA_DRIVERS, offsetof(struct store_image, drivers) },
	{ MEDIA_REASONS, offsetof(struct store_image, reasons) },
	{ MEDIA_SPDX, offsetof(struct store_image, spdx) },
	{ MEDIA_CYCLONEDX, offsetof(struct store_image, cyclonedx) },
};

static struct store_blob *blob_of(const struct store_image *image, const struct layer *l)
{
	return (struct store_blob *)((char *)(uintptr_t)image + l->offset);
}

/* Reading */

int store_read_manifest(struct store *s, const struct oci_entry *e, struct oci_manifest **ret,
			struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = store_read_blob(s, e->manifest.digest, OCI_MANIFEST_MAX, &text, err);

	if (r < 0)
		return r;
	r = oci_manifest_parse(buf_bytes(&text), text.len, ret, err);
	return r < 0 ? err_prefix(err, "manifest %s", e->manifest.digest) : 0;
}

static int read_appliance(struct store *s, const struct oci_manifest *m, struct appliance **ret,
			  struct err **err)
{
	const struct oci_descriptor *d = oci_manifest_layer(m, MEDIA_APPLIANCE);
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (!d)
		return err_set(err, EBADMSG, "it has no layer of type " MEDIA_APPLIANCE);
	r = store_read_blob(s, d->digest, APPLIANCE_MANIFEST_MAX, &text, err);
	return r < 0 ? r : appliance_parse(buf_bytes(&text), text.len, ret, err);
}

/* Says where a layer's blob is; it has to be there, whole by its size. Contents: verify. */
static int find_layer(struct store *s, const struct oci_manifest *m, const char *type,
		      struct store_blob *ret, struct err **err)
{
	const struct oci_descriptor *d = oci_manifest_layer(m, type);
	cleanup_free char *path = NULL;
	struct stat st;

	if (!d)
		return 0;
	path = store_blob_path(s, d->digest);
	if (stat(path, &st) < 0 || (uint64_t)st.st_size != d->size)
		return err_set(err, EBADMSG,
			       "blob %s is missing or cut short; build the appliance again, or "
			       "take it out ('atoll rm', 'atoll gc')",
			       d->digest);
	memcpy(ret->digest, d->digest, sizeof(ret->digest));
	ret->size = d->size;
	ret->path = steal_ptr(path);
	return 0;
}

static int read_image(struct store *s, const struct oci_entry *e, struct store_image *image,
		      struct err **err)
{
	cleanup_manifest struct oci_manifest *m = NULL;
	int r = store_read_manifest(s, e, &m, err);

	if (r < 0)
		return r;
	image->size = e->manifest.size + m->config.size;
	for (size_t i = 0; i < m->n_layers; i++)
		image->size += m->layers[i].size;
	r = read_appliance(s, m, &image->appliance, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(layers); i++)
		r = find_layer(s, m, layers[i].type, blob_of(image, &layers[i]), err);
	return r;
}

static struct store_image *new_image(const struct oci_entry *e)
{
	struct store_image *image = xcalloc(1, sizeof(*image));

	image->name = xstrdup(e->name);
	image->arch = xstrdup(e->arch);
	image->created = e->created;
	image->input = e->input ? xstrdup(e->input) : NULL;
	image->signatures = strv_dup(e->signatures);
	memcpy(image->digest, e->manifest.digest, sizeof(image->digest));
	return image;
}

static bool is_ours(const struct oci_entry *e)
{
	return e->name && e->arch;
}

/* NAME of the host's architecture, NAME:ARCH, or a digest's first digits (at least 8). */
static bool entry_matches(const struct oci_entry *e, const char *what)
{
	const char *hex = str_starts(what, "sha256:") ? what + 7 : what;
	size_t n = strlen(e->name);

	if (str_eq(e->name, what))
		return true;
	if (strncmp(e->name, what, n) == 0 && what[n] == ':')
		return str_eq(e->arch, what + n + 1);
	return strlen(hex) >= 8 && str_starts(oci_digest_hex(e->manifest.digest), hex);
}

/* The index of the entry that is meant, or -ENOENT; a NAME prefers the host's architecture. */
static ssize_t find_entry(const struct oci_index *index, const char *what)
{
	ssize_t found = -ENOENT;

	for (size_t i = 0; i < index->n; i++) {
		const struct oci_entry *e = &index->entries[i];

		if (!is_ours(e) || !entry_matches(e, what))
			continue;
		if (found < 0 || str_eq(e->arch, HOST_ARCH))
			found = (ssize_t)i;
	}
	return found;
}

static int not_found(struct store *s, const struct oci_index *index, const char *what,
		     struct err **err)
{
	cleanup_free const char **names = xcalloc(index->n + 1, sizeof(*names));
	const char *nearest;
	size_t n = 0;

	for (size_t i = 0; i < index->n; i++)
		if (is_ours(&index->entries[i]))
			names[n++] = index->entries[i].name;
	nearest = str_nearest(what, names);
	if (nearest)
		return err_set(err, ENOENT, "appliance \"%s\" not found; did you mean \"%s\"?",
			       what, nearest);
	if (n == 0)
		return err_set(err, ENOENT,
			       "appliance \"%s\" not found: the store %s is empty; 'atoll build "
			       "RECIPE' makes one",
			       what, s->path);
	return err_set(err, ENOENT, "appliance \"%s\" not found; 'atoll images' lists those there",
		       what);
}

int store_get_image(struct store *s, const char *name, struct store_image **ret, struct err **err)
{
	cleanup_index struct oci_index *index = NULL;
	struct store_image *image;
	ssize_t i;
	int r = store_read_index(s, &index, err);

	if (r < 0)
		return r;
	i = find_entry(index, name);
	if (i < 0)
		return not_found(s, index, name, err);
	image = new_image(&index->entries[i]);
	r = read_image(s, &index->entries[i], image, err);
	if (r < 0) {
		err_prefix(err, "appliance \"%s\"", image->name);
		store_image_free(image);
		return r;
	}
	*ret = image;
	return 0;
}

static int compare_images(const void *a, const void *b)
{
	const struct store_image *x = *(struct store_image *const *)a;
	const struct store_image *y = *(struct store_image *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : strcmp(x->arch, y->arch);
}

int store_list_images(struct store *s, struct store_image ***ret, size_t *ret_n, struct err **err)
{
	cleanup_index struct oci_index *index = NULL;
	struct store_image **list;
	size_t n = 0;
	int r = store_read_index(s, &index, err);

	if (r < 0)
		return r;
	list = xcalloc(index->n + 1, sizeof(struct store_image *));
	for (size_t i = 0; i < index->n; i++) {
		const struct oci_entry *e = &index->entries[i];
		cleanup_err struct err *cause = NULL;

		if (!is_ours(e))
			continue;
		list[n] = new_image(e);
		if (read_image(s, e, list[n], &cause) < 0) {
			appliance_free(steal_ptr(list[n]->appliance));
			list[n]->damage = xstrdup(err_msg(cause));
		}
		n++;
	}
	qsort(list, n, sizeof(struct store_image *), compare_images);
	*ret = list;
	*ret_n = n;
	return 0;
}

void store_image_free(struct store_image *i)
{
	if (!i)
		return;
	free(i->name);
	free(i->arch);
	free(i->input);
	free(i->damage);
	strv_free(i->signatures);
	appliance_free(i->appliance);
	for (size_t l = 0; l < ARRAY_SIZE(layers); l++)
		store_blob_finish(blob_of(i, &layers[l]));
	free(i);
}

void store_images_free(struct store_image **images, size_t n)
{
	for (size_t i = 0; i < n; i++)
		store_image_free(images[i]);
	free(images);
}

/* Writing */

static int add_layer(struct store *s, struct oci_manifest *m, const char *type,
		     const struct store_blob *b, struct err **err)
{
	struct oci_descriptor *d = &m->layers[m->n_layers];
	cleanup_free char *path = NULL;
	struct stat st;

	if (!*b->digest)
		return 0;
	if (!oci_digest_is_valid(b->digest))
		return err_set(err, EINVAL, "\"%s\" is not a digest", b->digest);
	path = store_blob_path(s, b->digest);
	if (stat(path, &st) < 0 || (uint64_t)st.st_size != b->size)
		return err_set(err, ENOENT, "blob %s is not in the store", b->digest);
	d->media_type = xstrdup(type);
	memcpy(d->digest, b->digest, sizeof(d->digest));
	d->size = b->size;
	m->n_layers++;
	return 0;
}

static int add_appliance(struct store *s, const struct appliance *a, struct oci_manifest *m,
			 struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct oci_descriptor *d = &m->layers[m->n_layers++];

	d->media_type = xstrdup(MEDIA_APPLIANCE);
	appliance_write(a, &text);
	return store_add_described(s, buf_bytes(&text), text.len, d, err);
}

static int add_config(struct store *s, const struct appliance *a, struct oci_manifest *m,
		      struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;

	m->config.media_type = xstrdup(OCI_MEDIA_CONFIG);
	oci_config_write(m, a, &text);
	return store_add_described(s, buf_bytes(&text), text.len, &m->config, err);
}

static int put_manifest(struct store *s, const struct store_image *image,
			struct oci_descriptor *ret, struct err **err)
{
	cleanup_manifest struct oci_manifest *m = xcalloc(1, sizeof(*m));
	cleanup_buf struct buf text = BUF_INIT;
	int r = add_appliance(s, image->appliance, m, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(layers); i++)
		r = add_layer(s, m, layers[i].type, blob_of(image, &layers[i]), err);
	if (r == 0)
		r = add_config(s, image->appliance, m, err);
	if (r < 0)
		return r;
	oci_manifest_write(m, image->appliance, &text);
	return store_add_described(s, buf_bytes(&text), text.len, ret, err);
}

/* Index entries of that name and architecture give way to e; signatures of the same bytes stay. */
static int replace_entry(struct store *s, struct oci_entry *e, struct err **err)
{
	cleanup_strv char **signatures = NULL;
	cleanup_index struct oci_index *index = NULL;
	cleanup_fd int lock = -1;
	int r = store_lock(s, STORE_INDEX_LOCK, LOCK_EX, &lock, err);

	if (r == 0)
		r = store_read_index(s, &index, err);
	if (r < 0)
		return r;
	for (size_t i = index->n; i-- > 0;) {
		const struct oci_entry *old = &index->entries[i];

		if (!is_ours(old) || !str_eq(old->name, e->name) || !str_eq(old->arch, e->arch))
			continue;
		if (str_eq(old->manifest.digest, e->manifest.digest) && !signatures)
			signatures = strv_dup(old->signatures);
		oci_index_remove(index, i);
	}
	e->signatures = signatures;
	if (index->n >= OCI_MAX_IMAGES)
		return err_set(err, E2BIG, "store %s: it holds %d images, no more fit", s->path,
			       OCI_MAX_IMAGES);
	oci_index_add(index, e);
	return store_write_index(s, index, err);
}

int store_put_image(struct store *s, const struct store_image *image, struct err **err)
{
	cleanup_free char *media = xstrdup(OCI_MEDIA_MANIFEST);
	struct oci_entry e = {
		.name = image->name ? image->name : image->appliance->name,
		.arch = image->arch ? image->arch : image->appliance->arch,
		.created = image->created ? image->created : (int64_t)time(NULL),
		.input = image->input,
		.manifest.media_type = media,
	};
	int r = put_manifest(s, image, &e.manifest, err);

	if (r == 0)
		r = replace_entry(s, &e, err);
	if (r < 0)
		err_prefix(err, "appliance \"%s\"", e.name);
	return r;
}

/* The entry of exactly this image, or -1. */
static ssize_t find_image(const struct oci_index *index, const struct store_image *image)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct oci_entry *e = &index->entries[i];

		if (is_ours(e) && str_eq(e->name, image->name) && str_eq(e->arch, image->arch) &&
		    str_eq(e->manifest.digest, image->digest))
			return (ssize_t)i;
	}
	return -1;
}

int store_set_signatures(struct store *s, const struct store_image *image, char *const *signatures,
			 struct err **err)
{
	cleanup_index struct oci_index *index = NULL;
	cleanup_fd int lock = -1;
	ssize_t i;
	int r = store_lock(s, STORE_INDEX_LOCK, LOCK_EX, &lock, err);

	if (r == 0)
		r = store_read_index(s, &index, err);
	if (r < 0)
		return r;
	i = find_image(index, image);
	if (i < 0)
		return err_set(err, ESTALE, "appliance \"%s\" was replaced meanwhile; try again",
			       image->name);
	oci_index_sign(index, (size_t)i, signatures);
	return store_write_index(s, index, err);
}

int store_remove_image(struct store *s, const char *name, struct err **err)
{
	cleanup_index struct oci_index *index = NULL;
	cleanup_fd int lock = -1;
	ssize_t i;
	int r = store_lock(s, STORE_INDEX_LOCK, LOCK_EX, &lock, err);

	if (r == 0)
		r = store_read_index(s, &index, err);
	if (r < 0)
		return r;
	i = find_entry(index, name);
	if (i < 0)
		return not_found(s, index, name, err);
	oci_index_remove(index, (size_t)i);
	return store_write_index(s, index, err);
}

/* A tree that the manifest knows nothing of is as good as none; older images have none. */
static int verify_tree(const struct store_image *image, struct err **err)
{
	const struct appliance *a = image->appliance;
	struct verity v;

	if (!a || !a->verity || !image->rootfs.path)
		return 0;
	v.offset = a->verity_offset;
	memcpy(v.root, a->verity, sizeof(v.root));
	return verity_check(image->rootfs.path, &v, err);
}

int store_verify_image(struct store *s, const struct store_image *image, struct err **err)
{
	struct oci_entry e = { 0 };
	cleanup_manifest struct oci_manifest *m = NULL;
	int r;

	memcpy(e.manifest.digest, image->digest, sizeof(e.manifest.digest));
	r = store_read_manifest(s, &e, &m, err);
	for (size_t i = 0; r == 0 && i <= m->n_layers; i++) {
		const struct oci_descriptor *d = i ? &m->layers[i - 1] : &m->config;
		struct store_blob b = { .size = d->size };

		memcpy(b.digest, d->digest, sizeof(b.digest));
		r = store_verify_blob(s, &b, err);
	}
	if (r == 0)
		r = verify_tree(image, err);
	if (r < 0)
		err_prefix(err, "appliance \"%s\"", image->name);
	return r;
}
