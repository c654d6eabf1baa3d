/* SPDX-License-Identifier: MIT */
/*
 * The block device against any driver, over a small file that the host makes shorter or longer now and
 * then. The input's first byte chooses: 1 read-only, 2 without io_uring, 4 with a rate limit.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "vmm_driver.h"

#define SIZE 300000 /* ends inside of a sector */

struct disk {
	uint8_t choices;
	int fd; /* the device's */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct virtio *create(const struct device_host *host, void *data)
{
	struct disk *disk = data;
	const struct disk_options options = {
		.readonly = disk->choices & 1,
		.sync = disk->choices & 2,
		.rate = disk->choices & 4 ? 100000 : 0,
		.serial = "fuzz",
	};
	struct err *err = NULL;
	struct virtio *v = NULL;

	disk->fd = memfd_create("disk", MFD_CLOEXEC);
	if (disk->fd < 0 || ftruncate(disk->fd, SIZE) < 0)
		die("memfd: %m");
	if (dev_blk_create(host, &options, disk->fd, &v, &err) < 0)
		die("%s", err_msg(err));
	return v;
}

static void host(struct virtio *v, const uint8_t *bytes, size_t len, void *data)
{
	const struct disk *disk = data;

	(void)v;
	if (len && ftruncate(disk->fd, bytes[0] * (SIZE / 128)) < 0)
		die("ftruncate: %m");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmm_driver_target target = { .create = create, .host = host };
	struct disk disk;

	if (!size)
		return 0;
	disk.choices = data[0];
	vmm_driver_run(&target, &disk, data + 1, size - 1);
	return 0;
}
