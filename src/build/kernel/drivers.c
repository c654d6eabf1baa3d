/* SPDX-License-Identifier: MIT */
#include "drivers.h"

#include <string.h>
#include <sys/stat.h>

#include "fd.h"
#include "mem.h"
#include "modules.h"
#include "newc.h"
#include "sha256.h"
#include "str.h"

#define FORMAT "1" /* of the contents: a change makes all of them anew */
#define FOLDER "drivers"

/* A kernel has those that it has: Debian's cloud kernel, a third of them. */
static const char *const drivers[] = {
	/* disks */
	"sd_mod",     /* whatever speaks SCSI: all but Xen, NVMe and virtio-blk */
	"ata_piix",   /* IDE of QEMU, VMware, VirtualBox, Hyper-V's generation 1, Xen */
	"ahci",       /* SATA: VirtualBox, VMware, QEMU's q35, computers */
	"nvme",       /* VMware, VirtualBox, clouds, computers */
	"vmw_pvscsi", /* VMware */
	"mptspi",     /* LSI Logic of VMware and VirtualBox */
	"mptsas",     /* LSI Logic SAS, too */
	"sym53c8xx",  /* QEMU */
	"BusLogic",   /* VMware, VirtualBox */
	"virtio_scsi", "hv_storvsc", "xen_blkfront",
	/* USB sticks */
	"ehci_pci", "xhci_pci", "uas", "usb_storage",
	/* NICs; of virtio's the initramfs has the driver */
	"vmxnet3",               /* VMware */
	"e1000", "e1000e",       /* VMware, VirtualBox, QEMU, computers */
	"pcnet32",               /* VirtualBox, VMware */
	"ena", "gve", "ixgbevf", /* clouds */
	"igb", "r8169",          /* computers */
	"hv_netvsc", "xen_netfront",
	/* buses that are devices themselves */
	"hv_vmbus"
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct writing {
	struct newc *n;
	const char *dir; /* of the modules */
	struct modules *modules;
	struct buf load;
	char **added; /* paths */
};

static int add_file(struct writing *w, const char *path, struct err **err)
{
	cleanup_free char *source = xasprintf("%s/%s", w->dir, path);
	cleanup_free char *name = xasprintf(FOLDER "/%s", base_of(path));

	if (strv_has(w->added, path))
		return 0;
	strv_append(&w->added, path);
	return newc_add_file(w->n, name, source, 0644, err);
}

/* Aliases of devices say of which bus: "pci:v00008086d…". */
static void add_lines(struct writing *w, char *const *paths)
{
	char *const *aliases = modules_aliases(w->modules, paths[strv_len(paths) - 1]);

	for (; aliases && *aliases; aliases++) {
		if (!strchr(*aliases, ':') || strpbrk(*aliases, " \n"))
			continue;
		buf_append_str(&w->load, *aliases);
		for (char *const *p = paths; *p; p++)
			buf_printf(&w->load, " %s", base_of(*p));
		buf_append_str(&w->load, "\n");
	}
}

static int add_driver(struct writing *w, const char *name, struct err **err)
{
	char *const wanted[] = { (char *)(uintptr_t)name, NULL };
	cleanup_strv char **paths = NULL;
	int r = modules_order_some(w->modules, NULL, wanted, &paths, err);

	if (r < 0 || !paths)
		return r;
	for (char **p = paths; *p && r == 0; p++)
		r = add_file(w, *p, err);
	add_lines(w, paths);
	return r;
}

static int add_all(struct writing *w, struct err **err)
{
	int r = newc_add(w->n, FOLDER, S_IFDIR | 0755, 0, NULL, err);

	for (size_t i = 0; i < ARRAY_SIZE(drivers) && r == 0; i++)
		r = add_driver(w, drivers[i], err);
	return r < 0 ? r : newc_add(w->n, FOLDER "/load", S_IFREG | 0644, 0, &w->load, err);
}

static int write_to(const char *path, const struct kernel *kernel, struct err **err)
{
	cleanup_free char *dir = xasprintf("%s/modules", kernel->dir);
	struct writing w = { .dir = dir };
	int r = modules_open(dir, &w.modules, err);

	if (r < 0)
		return r;
	r = newc_create(path, true, &w.n, err);
	if (r == 0)
		r = newc_end(w.n, add_all(&w, err), err);
	modules_close(w.modules);
	buf_free(&w.load);
	strv_free(w.added);
	return r < 0 ? err_prefix(err, "drivers") : 0;
}

static void make_key(const struct kernel *kernel, char ret_hex[SHA256_HEX + 1])
{
	struct sha256 key;

	sha256_begin(&key);
	sha256_add_str(&key, FORMAT);
	sha256_add_str(&key, kernel->key);
	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
		sha256_add_str(&key, drivers[i]);
	sha256_end(&key, ret_hex);
}

int drivers_make(struct workspace *ws, const struct kernel *kernel, char **ret_path,
		 struct err **err)
{
	cleanup_free char *cached = NULL, *temp = NULL;
	char key[SHA256_HEX + 1];
	int r = 0;

	if (kernel->monolithic)
		return 0;
	make_key(kernel, key);
	cached = workspace_cached(ws, "drivers", key);
	if (!file_exists(cached)) {
		temp = workspace_temp(ws, "drivers");
		r = write_to(temp, kernel, err);
		if (r == 0)
			r = workspace_keep(temp, cached, err);
	}
	if (r == 0)
		*ret_path = steal_ptr(cached);
	return r;
}
