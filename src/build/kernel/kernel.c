/* SPDX-License-Identifier: MIT */
#include "kernel.h"

#include <errno.h>
#include <string.h>

#include "deb.h"
#include "fd.h"
#include "mem.h"
#include "str.h"
#include "tree.h"
#include "vmlinux.h"

#define IMAGE_PREFIX "linux-image-"
#define CLOUD        "-cloud-"
#define VMLINUZ      "boot/vmlinuz-"
#define MODULES      "usr/lib/modules/"
#define VERSION_MAX  128
#define VMLINUZ_MAX  (64 << 20)
#define VMLINUX      "vmlinux-2" /* the number of how it is made: a change makes all of them anew */

/* The metapackage whose dependency is the newest kernel, or its source. */
static const struct {
	const char *kernel, *arch, *package, *prefix;
} metapackages[] = {
	{ "cloud", "amd64", "linux-image-cloud-amd64", IMAGE_PREFIX },
	{ "cloud", "arm64", "linux-image-cloud-arm64", IMAGE_PREFIX },
	{ "generic", "amd64", "linux-image-amd64", IMAGE_PREFIX },
	{ "generic", "arm64", "linux-image-arm64", IMAGE_PREFIX },
	{ KERNEL_TINY, "amd64", "linux-source", "linux-source-" },
};

static bool is_row(size_t i, const char *kernel, const char *arch)
{
	return str_eq(metapackages[i].kernel, kernel) && str_eq(metapackages[i].arch, arch);
}

/* A kernel's package tells by its name whose dependency it was. */
static bool has_name_of(size_t i, const char *package)
{
	return str_starts(package, metapackages[i].prefix) &&
	       !strstr(package, CLOUD) == !strstr(metapackages[i].package, CLOUD);
}

const char *kernel_wanted(const struct recipe *recipe)
{
	return recipe->kernel ? recipe->kernel : KERNEL_DEFAULT;
}

bool kernel_is(const char *kernel, const char *arch, const char *package)
{
	for (size_t i = 0; i < ARRAY_SIZE(metapackages); i++)
		if (is_row(i, kernel, arch) && has_name_of(i, package))
			return true;
	return false;
}

const char *kernel_of(const char *package, const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(metapackages); i++)
		if (str_eq(metapackages[i].arch, arch) && has_name_of(i, package))
			return metapackages[i].kernel;
	return NULL;
}

int kernel_resolve(struct universe *u, const char *kernel, const char *arch, struct package *ret,
		   struct err **err)
{
	cleanup_free char *name = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(metapackages); i++) {
		if (!is_row(i, kernel, arch))
			continue;
		r = universe_follow(u, metapackages[i].package, metapackages[i].prefix, &name, err);
		if (r == 0)
			r = universe_find(u, name, ret, err);
		return r < 0 ? err_prefix(err, "%s kernel for %s", kernel, arch) : 0;
	}
	return err_set(err, ENOENT, "%s kernel for %s: there is none that we know of", kernel,
		       arch);
}

void kernel_finish(struct kernel *k)
{
	free(k->version);
	free(k->dir);
	free(k->vmlinux);
	free(k->key);
	*k = (struct kernel){ 0 };
}

bool kernel_is_cached(const struct workspace *ws, const struct package *package)
{
	cleanup_free char *dir = workspace_cached(ws, "kernel", package->sha256);

	return file_exists(dir);
}

struct unpacking {
	const char *dir;
	char *version;
};

/* Extracts to DIR/NAME; NAME has no "..", and the folder holds no links that could lead out. */
static int extract_to(struct archive *a, const char *dir, const char *name, struct err **err)
{
	cleanup_free char *path = xasprintf("%s/%s", dir, name);
	cleanup_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = dir_make(parent, 0755, err);

	return r < 0 ? r : deb_extract(a, path, err);
}

static int handle_entry(struct archive *a, struct archive_entry *entry, void *data,
			struct err **err)
{
	struct unpacking *u = data;
	const char *name = archive_entry_pathname(entry);
	cleanup_free char *path = NULL;

