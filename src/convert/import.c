/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation: the layers are put one over the other in a tree (layer.h), the config becomes the
 * manifest, and from there on it is what the builder does: a file system with its hash tree, and, when
 * one is asked for, the kernel and initramfs that all appliances share. Nothing of the image is run.
 */
#include "import.h"

#include <errno.h>
#include <locale.h>
#include <time.h>

#include "bundle.h"
#include "container_read.h"
#include "dpkg.h"
#include "drivers.h"
#include "entry.h"
#include "fd.h"
#include "fetch.h"
#include "filesystem.h"
#include "initramfs.h"
#include "kernel.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "origins.h"
#include "programs.h"
#include "progress.h"
#include "recipe.h"
#include "secrets.h"
#include "selection.h"
#include "str.h"
#include "verity.h"

#define OWNER       "atoll"
#define INIT        "atoll-init"
#define KERNEL_BASE "debian/bookworm"

#define SECRETS_SHOWN 16

struct import {
	struct builder *b;
	const struct import_options *o;
	struct progress progress;
	struct bundle bundle;
	struct container_image image;
	struct tree tree;
	struct appliance *a;
	char *rootfs, *vmlinuz, *initramfs, *drivers;
	struct kernel kernel;
	struct package_list packages; /* that dpkg installed in the image */
	struct package kernel_package;
	struct filesystem_info info;
};

static void finish(struct import *x)
{
	progress_finish(&x->progress);
	bundle_finish(&x->bundle);
	container_image_finish(&x->image);
	tree_finish(&x->tree);
	appliance_free(x->a);
	kernel_finish(&x->kernel);
	package_list_finish(&x->packages);
	package_finish(&x->kernel_package);
	free(x->rootfs);
	free(x->vmlinuz);
	free(x->initramfs);
	free(x->drivers);
}

static int read_blob(void *data, const char *name, struct buf *out, struct err **err)
{
	struct import *x = data;
	cleanup_free char *path = NULL;
	int r = bundle_find_blob(&x->bundle, name, &path, err);

	return r < 0 ? r : file_read(path, CONTAINER_JSON_MAX, out, err);
}

static int read_json(struct import *x, const char *name, struct buf *out, struct err **err)
{
	cleanup_free char *path = NULL;
	int r = bundle_find(&x->bundle, name, &path, err);

	return r < 0 ? r : file_read(path, CONTAINER_JSON_MAX, out, err);
}

/* A docker archive may be a layout as well; its own list is what it was written for. */
static int read_what(struct import *x, struct err **err)
{
	const char *arch = x->b->arch ? x->b->arch : arch_host();
	bool docker = !x->bundle.folder && bundle_has(&x->bundle, "manifest.json");
	const char *name = docker ? "manifest.json" : "index.json";
	cleanup_buf struct buf text = BUF_INIT;
	int r;

	if (!bundle_has(&x->bundle, name))
		return err_set(err, EINVAL,
			       "neither an OCI image layout (index.json) nor a docker archive "
			       "(manifest.json)");
	r = read_json(x, name, &text, err);
	if (r == 0 && docker)
		r = container_read_docker(&text, &x->image, err);
	else if (r == 0)
		r = container_read_index(&text, arch, read_blob, x, &x->image, err);
	return r < 0 ? err_prefix(err, "%s", name) : 0;
}

static int read_config(struct import *x, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	int r = x->image.digests ? read_blob(x, x->image.config, &text, err)
				 : read_json(x, x->image.config, &text, err);

	if (r == 0)
		r = container_read_config(&text, &x->image, x->a, err);
	return r < 0 ? err_prefix(err, "%s", x->image.config) : 0;
}

/* "registry.example.org:5000/library/nginx:1.25" is "nginx". */
static char *short_name(const char *tag)
{
	const char *slash = tag ? strrchr(tag, '/') : NULL;
	const char *last = slash ? slash + 1 : tag;

	return last ? xstrndup(last, strcspn(last, ":@")) : xstrdup("");
}

