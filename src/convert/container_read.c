/* SPDX-License-Identifier: MIT */
#include "container_read.h"

#include <ctype.h>
#include <errno.h>

#include "json_read.h"
#include "layer.h"
#include "mem.h"
#include "oci.h"
#include "oci_json.h"
#include "programs.h"
#include "sha256.h"
#include "str.h"

#define DEPTH_MAX    4 /* of indexes in indexes */
#define IMAGES_MAX   256
#define STRINGS_MAX  1024
#define STRING_MAX   65536
#define REF_NAME     "org.opencontainers.image.ref.name"
#define DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"

void container_image_finish(struct container_image *image)
{
	free(image->name);
	free(image->config);
	strv_free(image->layers);
	strv_free(image->diff_ids);
	*image = (struct container_image){ 0 };
}

static char *blob_name(const char *digest)
{
	return xasprintf("blobs/sha256/%s", oci_digest_hex(digest));
}

static int read_manifest(const struct buf *text, struct container_image *ret, struct err **err)
{
	struct oci_manifest *m;
	int r = oci_manifest_parse(buf_bytes(text), text->len, &m, err);

	if (r < 0)
		return r;
	ret->config = blob_name(m->config.digest);
	ret->digests = true;
	for (size_t i = 0; i < m->n_layers && r == 0; i++) {
		if (!strstr(m->layers[i].media_type, "tar"))
			r = err_set(err, EINVAL,
				    "a layer of type %s: it is no container image (skopeo copies "
				    "appliances between stores)",
				    m->layers[i].media_type);
		strv_take(&ret->layers, blob_name(m->layers[i].digest));
	}
	oci_manifest_free(m);
	return r;
}

/* Which of an index's entries is meant: the one for that platform, else the only one. */
static const json_t *choose(const json_t *list, const char *arch)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		const json_t *p = json_object_get(entry, "platform");
		const char *is = json_string_value(json_object_get(p, "architecture"));
		const char *os = json_string_value(json_object_get(p, "os"));

		if (str_eq(is, oci_arch(arch)) && (!os || str_eq(os, "linux")))
			return entry;
	}
	return json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
}

static void take_name(const json_t *entry, struct container_image *ret)
{
	const char *name =
		json_string_value(json_object_get(json_object_get(entry, "annotations"), REF_NAME));

	if (name && !ret->name)
		ret->name = xstrdup(name);
}

static int read_index(const struct buf *text, const char *arch, container_file_fn fn, void *data,
		      int depth, struct container_image *ret, struct err **err)
{
	struct oci_descriptor d = { 0 };
	cleanup_buf struct buf next = BUF_INIT;
	cleanup_json json_t *o = NULL;
	cleanup_free char *name = NULL;
	const json_t *list, *entry;
	bool index;
	int r = json_read_text(buf_bytes(text), text->len, &o, err);

	if (r == 0)
		r = json_read_object(o, "index", err);
	list = json_object_get(o, "manifests");
	if (r == 0)
		r = json_read_array(list, "manifests", IMAGES_MAX, err);
	if (r < 0)
		return r;
	entry = choose(list, arch);
	if (!entry)
		return err_set(err, ENOENT, "it has %zu images, and not one alone for %s",
			       json_array_size(list), oci_arch(arch));
	take_name(entry, ret);
	r = oci_descriptor_read(entry, "manifests", &d, err);
	index = str_eq(d.media_type, OCI_MEDIA_INDEX) || str_eq(d.media_type, DOCKER_INDEX);
	free(d.media_type);
	if (r < 0)
		return r;
	name = blob_name(d.digest);
	r = fn(data, name, &next, err);
	if (r < 0)
		return r;
	if (!index)
		return read_manifest(&next, ret, err);
	if (depth >= DEPTH_MAX)
		return err_set(err, EBADMSG, "indexes in indexes: more than %d", DEPTH_MAX);
	return read_index(&next, arch, fn, data, depth + 1, ret, err);
}

int container_read_index(const struct buf *text, const char *arch, container_file_fn fn, void *data,
			 struct container_image *ret, struct err **err)
{
	struct container_image image = { 0 };
	int r = read_index(text, arch, fn, data, 1, &image, err);

	if (r < 0)
		container_image_finish(&image);
	else
		*ret = image;
	return r;
}

