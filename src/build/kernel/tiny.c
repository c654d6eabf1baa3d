/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation. The key (source package, config, compiler) names a kernel in the cache and is
 * the `input` of the image "kernel-tiny" in the store. tiny_open takes it from the first place that
 * has it: the cache, the store, the compiler; and puts it where it was not.
 *
 * The image has no root file system: no machine is started from it. Its `modules` are what is built
 * in, as the kernel's build says it (modules.builtin).
 */
#include "tiny.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "fd.h"
#include "mem.h"
#include "names.h"
#include "parallel.h"
#include "paths.h"
#include "recipe.h"
#include "str.h"

#define FORMAT      "2" /* of the key: how it is built */
#define ARCH        "amd64"
#define CONFIG      "appliances/kernel/tiny.config"
#define PATCH       "appliances/kernel/tiny.patch"
#define CONFIG_MAX  (1 << 20)
#define BUILTIN_MAX (1 << 20)
#define VMLINUZ     "arch/x86/boot/bzImage"
#define VMLINUZ_MAX (64 << 20)
#define RELEASE     "include/config/kernel.release"
#define RELEASE_MAX 128
#define HEADER      "/usr/include/gelf.h" /* of objtool, which the kernel builds for itself */

/* What the build runs. Asking each for its version shows whether it is there. */
static const struct {
	const char *program, *package;
} tools[] = {
	{ "make", "make" },   { "patch", "patch" }, { "ld", "binutils" }, { "flex", "flex" },
	{ "bison", "bison" }, { "bc", "bc" },       { "gcc", "gcc" },
};

/* The same bytes wherever and whenever it is built. */
static const char *const build_env[] = { "KBUILD_BUILD_TIMESTAMP",
					 "1970-01-01",
					 "KBUILD_BUILD_USER",
					 "atoll",
					 "KBUILD_BUILD_HOST",
					 "atoll",
					 "KBUILD_BUILD_VERSION",
					 "1",
					 "MAKEFLAGS",
					 "",
					 NULL };

/* --- the key --- */

int tiny_key(const struct package *source, struct sha256 *key, struct err **err)
{
	static const char *const ours[] = { CONFIG, PATCH };
	int r = 0;

	sha256_add_str(key, FORMAT);
	sha256_add_str(key, source->sha256);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(ours); i++) {
		cleanup_free char *path = paths_data(ours[i]);
		char hex[SHA256_HEX + 1];

		r = sha256_file(path, hex, err);
		if (r == 0)
			sha256_add_str(key, hex);
	}
	return r;
}

/* *version: what the last of the tools, the compiler, says of itself. */
static int check_tools(struct buf *version, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		const char *const argv[] = { tools[i].program, "--version", NULL };
		struct command c = { .argv = argv, .package = tools[i].package };
		cleanup_buf struct buf errors = BUF_INIT;
		int status, r;

		buf_clear(version);
		r = command_run(&c, version, &errors, &status, err);
		if (r < 0)
			return err_prefix(err, "building the tiny kernel");
	}
	if (!file_exists(HEADER))
		return err_set(err, ENOENT,
			       "building the tiny kernel: no %s; install the package libelf-dev",
			       HEADER);
	return 0;
}

static int whole_key(const struct package *source, char ret_hex[SHA256_HEX + 1], struct err **err)
{
	cleanup_buf struct buf compiler = BUF_INIT;
	struct sha256 key;
	int r = check_tools(&compiler, err);

	if (r < 0)
		return r;
	sha256_begin(&key);
	r = tiny_key(source, &key, err);
	sha256_add(&key, buf_bytes(&compiler), compiler.len);
	sha256_end(&key, ret_hex);
	return r;
}

/* --- in the store --- */

static struct store_image *find_in_store(struct store *store, const char *key)
{
	struct store_image *image;

	if (store_get_image(store, RECIPE_NAME_OF_KERNEL ":" ARCH, &image, NULL) < 0)
		return NULL;
	if (str_eq(image->input, key) && image->kernel.path && image->appliance->kernel_version &&
	    store_verify_image(store, image, NULL) == 0)
		return image;
	store_image_free(image);
	return NULL;
}

/* A kernel's folder as kernel_read knows it. builtin: the text of modules.builtin. */
static int write_folder(const char *dir, const char *version, const char *vmlinuz,
			const struct buf *builtin, struct err **err)
{
	cleanup_free char *modules = xasprintf("%s/modules", dir);
	cleanup_free char *builtin_path = xasprintf("%s/modules.builtin", modules);
	cleanup_free char *version_path = xasprintf("%s/version", dir);
	cleanup_free char *kernel_path = xasprintf("%s/vmlinuz", dir);
	cleanup_buf struct buf kernel = BUF_INIT;
	int r = dir_make(modules, 0755, err);

	if (r == 0)
		r = file_read(vmlinuz, VMLINUZ_MAX, &kernel, err);
	if (r == 0)
		r = file_write_atomic(kernel_path, buf_bytes(&kernel), kernel.len, 0644, err);
	if (r == 0)
		r = file_write_atomic(builtin_path, buf_bytes(builtin), builtin->len, 0644, err);
	if (r == 0)
		r = file_write_atomic(version_path, version, strlen(version), 0644, err);
	return r;
}

