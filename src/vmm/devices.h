/* SPDX-License-Identifier: MIT */
/*
 * The virtio devices, one file each. A constructor takes over the descriptors it is given (on failure
 * too) and gives the device's common part; virtio->ops->destroy ends it.
 */
#ifndef VMM_DEVICES_H
#define VMM_DEVICES_H

#include "options.h"
#include "virtio.h"

/* What every device gets. */
struct device_host {
	const struct memory *memory;
	struct loop *loop;
};

/* dev_blk.c: a raw file. fd: open as options->readonly says. */
int dev_blk_create(const struct device_host *host, const struct disk_options *options, int fd,
		   struct virtio **ret, struct err **err);

/* dev_net.c: frames; fd is a stream socket (frames behind their length), or a tap. */
int dev_net_create(const struct device_host *host, const struct nic_options *options, int index,
		   int fd, bool tap, struct virtio **ret, struct err **err);

/* dev_console.c: ports by name; fds[i] is port i's stream socket. */
int dev_console_create(const struct device_host *host, const struct port_options *ports,
		       const int *fds, size_t n, struct virtio **ret, struct err **err);

/* dev_rng.c */
/* random_fd: where its bytes are read from, /dev/urandom; taken over in any case. */
int dev_rng_create(const struct device_host *host, int random_fd, struct virtio **ret,
		   struct err **err);

/* dev_balloon.c, with free-page reporting */
int dev_balloon_create(const struct device_host *host, struct virtio **ret, struct err **err);
/* What the host wants the guest to do without, in bytes; what it says that it does without now. */
void dev_balloon_set_target(struct virtio *v, uint64_t bytes);
uint64_t dev_balloon_size(struct virtio *v);

#endif