static int choose_name(struct import *x, struct err **err)
{
	cleanup_free char *full = NULL;
	struct store_image *there;

	x->a->name = x->o->name ? xstrdup(x->o->name) : short_name(x->image.name);
	if (!str_is_name(x->a->name, 64))
		return err_set(
			err, EINVAL,
			"\"%s\" is no name for an appliance (small letters, digits and '-'); "
			"--name gives it one",
			x->a->name);
	if (str_eq(x->a->name, RECIPE_NAME_OF_KERNEL))
		return err_set(
			err, EINVAL,
			"the store keeps the tiny kernel as \"%s\"; --name names it differently",
			x->a->name);
	full = xasprintf("%s:%s", x->a->name, x->a->arch);
	if (x->o->force || store_get_image(x->b->store, full, &there, NULL) < 0)
		return 0;
	store_image_free(there);
	return err_set(err, EEXIST,
		       "there is an appliance \"%s\" already; --force replaces it, --name names "
		       "another",
		       x->a->name);
}

static void say_left_out(struct import *x, const struct layers *l)
{
	progress_clear(&x->progress);
	if (l->devices)
		log_warn("%s: left out, of devices, sockets and pipes: %zu", x->a->name,
			 l->devices);
	if (l->setuid)
		log_warn("%s: without their set-user-ID or set-group-ID bit, of programs: %zu",
			 x->a->name, l->setuid);
}

/* What keeps it from being of use, and is no reason to refuse it. */
static void say_missing(struct import *x)
{
	cleanup_strv char **notes = NULL;

	if (!x->tree.n)
		strv_append(&notes, "the image has no files");
	entry_check(x->a, &x->tree, &notes);
	progress_clear(&x->progress);
	for (char **n = notes; n && *n; n++)
		log_warn("%s: %s", x->a->name, *n);
}

static int apply_layers(struct import *x, struct err **err)
{
	struct layers l = { .ws = &x->b->ws, .tree = &x->tree };
	size_t n = strv_len(x->image.layers);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const char *name = x->image.layers[i];
		cleanup_free char *path = NULL;

		progress_stage(&x->progress, "layer %zu of %zu", i + 1, n);
		r = x->image.digests ? bundle_find_blob(&x->bundle, name, &path, err)
				     : bundle_find(&x->bundle, name, &path, err);
		l.origin = x->image.diff_ids ? x->image.diff_ids[i] : name;
		if (r == 0 && x->image.diff_ids)
			r = layer_check(path, x->image.diff_ids[i], err);
		if (r == 0)
			r = layer_apply(&l, path, err);
		if (r < 0)
			err_prefix(err, "%s", name);
	}
	if (r < 0)
		return r;
	say_left_out(x, &l);
	say_missing(x);
	return 0;
}

/* Where a machine mounts and writes what is its own. */
static int complete(struct import *x, struct err **err)
{
	static const struct {
		const char *path;
		mode_t mode;
	} folders[] = {
		{ "dev", 0755 }, { "etc", 0755 }, { "proc", 0555 },
		{ "run", 0755 }, { "sys", 0555 }, { "tmp", 01777 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		if (!tree_get(&x->tree, folders[i].path))
			tree_put_dir(&x->tree, folders[i].path, folders[i].mode, OWNER,
				     "standard folder");
	return tree_complete(&x->tree, err);
}

/* Of an image that is not Debian's, or whose database is damaged, no package is known. */
static void find_packages(struct import *x)
{
	cleanup_err struct err *err = NULL;

	if (dpkg_read(&x->tree, &x->packages, &err) == 0)
		return;
	progress_clear(&x->progress);
	log_warn("%s: no package is known: %s", x->a->name, err_msg(err));
}

/* What it is and what each is; a list that nobody would read to its end is cut. */
static char *list_secrets(const struct secrets *s)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < s->n && i < SECRETS_SHOWN; i++)
		buf_printf(&out, "%s/%s is %s", i ? ", " : "", s->found[i].node->path,
			   s->found[i].kind);
	if (s->n > SECRETS_SHOWN)
		buf_printf(&out, ", and %zu more", s->n - SECRETS_SHOWN);
	return buf_steal_str(&out);
}