static int take_from_store(const struct store_image *image, const char *dir, struct err **err)
{
	cleanup_buf struct buf builtin = BUF_INIT;

	for (char **m = image->appliance->modules; m && *m; m++)
		buf_printf(&builtin, "%s\n", *m + 1);
	return write_folder(dir, image->appliance->kernel_version, image->kernel.path, &builtin,
			    err);
}

static int list_builtin(const struct kernel *k, char ***ret, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/modules/modules.builtin", k->dir);
	cleanup_buf struct buf text = BUF_INIT;
	cleanup_free char *lines = NULL;
	char *rest, *line;
	int r = file_read(path, BUILTIN_MAX, &text, err);

	if (r < 0)
		return r;
	rest = lines = buf_steal_str(&text);
	while ((line = strsep(&rest, "\n")))
		if (*line)
			strv_take(ret, xasprintf("/%s", line));
	return 0;
}

static int put_into_store(struct store *store, const struct kernel *k, const struct package *source,
			  struct err **err)
{
	cleanup_free char *vmlinuz = xasprintf("%s/vmlinuz", k->dir);
	struct store_image *image = xcalloc(1, sizeof(*image));
	struct appliance *a = xcalloc(1, sizeof(*a));
	int r;

	image->appliance = a;
	image->input = xstrdup(k->key);
	a->name = xstrdup(RECIPE_NAME_OF_KERNEL);
	a->version = xstrdup(source->version);
	a->arch = xstrdup(ARCH);
	a->kernel_version = xstrdup(k->version);
	r = list_builtin(k, &a->modules, err);
	if (r == 0)
		r = store_add_file(store, vmlinuz, &image->kernel, err);
	if (r == 0 && k->vmlinux)
		r = store_add_file(store, k->vmlinux, &image->vmlinux, err);
	if (r == 0)
		r = store_put_image(store, image, err);
	store_image_free(image);
	return r;
}

/* --- from the compiler --- */

struct listener {
	struct progress *progress;
	unsigned int files;
};

/* make says one line for each file. */
static void handle_output(const char *chunk, size_t len, void *data)
{
	struct listener *l = data;
	unsigned int before = l->files / 16;

	for (size_t i = 0; i < len; i++)
		l->files += chunk[i] == '\n';
	if (l->files / 16 != before)
		progress_stage(l->progress, "building the tiny kernel, %u files", l->files);
}

/* The last line that is not make's own, which says only which file it was. */
static char *last_word(struct buf *errors)
{
	cleanup_free char *text = buf_steal_str(errors);
	const char *found = "no message";
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n")))
		if (*line && !str_starts(line, "make"))
			found = line;
	return xstrdup(found);
}

/* A hunk that fits only somewhere near is refused: a newer source has to be looked at. */
static int apply_patch(const char *source, struct err **err)
{
	cleanup_free char *path = paths_data(PATCH);
	const char *const argv[] = { "patch", "-p1",  "--quiet", "--batch", "--fuzz=0",
				     "-d",    source, "-i",      path,      NULL };
	struct command c = { .argv = argv, .package = "patch" };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	int status, r = command_run(&c, &out, &errors, &status, err);

	if (r == 0 && status != 0) {
		cleanup_free char *last = command_last_line(&out);

		r = err_set(err, EINVAL, "%s: it does not fit this source: %s", path, last);
	}
	return r;
}

static int make(const char *source, const char *config, char *const *goals,
		struct progress *progress, struct err **err)
{
	cleanup_free char *jobs = NULL, *all = xasprintf("KCONFIG_ALLCONFIG=%s", config);
	struct listener listener = { .progress = progress };
	const char *argv[16] = { "make", "-C", source };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	struct command c = { .argv = argv,
			     .package = "make",
			     .env = build_env,
			     .heard = handle_output,
			     .data = &listener };
	size_t n = 3;
	int status, r;

	jobs = xasprintf("-j%zu", parallel_processors());
	argv[n++] = jobs;
	argv[n++] = "ARCH=x86_64";
	argv[n++] = "CROSS_COMPILE=";
	argv[n++] = "KCFLAGS=";
	argv[n++] = all;
	for (; *goals; goals++)
		argv[n++] = *goals;
	r = command_run(&c, &out, &errors, &status, err);
	if (r == 0 && status != 0) {
		cleanup_free char *last = last_word(&errors);

		r = err_set(err, EIO, "make %s: %s", argv[n - 1], last);
	}
	return r;
}

