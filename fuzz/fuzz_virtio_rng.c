/* SPDX-License-Identifier: MIT */
/* The entropy device against any driver. */
#include <fcntl.h>

#include "log.h"
#include "vmm_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct virtio *create(const struct device_host *host, void *data)
{
	struct err *err = NULL;
	struct virtio *v = NULL;

	(void)data;
	if (dev_rng_create(host, open("/dev/urandom", O_RDONLY | O_CLOEXEC), &v, &err) < 0)
		die("%s", err_msg(err));
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmm_driver_target target = { .create = create };

	vmm_driver_run(&target, NULL, data, size);
	return 0;
}