static int check_secrets(struct import *x, struct err **err)
{
	cleanup_free char *list = NULL;
	struct secrets s;
	int r;

	progress_stage(&x->progress, "looking for secrets");
	r = secrets_find(&x->tree, x->o->allow_secrets, &s, err);
	if (r < 0)
		return r;
	list = list_secrets(&s);
	if (s.n)
		r = err_set(
			err, EINVAL,
			"%s; an appliance is for everybody who can read the store: take such "
			"files out of the image and give them to the machine by \"secrets:\" in "
			"the federation's file, or if everybody may have one, say "
			"--allow-secrets /%s",
			list, s.found[0].node->path);
	else if (s.unused)
		r = err_set(err, EINVAL,
			    "--allow-secrets: %s is not in the image, or nothing secret", s.unused);
	secrets_finish(&s);
	return r;
}

/* Nobody can take it out of somebody else's image, and it may be a default that everybody knows. */
static void warn_of_words(struct import *x)
{
	const struct {
		const char *what;
		char *const *words;
	} parts[] = { { "environment", x->a->env }, { "command", x->a->argv } };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const char *kind = secrets_in_words(parts[i].words);

		if (!kind)
			continue;
		progress_clear(&x->progress);
		log_warn("%s: its %s has %s, which everybody who can read the store reads; a "
			 "federation's file gives a machine its own by \"secrets:\"",
			 x->a->name, parts[i].what, kind);
	}
}

/* A fresh volume looks like the image's folder below it. */
static void describe_volumes(struct import *x)
{
	for (size_t i = 0; i < x->a->n_volumes; i++) {
		struct appliance_volume *v = &x->a->volumes[i];
		const struct tree_node *node = layer_find(&x->tree, v->target);

		if (!node || !S_ISDIR(node->mode))
			continue;
		v->owner = node->uid;
		v->group = node->gid;
		v->mode = node->mode & 07777;
	}
}

/* What others wrote may fit their programs and not the manifest; nothing is stored that could not be read. */
static int check_manifest(const struct import *x, struct err **err)
{
	cleanup_buf struct buf text = BUF_INIT;
	struct appliance *again;
	int r;

	appliance_write(x->a, &text);
	r = appliance_parse(buf_bytes(&text), text.len, &again, err);
	if (r < 0)
		return err_prefix(err, "an appliance cannot be as the image's config says");
	appliance_free(again);
	return 0;
}

static int fetch(struct import *x, const struct package *p, struct err **err)
{
	struct fetch_job job = { .url = p->url,
				 .mirrors = p->mirrors,
				 .name = p->name,
				 .dest = p->deb,
				 .size = p->size,
				 .max = (uint64_t)4 << 30 };

	if (kernel_is_cached(&x->b->ws, p) || file_exists(p->deb))
		return 0;
	memcpy(job.sha256, p->sha256, sizeof(job.sha256));
	progress_stage(&x->progress, "fetching %s", p->name);
	return fetch_all(&x->b->ws, &job, 1, progress_bytes, &x->progress, err);
}

static int add_kernel(struct import *x, struct err **err)
{
	cleanup_free char *init = NULL;
	struct package *package = &x->kernel_package;
	int r;

	if (!x->o->kernel) {
		strv_append(&x->a->kinds, "light");
		return 0;
	}
	r = program_find(INIT, x->a->arch, &init, err);
	if (r == 0)
		r = selection_open_universe(x->b, KERNEL_BASE, x->a->arch, &x->progress, err);
	if (r == 0)
		r = kernel_resolve(x->b->universe, x->o->kernel, x->a->arch, package, err);
	if (r == 0)
		r = fetch(x, package, err);
	if (r == 0)
		r = kernel_open(&x->b->ws, package, &x->kernel, err);
	if (r == 0)
		r = initramfs_make(&x->b->ws, &x->kernel, init, x->a->n_volumes > 0, &x->initramfs,
				   err);
	if (r == 0)
		r = drivers_make(&x->b->ws, &x->kernel, &x->drivers, err);
	if (r < 0)
		return r;
	x->vmlinuz = xasprintf("%s/vmlinuz", x->kernel.dir);
	x->a->kernel_version = xstrdup(x->kernel.version);
	return 0;
}

