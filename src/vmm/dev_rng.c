/* SPDX-License-Identifier: MIT */
/* The entropy device (virtio 1.2, 5.4): fills what it is given with the host kernel's random bytes. */
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices.h"
#include "fd.h"
#include "mem.h"

/*
 * Bytes of one buffer: the device may use less than it is given (5.4.6.2), and up to this many come
 * without interruption from random(4). Linux asks for 64.
 */
#define BUFFER_MAX 256
#define TURN       64 /* buffers, before others have theirs */

struct rng {
	struct virtio virtio;
	int fd; /* read instead of getrandom(2), so that the jail need not allow that */
};

static struct rng *rng_of(struct virtio *v)
{
	return CONTAINER_OF(v, struct rng, virtio);
}

static uint64_t features(struct virtio *v)
{
	(void)v;
	return 0;
}

static void read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	(void)v;
	(void)offset;
	memset(dst, 0, len);
}

static void write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	(void)v;
	(void)offset;
	(void)src;
	(void)len;
}

static void nothing(struct virtio *v)
{
	(void)v;
}

static bool serve(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	uint8_t bytes[BUFFER_MAX];
	const size_t want = chain->in_len < BUFFER_MAX ? chain->in_len : BUFFER_MAX;

	if (chain->n_out) {
		virtio_needs_reset(v, "a buffer that is not for the device to write");
		return false;
	}
	if (read(rng_of(v)->fd, bytes, want) != (ssize_t)want) {
		virtio_needs_reset(v, "the host gives no random bytes: %m");
		return false;
	}
	queue_push(&v->queues[queue], chain->head, (uint32_t)chain_write(chain, 0, bytes, want));
	v->counters.in_ops++;
	v->counters.in_bytes += want;
	return true;
}

static void notify(struct virtio *v, unsigned int queue)
{
	virtio_serve(v, queue, TURN, serve);
}

static void destroy(struct virtio *v)
{
	virtio_finish(v);
	fd_close(&rng_of(v)->fd);
	free(rng_of(v));
}

static const struct virtio_ops rng_ops = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.features = features,
	.read_config = read_config,
	.write_config = write_config,
	.activate = nothing,
	.notify = notify,
	.reset = nothing,
	.destroy = destroy,
};

int dev_rng_create(const struct device_host *host, int random_fd, struct virtio **ret,
		   struct err **err)
{
	struct rng *rng = xcalloc(1, sizeof(*rng));
	int r = virtio_init(&rng->virtio, &rng_ops, "rng", host->memory, host->loop, 1, 64, err);

	rng->fd = random_fd;
	if (r < 0) {
		fd_close(&rng->fd);
		free(rng);
		return r;
	}
	*ret = &rng->virtio;
	return 0;
}
