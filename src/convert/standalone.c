/* SPDX-License-Identifier: MIT */
#include "standalone.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "abi_wire.h"
#include "copy.h"
#include "elf_scan.h"
#include "fd.h"
#include "log.h"
#include "mem.h"
#include "names.h"
#include "newc.h"
#include "str.h"

#define TINY          "-tiny" /* appliances/kernel/tiny.config */
#define BUSYBOX       "/bin/busybox"
#define INITRAMFS_MAX (1 << 30)

char *standalone_label(const struct appliance_volume *v)
{
	return xasprintf("vol-%s", v->name);
}

bool standalone_has_network(const struct appliance *a)
{
	for (size_t i = 0; i < a->n_services; i++)
		if (a->services[i].target && str_starts(a->services[i].target, "tcp/"))
			return true;
	return false;
}

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

static void add_volumes(struct guest_config *g, const struct appliance *a)
{
	for (size_t i = 0; i < a->n_volumes; i++) {
		const struct appliance_volume *v = &a->volumes[i];
		struct guest_mount *m = msg_records_add(&g->mounts, sizeof(*m));
		cleanup_free char *label = standalone_label(v);

		m->target = xstrdup(v->target);
		m->device = xasprintf("%s%s", WIRE_STANDALONE_PARTITION, label);
		m->owner = v->owner;
		m->group = v->group;
		m->mode = v->mode;
	}
}

/* `partition`: root and volumes are partitions. Without links there is nobody to tell about services. */
static int make_config(const struct store_image *image, bool partition, struct buf *out,
		       struct err **err)
{
	const struct appliance *a = image->appliance;
	struct wire_start *start = xcalloc(1, sizeof(*start));
	struct guest_config *g = msg_records_add(&start->guest, sizeof(*g));
	int r;

	start->version = WIRE_VERSION;
	start->network = standalone_has_network(a);
	if (partition)
		start->verity = appliance_verity(a);
	g->hostname = xstrdup(image->name);
	g->argv = strv_dup(a->argv);
	g->prepare = strv_dup(a->prepare);
	g->env = strv_dup(a->env);
	g->user = dup_or_null(a->user);
	g->workdir = dup_or_null(a->workdir);
	g->modules = strv_dup(a->modules);
	if (partition)
		add_volumes(g, a);
	r = msg_encode(&wire_start_type, start, out);
	msg_free(&wire_start_type, start);
	return r < 0 ? err_set_errno(err, -r, "the machine's configuration") : 0;
}

/* atoll-init of an older version would wait for a monitor. */
static int check_init(const struct store_image *image, struct err **err)
{
	cleanup_buf struct buf bytes = BUF_INIT;
	int r;

	if (!image->kernel.path || !image->initramfs.path)
		return err_set(err, EINVAL, "it has no kernel: %s",
			       image->appliance->base
				       ? "its recipe says that it runs as light machine only"
				       : "'atoll import --kernel cloud --force' brings one in");
	if (str_ends(image->appliance->kernel_version, TINY))
		return err_set(
			err, EINVAL,
			"its kernel is for Atoll's own machines: it has no driver for a "
			"computer's bus; take \"kernel: cloud\" or \"generic\" in the recipe");
	r = file_read(image->initramfs.path, INITRAMFS_MAX, &bytes, err);
	if (r < 0)
		return r;
	if (memmem(buf_bytes(&bytes), bytes.len, WIRE_STANDALONE_FILE,
		   strlen(WIRE_STANDALONE_FILE)))
		return 0;
	return err_set(err, EINVAL,
		       "it is of an older version and cannot start by itself; build it again");
}

/* It has to run where nothing else is: without a library. */
static int check_busybox(const char *path, struct err **err)
{
	const struct tree_node node = { .mode = S_IFREG, .content = (char *)(uintptr_t)path };
	struct elf_facts facts = { 0 };
	int r = elf_scan(&node, ELF_NAMES, NULL, &facts, err);
	bool good = r == 1 && !facts.interpreter;

	elf_facts_finish(&facts);
	if (r < 0 || good)
		return r < 0 ? r : 0;
	return err_set(err, ENOEXEC,
		       "%s is not static, so it cannot be the DHCP client of a machine; install "
		       "the package busybox-static",
		       path);
}

/* This computer's own; a machine of another architecture goes without. */
static int add_dhcp(struct export *x, struct newc *n, struct err **err)
{
	int r;

	if (!standalone_has_network(x->image->appliance))
		return 0;
	if (!str_eq(x->image->arch, arch_host())) {
		progress_clear(x->progress);
		log_warn("%s: there is no DHCP client for %s here: the machine gets IPv6 addresses "
			 "alone",
			 x->image->name, x->image->arch);
		return 0;
	}
	if (!file_exists(BUSYBOX))
		return err_set(err, ENOENT, "%s is missing; install the package busybox-static",
			       BUSYBOX);
	r = check_busybox(BUSYBOX, err);
	return r < 0 ? r : newc_add_file(n, &WIRE_STANDALONE_DHCP[1], BUSYBOX, 0755, err);
}

static int add_all(struct export *x, bool with_root, struct newc *n, struct err **err)
{
	cleanup_buf struct buf config = BUF_INIT;
	int r = make_config(x->image, !with_root, &config, err);

	if (r == 0)
		r = newc_add(n, &WIRE_STANDALONE_FILE[1], S_IFREG | 0644, 0, &config, err);
	if (r == 0)
		r = add_dhcp(x, n, err);
	if (r == 0 && with_root)
		r = newc_add_tree(n, "image", &x->tree, err);
	return r;
}

static int write_all(struct export *x, bool with_root, int fd, struct err **err)
{
	uint64_t end = (x->image->initramfs.size + 511) / 512 * 512;
	int r = copy_file_to(x->image->initramfs.path, fd, 0, err);
	struct newc *n;

	if (r < 0)
		return r;
	if (ftruncate(fd, (off_t)end) < 0 || lseek(fd, 0, SEEK_END) < 0)
		return err_set_errno(err, errno, "initramfs");
	r = newc_append(fd, &n, err);
	if (r == 0)
		r = newc_end(n, add_all(x, with_root, n, err), err);
	if (r < 0 || !x->image->drivers.path)
		return r;
	return copy_file_to(x->image->drivers.path, fd, (uint64_t)lseek(fd, 0, SEEK_END), err);
}

int standalone_initramfs(struct export *x, bool with_root, char **ret_path, struct err **err)
{
	cleanup_free char *path = workspace_temp(x->ws, "standalone");
	cleanup_fd int fd = -1;
	int r = check_init(x->image, err);

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = write_all(x, with_root, fd, err);
	if (r == 0)
		*ret_path = steal_ptr(path);
	return r;
}