int container_read_docker(const struct buf *text, struct container_image *ret, struct err **err)
{
	struct container_image image = { 0 };
	cleanup_json json_t *o = NULL;
	const json_t *first;
	const char *tag;
	int r = json_read_text(buf_bytes(text), text->len, &o, err);

	if (r == 0)
		r = json_read_array(o, "manifest.json", IMAGES_MAX, err);
	first = json_array_get(o, 0);
	if (r == 0)
		r = json_read_object(first, "manifest.json[0]", err);
	if (r == 0)
		r = json_read_str(json_object_get(first, "Config"), "Config", TREE_PATH_MAX,
				  &image.config, err);
	if (r == 0)
		r = json_read_strv(json_object_get(first, "Layers"), "Layers", CONTAINER_LAYERS_MAX,
				   TREE_PATH_MAX, &image.layers, err);
	tag = json_string_value(json_array_get(json_object_get(first, "RepoTags"), 0));
	if (r < 0) {
		container_image_finish(&image);
		return r;
	}
	image.name = tag ? xstrdup(tag) : NULL;
	*ret = image;
	return 0;
}

/* A list of strings that may be missing or null. */
static int read_strings(const json_t *o, const char *key, char ***ret, struct err **err)
{
	const json_t *v = json_object_get(o, key);
	cleanup_strv char **list = NULL;
	int r;

	if (!v || json_is_null(v))
		return 0;
	r = json_read_strv(v, key, STRINGS_MAX, STRING_MAX, &list, err);
	for (char **s = list; s && *s; s++)
		strv_append(ret, *s);
	return r;
}

static int read_optional(const json_t *o, const char *key, char **ret, struct err **err)
{
	const json_t *v = json_object_get(o, key);

	if (!v || json_is_null(v) || (json_is_string(v) && !json_string_length(v)))
		return 0;
	return json_read_str(v, key, TREE_PATH_MAX - 1, ret, err);
}

/* Without ".." and what means nothing in it; the error names the key. */
static int tidy_path(const char *key, const char *path, char **ret, struct err **err)
{
	cleanup_free char *tidy = NULL;

	if (*path != '/' || layer_path(path, &tidy) < 0)
		return err_set(err, EBADMSG,
			       "%s: expected an absolute path without \"..\", found \"%s\"", key,
			       path);
	*ret = xasprintf("/%s", tidy);
	return 0;
}

static int read_workdir(const json_t *o, struct appliance *a, struct err **err)
{
	cleanup_free char *path = NULL;
	int r = read_optional(o, "WorkingDir", &path, err);

	return r < 0 || !path ? r : tidy_path("WorkingDir", path, &a->workdir, err);
}

static void unset(char **env, const char *name)
{
	size_t len = strlen(name);
	char **to = env;

	for (; env && *env; env++) {
		if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
			free(*env);
		else
			*to++ = *env;
	}
	if (to)
		*to = NULL;
}

/* A name alone takes the variable away, as Docker and containerd have it. */
static int read_env(const json_t *o, struct appliance *a, struct err **err)
{
	cleanup_strv char **list = NULL;
	int r = read_strings(o, "Env", &list, err);

	for (char **s = list; r == 0 && s && *s; s++) {
		if (!**s || **s == '=')
			r = err_set(err, EBADMSG, "Env[%zu]: expected NAME=VALUE, found \"%s\"",
				    (size_t)(s - list), *s);
		else if (strchr(*s, '='))
			strv_append(&a->env, *s);
		else
			unset(a->env, *s);
	}
	return r;
}

/* "80/tcp" or "80" becomes a service "port-80"; other protocols have no service. */
static void add_port(struct appliance *a, const char *port)
{
	cleanup_free char *digits = xstrndup(port, strcspn(port, "/"));
	const char *protocol = strchr(port, '/');
	struct appliance_service *s;
	uint64_t number;

	if ((protocol && !str_eq(protocol, "/tcp")) || str_to_u64(digits, 65535, &number) < 0 ||
	    !number)
		return;
	a->services = xreallocarray(a->services, a->n_services + 1, sizeof(*a->services));
	s = &a->services[a->n_services++];
	s->name = xasprintf("port-%llu", (unsigned long long)number);
	s->target = xasprintf("tcp/%llu", (unsigned long long)number);
}

static bool has_volume(const struct appliance *a, const char *name)
{
	for (size_t i = 0; i < a->n_volumes; i++)
		if (str_eq(a->volumes[i].name, name))
			return true;
	return false;
}

/* The last part of the path as a name: "/var/lib/My.Data" is "my-data". */
static char *volume_name(const struct appliance *a, const char *path)
{
	cleanup_free char *base = xstrndup(strrchr(path, '/') + 1, 24);
	char *name;

	for (char *c = base; *c; c++)
		*c = isalnum((unsigned char)*c) ? (char)tolower((unsigned char)*c) : '-';
	name = xstrdup(str_is_name(base, 24) ? base : "data");
	for (unsigned int i = 2; has_volume(a, name); i++) {
		free(name);
		name = xasprintf("%s-%u", str_is_name(base, 24) ? base : "data", i);
	}
	return name;
}

