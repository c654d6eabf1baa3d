/* SPDX-License-Identifier: MIT */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "abi_wire.h"
#include "bios.h"
#include "command.h"
#include "copy.h"
#include "fat.h"
#include "gpt.h"
#include "mem.h"
#include "standalone.h"
#include "str.h"
#include "uki.h"

#define ALIGN       (UINT64_C(1) << 20) /* partitions */
#define VOLUME_SIZE (UINT64_C(1) << 30)
#define VOLUME_UUID "61746f6c-6c2d-4170-706c-69616e636532"

/* A disk that is being made. */
struct disk {
	struct export *x;
	int fd;
	struct uki uki;
	struct fat fat;
	struct gpt gpt;
	char *initramfs;
	uint64_t end; /* bytes of it that are given away */
	uint64_t esp_at;
};

static uint64_t round_up(uint64_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* Gives the next whole mebibytes to a partition; where it begins. */
static uint64_t add_partition(struct disk *d, const char *type, const char *name, uint64_t bytes)
{
	struct gpt_partition *p = &d->gpt.parts[d->gpt.n++];
	uint64_t at = d->end;

	p->type = type;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->first = at / GPT_SECTOR;
	p->sectors = round_up(bytes) / GPT_SECTOR;
	d->end = at + round_up(bytes);
	return at;
}

/* Between the table and the first mebibyte is room enough for the loader. */
static void add_loader(struct disk *d)
{
	struct gpt_partition *p = &d->gpt.parts[d->gpt.n++];

	p->type = GPT_TYPE_BIOS;
	strcpy(p->name, "boot loader");
	p->first = GPT_FIRST;
	p->sectors = ALIGN / GPT_SECTOR - GPT_FIRST;
	d->end = ALIGN;
}

static int plan_boot(struct disk *d, struct err **err)
{
	const struct store_image *image = d->x->image;
	int r = standalone_initramfs(d->x, false, &d->initramfs, err);

	d->uki = (struct uki){ .arch = image->arch,
			       .kernel = image->kernel.path,
			       .initramfs = d->initramfs,
			       .command_line = STANDALONE_LINE,
			       .title = image->name };
	if (r == 0)
		r = uki_plan(&d->uki, err);
	if (r < 0)
		return r;
	d->fat = (struct fat){ .name = uki_file_name(image->arch),
			       .size = d->uki.bytes,
			       .serial = 0x61746f6c };
	return fat_plan(&d->fat, err);
}

/* All of a FAT with the kernel image in it. */
static int write_esp(struct disk *d, struct err **err)
{
	int r;

	d->esp_at = add_partition(d, GPT_TYPE_ESP, "ESP", d->fat.bytes);
	r = fat_write(&d->fat, d->fd, d->esp_at, err);
	return r < 0 ? r : uki_write(&d->uki, d->fd, d->esp_at + d->fat.file_at, err);
}

/* Kernel and initramfs are where the ESP has them; other architectures' firmware is no BIOS. */
static int write_loader(struct disk *d, uint8_t loader[BIOS_LOADER], struct err **err)
{
	uint64_t file = d->esp_at + d->fat.file_at;
	struct bios_boot b = { .block = BIOS_SECTOR,
			       .rest = GPT_FIRST,
			       .kernel = d->uki.kernel_at,
			       .initramfs = d->uki.initramfs_at,
			       .command_line = STANDALONE_LINE };
	int r;

	b.kernel.byte += file;
	b.initramfs.byte += file;
	r = bios_make(&b, loader, err);
	if (r < 0)
		return r;
	return copy_write_at(d->fd, GPT_FIRST * GPT_SECTOR, loader + BIOS_SECTOR,
			     BIOS_LOADER - BIOS_SECTOR, err);
}

static int make_ext4(const char *path, struct err **err)
{
	const char *const argv[] = {
		"mke2fs",    "-q",   "-F",
		"-t",        "ext4", "-U",
		VOLUME_UUID, "-E",   "hash_seed=" VOLUME_UUID ",root_owner=0:0",
		"-I",        "256",  path,
		NULL
	};
	const char *const env[] = { "E2FSPROGS_FAKE_TIME", "1", "MKE2FS_CONFIG", "/dev/null",
				    NULL };
	struct command c = { .argv = argv, .package = "e2fsprogs", .env = env };
	cleanup_buf struct buf out = BUF_INIT, errors = BUF_INIT;
	cleanup_free char *line = NULL;
	int status, r = command_run(&c, &out, &errors, &status, err);

	if (r < 0 || status == 0)
		return r;
	line = command_last_line(&errors);
	return err_set(err, EIO, "mke2fs failed with %d: %s", status, line);
}

static int write_volume(struct disk *d, const struct appliance_volume *v, struct err **err)
{
	cleanup_free char *label = standalone_label(v);
	cleanup_free char *path = workspace_temp(d->x->ws, "volume");
	uint64_t at = add_partition(d, GPT_TYPE_LINUX, label, VOLUME_SIZE);
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r = 0;

	if (fd < 0 || ftruncate(fd, (off_t)VOLUME_SIZE) < 0)
		r = err_set_errno(err, errno, "%s", path);
	if (fd >= 0)
		close(fd);
	if (r == 0)
		r = make_ext4(path, err);
	if (r == 0)
		r = copy_file_to(path, d->fd, at, err);
	unlink(path);
	return r < 0 ? err_prefix(err, "volume \"%s\"", v->name) : 0;
}

static int write_partitions(struct disk *d, struct err **err)
{
	const struct store_image *image = d->x->image;
	const struct appliance *a = image->appliance;
	uint64_t root;
	int r;

	add_loader(d);
	r = write_esp(d, err);
	if (r < 0)
		return r;
	root = add_partition(d, GPT_TYPE_ROOT, WIRE_STANDALONE_ROOT, image->rootfs.size);
	r = copy_file_to(image->rootfs.path, d->fd, root, err);
	if (a->n_volumes > GPT_MAX - d->gpt.n)
		return err_set(err, E2BIG, "it has more volumes than a disk has partitions");
	for (size_t i = 0; i < a->n_volumes && r == 0; i++)
		r = write_volume(d, &a->volumes[i], err);
	return r;
}

static int write_all(struct disk *d, struct err **err)
{
	uint8_t loader[BIOS_LOADER];
	bool bios = str_eq(d->x->image->arch, "amd64");
	int r = plan_boot(d, err);

	if (r == 0)
		r = write_partitions(d, err);
	if (r == 0 && bios)
		r = write_loader(d, loader, err);
	if (r < 0)
		return r;
	d->gpt.seed = d->x->image->digest;
	d->gpt.sectors = (d->end + ALIGN) / GPT_SECTOR;
	if (ftruncate(d->fd, (off_t)(d->gpt.sectors * GPT_SECTOR)) < 0)
		return err_set_errno(err, errno, "writing");
	return gpt_write(&d->gpt, bios ? loader : NULL, d->fd, err);
}

int disk_write(struct export *x, int fd, struct err **err)
{
	struct disk *d = xcalloc(1, sizeof(*d));
	int r;

	d->x = x;
	d->fd = fd;
	r = write_all(d, err);
	uki_finish(&d->uki);
	free(d->initramfs);
	free(d);
	return r;
}

int disk_open(struct export *x, size_t block, struct sparse *ret, struct err **err)
{
	cleanup_free char *path = workspace_temp(x->ws, "disk");
	int r, fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set_errno(err, errno, "%s", path);
	r = disk_write(x, fd, err);
	if (r < 0)
		close(fd);
	return r < 0 ? r : sparse_open(fd, block, ret, err);
}