static int make_filesystem(struct import *x, struct err **err)
{
	struct verity verity;
	int r;

	progress_stage(&x->progress, "writing the file system");
	r = filesystem_make(&x->b->ws, &x->tree, &x->rootfs, &x->info, err);
	if (r == 0)
		r = verity_append(x->rootfs, &verity, err);
	if (r < 0)
		return r;
	x->a->verity = xstrdup(verity.root);
	x->a->verity_offset = verity.offset;
	return 0;
}

static int store_origins(struct import *x, struct store_image *image, struct err **err)
{
	cleanup_free char *base = dpkg_base(&x->tree);
	const struct package *kernel = x->o->kernel ? &x->kernel_package : NULL;
	const struct tree none = { 0 };
	struct origins o;
	int r = origins_make(&x->tree, &none, &x->packages, kernel, &o, err);

	if (r < 0)
		return r;
	o.bom.base = base;
	r = origins_store(x->b->store, &o, image, err);
	origins_finish(&o);
	return r;
}

static int store_it(struct import *x, struct err **err)
{
	struct store_image *image = xcalloc(1, sizeof(*image));
	const struct {
		const char *path;
		struct store_blob *blob;
	} files[] = {
		{ x->rootfs, &image->rootfs },          { x->vmlinuz, &image->kernel },
		{ x->kernel.vmlinux, &image->vmlinux }, { x->initramfs, &image->initramfs },
		{ x->drivers, &image->drivers },
	};
	int r = 0;

	progress_stage(&x->progress, "storing");
	for (size_t i = 0; i < ARRAY_SIZE(files) && r == 0; i++)
		if (files[i].path)
			r = store_add_file(x->b->store, files[i].path, files[i].blob, err);
	image->name = xstrdup(x->a->name);
	image->arch = xstrdup(x->a->arch);
	image->created = time(NULL);
	image->appliance = steal_ptr(x->a);
	if (r == 0)
		r = store_origins(x, image, err);
	if (r == 0)
		r = store_put_image(x->b->store, image, err);
	x->a = steal_ptr(image->appliance);
	store_image_free(image);
	return r;
}

static int run(struct import *x, struct err **err)
{
	int r = bundle_open(&x->b->ws, x->o->source, &x->bundle, err);

	if (r == 0)
		r = read_what(x, err);
	if (r == 0)
		r = read_config(x, err);
	if (r == 0)
		r = choose_name(x, err);
	if (r == 0)
		r = apply_layers(x, err);
	if (r == 0)
		r = complete(x, err);
	if (r == 0)
		r = check_secrets(x, err);
	if (r < 0)
		return r;
	warn_of_words(x);
	find_packages(x);
	describe_volumes(x);
	r = check_manifest(x, err);
	if (r == 0)
		r = add_kernel(x, err);
	if (r == 0)
		r = make_filesystem(x, err);
	return r < 0 ? r : store_it(x, err);
}

int import_image(struct builder *b, const struct import_options *o, struct err **err)
{
	struct import x = { .b = b, .o = o, .a = xcalloc(1, sizeof(*x.a)) };
	char plain[16], packed[16];
	int r;

	/* Names in UTF-8 stay the bytes that they are. */
	setlocale(LC_CTYPE, "C.UTF-8");
	progress_init(&x.progress, o->source, b->quiet);
	r = run(&x, err);
	if (r == 0)
		progress_result(&x.progress, "\"%s\", %zu file%s, %s, %s compressed", x.a->name,
				x.info.files, str_plural(x.info.files),
				str_from_size(x.info.bytes, plain),
				str_from_size(x.info.image_bytes, packed));
	finish(&x);
	return r < 0 ? err_prefix(err, "%s", o->source) : 0;
}