static int add_volume(struct appliance *a, const char *path, struct err **err)
{
	char *tidy, *name;
	int r = tidy_path("Volumes", path, &tidy, err);

	if (r < 0)
		return r;
	if (!tidy[1]) {
		free(tidy);
		return err_set(err, EINVAL, "Volumes: all of the root is no volume");
	}
	name = volume_name(a, tidy);
	a->volumes = xreallocarray(a->volumes, a->n_volumes + 1, sizeof(*a->volumes));
	a->volumes[a->n_volumes++] =
		(struct appliance_volume){ .name = name, .target = tidy, .mode = 0755 };
	return 0;
}

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The keys of an object, sorted, so that the same config gives the same appliance. */
static int each_key(const json_t *o, const char *key, char ***ret, struct err **err)
{
	json_t *v = json_object_get(o, key);
	const char *name;
	json_t *item;

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v) || json_object_size(v) > 64)
		return json_expected(key, "an object of at most 64 names", v, err);
	json_object_foreach(v, name, item) strv_append(ret, name);
	qsort(*ret, strv_len(*ret), sizeof(**ret), compare_words);
	return 0;
}

static int read_ports_and_volumes(const json_t *o, struct appliance *a, struct err **err)
{
	cleanup_strv char **ports = NULL, **volumes = NULL;
	int r = each_key(o, "ExposedPorts", &ports, err);

	if (r == 0)
		r = each_key(o, "Volumes", &volumes, err);
	for (char **p = ports; p && *p && r == 0; p++)
		add_port(a, *p);
	for (char **v = volumes; v && *v && r == 0; v++)
		r = add_volume(a, *v, err);
	return r;
}

static int read_arch(const json_t *o, struct appliance *a, struct err **err)
{
	static const char *const known[] = { "amd64",   "arm64",   "armhf", "i386",
					     "ppc64el", "riscv64", "s390x" };
	const char *arch = json_string_value(json_object_get(o, "architecture"));

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(oci_arch(known[i]), arch)) {
			a->arch = xstrdup(known[i]);
			return 0;
		}
	return err_set(err, EINVAL, "architecture: \"%s\" is not one that Atoll knows",
		       arch ? arch : "");
}

/* As the specification has it: programs of other systems are for their kernels. */
static int read_os(const json_t *o, struct err **err)
{
	const json_t *v = json_object_get(o, "os");
	const char *os = json_string_value(v);

	if (!v || str_eq(os, "linux"))
		return 0;
	return err_set(err, EINVAL, "os: expected linux, found \"%s\"", os ? os : "");
}

static int read_diff_ids(const json_t *o, struct container_image *image, struct err **err)
{
	const json_t *rootfs = json_object_get(o, "rootfs");
	cleanup_strv char **list = NULL;
	int r;

	if (!rootfs)
		return 0;
	r = json_read_strv(json_object_get(rootfs, "diff_ids"), "rootfs.diff_ids",
			   CONTAINER_LAYERS_MAX, STRING_MAX, &list, err);
	if (r < 0)
		return r;
	if (strv_len(list) != strv_len(image->layers))
		return err_set(err, EBADMSG,
			       "rootfs.diff_ids: expected %zu, of as many layers, found %zu",
			       strv_len(image->layers), strv_len(list));
	for (char **s = list; *s; s++) {
		if (!str_starts(*s, "sha256:") || !sha256_is_hex(*s + 7))
			return err_set(err, EBADMSG,
				       "rootfs.diff_ids: expected sha256:HEX, found \"%s\"", *s);
		strv_append(&image->diff_ids, *s + 7);
	}
	return 0;
}

int container_read_config(const struct buf *text, struct container_image *image,
			  struct appliance *a, struct err **err)
{
	cleanup_json json_t *o = NULL;
	const json_t *c;
	int r = json_read_text(buf_bytes(text), text->len, &o, err);

	if (r == 0)
		r = json_read_object(o, "config", err);
	if (r == 0)
		r = read_os(o, err);
	if (r == 0)
		r = read_arch(o, a, err);
	if (r == 0)
		r = read_diff_ids(o, image, err);
	c = json_object_get(o, "config");
	if (r == 0 && c && !json_is_null(c))
		r = json_read_object(c, "config.config", err);
	if (r == 0)
		r = read_strings(c, "Entrypoint", &a->argv, err);
	if (r == 0)
		r = read_strings(c, "Cmd", &a->argv, err);
	if (r == 0)
		r = read_env(c, a, err);
	if (r == 0)
		r = read_optional(c, "User", &a->user, err);
	if (r == 0)
		r = read_workdir(c, a, err);
	if (r == 0)
		r = read_ports_and_volumes(c, a, err);
	if (r == 0 && a->user)
		a->user[strcspn(a->user, ":")] = '\0';
	if (r == 0 && a->user && !*a->user)
		free(steal_ptr(a->user));
	return r;
}
