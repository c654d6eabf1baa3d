/* SPDX-License-Identifier: MIT */
#include "initramfs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd.h"
#include "mem.h"
#include "modules.h"
#include "newc.h"
#include "sha256.h"
#include "str.h"

#define FORMAT "3" /* of the contents: a change makes all of them anew */

/* For every kind of virtual machine: its buses, its devices, and the file systems of an image, verified. */
static const char *const core[] = { "virtio_mmio",    "virtio_pci", "virtio_blk", "virtio_net",
				    "virtio_console", "virtio_rng", "sha256",     "dm_verity",
				    "erofs",          "overlay",    NULL };

/* Of volumes: the largest of all. */
static const char *const storage[] = { "ext4", NULL };

/*
 * The power button, where it is ACPI's; and verity's hash by the processor's own instructions, nearly four
 * times as fast. A processor without them does not take the module, and the kernel's own code hashes.
 */
static const char *const optional[] = { "button", "sha256_ssse3", NULL };

static char **wanted(bool volumes)
{
	char **names = strv_dup((char *const *)(uintptr_t)core);

	for (size_t i = 0; volumes && storage[i]; i++)
		strv_append(&names, storage[i]);
	return names;
}

static int add_modules(struct newc *n, const struct kernel *kernel, bool volumes, struct err **err)
{
	cleanup_free char *dir = xasprintf("%s/modules", kernel->dir);
	cleanup_buf struct buf load = BUF_INIT;
	cleanup_strv char **paths = NULL, **names = wanted(volumes);
	struct modules *modules;
	int r = modules_open(dir, &modules, err);

	if (r < 0)
		return r;
	if (!kernel->monolithic)
		r = modules_order_some(modules, names, (char *const *)(uintptr_t)optional, &paths,
				       err);
	modules_close(modules);
	for (char **p = paths; p && *p && r == 0; p++) {
		const char *base = strrchr(*p, '/') ? strrchr(*p, '/') + 1 : *p;
		cleanup_free char *source = xasprintf("%s/%s", dir, *p);
		cleanup_free char *path = xasprintf("modules/%s", base);

		buf_printf(&load, "%s\n", base);
		r = newc_add_file(n, path, source, 0644, err);
	}
	return r < 0 ? r : newc_add(n, "modules/load", S_IFREG | 0644, 0, &load, err);
}

static int add_all(struct newc *n, const struct kernel *kernel, const char *init, bool volumes,
		   struct err **err)
{
	static const char *const folders[] = { "dev", "proc", "sys", "modules" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
		r = newc_add(n, folders[i], S_IFDIR | 0755, 0, NULL, err);
	if (r == 0)
		r = newc_add(n, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, err);
	if (r == 0)
		r = newc_add_file(n, "init", init, 0755, err);
	if (r == 0)
		r = add_modules(n, kernel, volumes, err);
	return r;
}

static int write_to(const char *path, const struct kernel *kernel, const char *init, bool volumes,
		    struct err **err)
{
	struct newc *n;
	int r = newc_create(path, false, &n, err);

	if (r == 0)
		r = newc_end(n, add_all(n, kernel, init, volumes, err), err);
	return r < 0 ? err_prefix(err, "initramfs") : 0;
}

static int make_key(const struct kernel *kernel, const char *init, bool volumes,
		    char ret_hex[SHA256_HEX + 1], struct err **err)
{
	cleanup_strv char **names = wanted(volumes);
	char init_hex[SHA256_HEX + 1];
	struct sha256 key;
	int r = sha256_file(init, init_hex, err);

	if (r < 0)
		return r;
	sha256_begin(&key);
	sha256_add_str(&key, FORMAT);
	sha256_add_str(&key, kernel->key);
	sha256_add_str(&key, init_hex);
	for (char **name = names; *name; name++)
		sha256_add_str(&key, *name);
	for (size_t i = 0; optional[i]; i++)
		sha256_add_str(&key, optional[i]);
	sha256_end(&key, ret_hex);
	return 0;
}

int initramfs_make(struct workspace *ws, const struct kernel *kernel, const char *init,
		   bool volumes, char **ret_path, struct err **err)
{
	cleanup_free char *cached = NULL, *temp = NULL;
	char key[SHA256_HEX + 1];
	int r = make_key(kernel, init, volumes, key, err);

	if (r < 0)
		return r;
	cached = workspace_cached(ws, "initramfs", key);
	if (!file_exists(cached)) {
		temp = workspace_temp(ws, "initramfs");
		r = write_to(temp, kernel, init, volumes, err);
		if (r == 0)
			r = workspace_keep(temp, cached, err);
	}
	if (r == 0)
		*ret_path = steal_ptr(cached);
	return r;
}
