/* SPDX-License-Identifier: MIT */
/* The balloon against any driver; the host changes its target now and then. */
#include <string.h>

#include "log.h"
#include "vmm_driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct virtio *create(const struct device_host *host, void *data)
{
	struct err *err = NULL;
	struct virtio *v = NULL;

	(void)data;
	if (dev_balloon_create(host, &v, &err) < 0)
		die("%s", err_msg(err));
	return v;
}

static void host(struct virtio *v, const uint8_t *bytes, size_t len, void *data)
{
	uint64_t target = 0;

	(void)data;
	memcpy(&target, bytes, len < sizeof(target) ? len : sizeof(target));
	dev_balloon_set_target(v, target);
	if (dev_balloon_size(v) > v->memory->size)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vmm_driver_target target = { .create = create, .host = host };

	vmm_driver_run(&target, NULL, data, size);
	return 0;
}