/* Kconfig drops silently what it does not know or whose needs are not met. */
static int check_config(const char *source, const char *config, struct err **err)
{
	cleanup_free char *made_path = xasprintf("%s/.config", source), *text = NULL, *have = NULL;
	cleanup_buf struct buf wanted = BUF_INIT, made = BUF_INIT;
	char *rest, *line;
	int r = file_read(config, CONFIG_MAX, &wanted, err);

	if (r == 0)
		r = file_read(made_path, CONFIG_MAX, &made, err);
	if (r < 0)
		return r;
	rest = text = buf_steal_str(&wanted);
	have = buf_steal_str(&made);
	while ((line = strsep(&rest, "\n"))) {
		cleanup_free char *whole = xasprintf("\n%s\n", line);

		if (str_starts(line, "CONFIG_") && !strstr(have, whole))
			return err_set(err, EINVAL, "%s: this kernel does not take the line %s",
				       config, line);
	}
	return 0;
}

static int keep_built(const char *source, const char *dir, struct err **err)
{
	cleanup_free char *release_path = xasprintf("%s/" RELEASE, source), *release = NULL;
	cleanup_free char *builtin_path = xasprintf("%s/modules.builtin", source);
	cleanup_free char *vmlinuz = xasprintf("%s/" VMLINUZ, source);
	cleanup_buf struct buf version = BUF_INIT, builtin = BUF_INIT;
	int r = file_read(release_path, RELEASE_MAX, &version, err);

	if (r == 0)
		r = file_read(builtin_path, BUILTIN_MAX, &builtin, err);
	if (r < 0)
		return r;
	release = buf_steal_str(&version);
	release[strcspn(release, "\n")] = '\0';
	return write_folder(dir, release, vmlinuz, &builtin, err);
}

static int build(struct workspace *ws, const struct package *package, const char *dir,
		 struct progress *progress, struct err **err)
{
	static char configure[] = "allnoconfig", kernel[] = "bzImage";
	char *const config_goals[] = { configure, NULL }, *const goals[] = { kernel, NULL };
	cleanup_free char *config = paths_data(CONFIG), *source = workspace_temp(ws, "linux");
	int r;

	progress_stage(progress, "unpacking the kernel's source");
	r = tiny_unpack_source(package, source, err);
	if (r == 0)
		r = apply_patch(source, err);
	if (r == 0)
		r = make(source, config, config_goals, progress, err);
	if (r == 0)
		r = check_config(source, config, err);
	if (r == 0)
		r = make(source, config, goals, progress, err);
	if (r == 0)
		r = keep_built(source, dir, err);
	if (r < 0)
		return err_prefix(err, "building the tiny kernel");
	return dir_remove(source, err);
}

/* --- the whole --- */

bool tiny_is_made(const struct workspace *ws, struct store *store, const struct package *source)
{
	cleanup_free char *dir = NULL;
	struct store_image *image;
	char key[SHA256_HEX + 1];

	if (whole_key(source, key, NULL) < 0)
		return false;
	dir = workspace_cached(ws, "kernel", key);
	image = find_in_store(store, key);
	store_image_free(image);
	return image || file_exists(dir);
}

static int make_folder(struct workspace *ws, const struct store_image *image,
		       const struct package *source, const char *cached, struct progress *progress,
		       struct err **err)
{
	cleanup_free char *dir = workspace_temp(ws, "kernel");
	int r = image ? take_from_store(image, dir, err) : build(ws, source, dir, progress, err);

	return r < 0 ? r : workspace_keep(dir, cached, err);
}

int tiny_open(struct workspace *ws, struct store *store, const struct package *source,
	      struct progress *progress, struct kernel *ret, struct err **err)
{
	struct store_image *image;
	cleanup_free char *dir = NULL;
	char key[SHA256_HEX + 1];
	struct kernel kernel = { 0 };
	int r;

	if (!str_eq(arch_host(), ARCH))
		return err_set(err, ENOTSUP, "the tiny kernel is built on " ARCH " only");
	r = whole_key(source, key, err);
	if (r < 0)
		return r;
	dir = workspace_cached(ws, "kernel", key);
	image = find_in_store(store, key);
	if (!file_exists(dir))
		r = make_folder(ws, image, source, dir, progress, err);
	if (r == 0)
		r = kernel_read(ws, key, &kernel, err);
	if (r == 0 && !image)
		r = put_into_store(store, &kernel, source, err);
	store_image_free(image);
	if (r < 0) {
		kernel_finish(&kernel);
		return r;
	}
	kernel.monolithic = true;
	*ret = kernel;
	return 0;
}