	if (!name || tree_path(name, &path) < 0)
		return err_set(err, EINVAL, "it has a path that leads outside or is too long");
	if (archive_entry_filetype(entry) != AE_IFREG)
		return 0;
	if (str_starts(path, VMLINUZ) && !u->version) {
		u->version = xstrdup(path + strlen(VMLINUZ));
		return extract_to(a, u->dir, "vmlinuz", err);
	}
	if (str_starts(path, MODULES)) {
		const char *below = strchr(path + strlen(MODULES), '/');
		cleanup_free char *to = below ? xasprintf("modules%s", below) : NULL;

		return to ? extract_to(a, u->dir, to, err) : 0;
	}
	return 0;
}

static int unpack(struct workspace *ws, const struct package *package, const char *cached,
		  struct err **err)
{
	cleanup_free char *dir = workspace_temp(ws, "kernel");
	cleanup_free char *version_path = xasprintf("%s/version", dir);
	struct unpacking u = { .dir = dir };
	int r = dir_make(dir, 0755, err);

	if (r == 0)
		r = deb_each_data(package->deb, handle_entry, &u, err);
	if (r == 0 && (!u.version || strlen(u.version) > VERSION_MAX))
		r = err_set(err, EBADMSG, "it has no /boot/vmlinuz-VERSION");
	if (r == 0)
		r = file_write_atomic(version_path, u.version, strlen(u.version), 0644, err);
	free(u.version);
	if (r < 0)
		return err_prefix(err, "package \"%s\"", package->name);
	return workspace_keep(dir, cached, err);
}

/* NULL for kernels of other processors, which have no such thing. */
static int unpack_vmlinux(struct workspace *ws, const char *dir, char **ret_path, struct err **err)
{
	cleanup_free char *packed_path = xasprintf("%s/vmlinuz", dir), *temp = NULL;
	cleanup_free char *path = xasprintf("%s/" VMLINUX, dir);
	cleanup_buf struct buf packed = BUF_INIT, elf = BUF_INIT;
	cleanup_err struct err *cause = NULL;
	int r = file_exists(path) ? 0 : file_read(packed_path, VMLINUZ_MAX, &packed, err);

	if (r == 0 && packed.len) {
		r = vmlinux_unpack(buf_bytes(&packed), packed.len, &elf, &cause);
		if (r == 0)
			r = vmlinux_trim(&elf, &cause);
		if (r < 0)
			return r == -ENOEXEC
				       ? 0
				       : err_set(err, -r, "%s: %s", packed_path, err_msg(cause));
		r = workspace_write(ws, buf_bytes(&elf), elf.len, &temp, err);
		if (r == 0)
			r = workspace_keep(temp, path, err);
	}
	if (r == 0)
		*ret_path = steal_ptr(path);
	return r;
}

int kernel_read(struct workspace *ws, const char *key, struct kernel *ret, struct err **err)
{
	cleanup_free char *dir = workspace_cached(ws, "kernel", key);
	cleanup_free char *version_path = xasprintf("%s/version", dir), *vmlinux = NULL;
	cleanup_buf struct buf version = BUF_INIT;
	int r = file_read(version_path, VERSION_MAX, &version, err);

	if (r == 0)
		r = unpack_vmlinux(ws, dir, &vmlinux, err);
	if (r < 0)
		return r;
	*ret = (struct kernel){ .version = buf_steal_str(&version),
				.dir = steal_ptr(dir),
				.vmlinux = steal_ptr(vmlinux),
				.key = xstrdup(key) };
	return 0;
}

int kernel_open(struct workspace *ws, const struct package *package, struct kernel *ret,
		struct err **err)
{
	cleanup_free char *dir = workspace_cached(ws, "kernel", package->sha256);
	int r = file_exists(dir) ? 0 : unpack(ws, package, dir, err);

	return r < 0 ? r : kernel_read(ws, package->sha256, ret, err);
}
