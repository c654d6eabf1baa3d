/* SPDX-License-Identifier: MIT */
/*
 * The balloon (virtio 1.2, 5.5): memory that the guest does without goes back to the host, at our wish
 * (the balloon proper, by page numbers) and by the guest's own (free-page reporting, by buffers).
 *
 * Giving back is advice: when the host cannot (huge pages want whole ones), the memory stays and the
 * driver is told that all is well. A page that is not the guest's is a fault of the driver.
 */
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "devices.h"
#include "mem.h"

#define PAGE_SHIFT 12 /* VIRTIO_BALLOON_PFN_SHIFT, whatever the guest's pages are */
#define PAGE       (UINT64_C(1) << PAGE_SHIFT)

/* Queues count only those that there are: without statistics and hinting, reporting comes third. */
enum { INFLATE, DEFLATE, REPORTING, QUEUES };

#define QUEUE_SIZE 128
/* Of a turn. A chain of the inflate queue may name any number of pages: it waits with a rest. */
#define TURN_PAGES  1024
#define TURN_CHAINS 32

struct balloon {
	struct virtio v;
	uint32_t target, actual; /* pages: num_pages and actual of the configuration space */
	size_t done;             /* bytes of the inflate queue's next chain that were served */
};

static struct balloon *balloon_of(struct virtio *v)
{
	return CONTAINER_OF(v, struct balloon, v);
}

static uint64_t features(struct virtio *v)
{
	(void)v;
	return UINT64_C(1) << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
	       UINT64_C(1) << VIRTIO_BALLOON_F_REPORTING;
}

static void read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	const struct balloon *b = balloon_of(v);
	const struct virtio_balloon_config config = { .num_pages = b->target, .actual = b->actual };

	virtio_read_config(&config, sizeof(config), offset, dst, len);
}

static void write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	struct balloon *b = balloon_of(v);

	if (v->active && offset == offsetof(struct virtio_balloon_config, actual) &&
	    len == sizeof(b->actual))
		memcpy(&b->actual, src, len);
}

/* Whether it was the guest's memory. */
static bool discard(struct virtio *v, uint64_t gpa, uint64_t len)
{
	return memory_discard(v->memory, gpa, len) != -EFAULT;
}

/*
 * Pages that follow each other, up or down (Linux takes them from the top), are given back by one
 * call.
 */
static bool discard_pages(struct virtio *v, const uint32_t *pfns, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		uint64_t first = pfns[i], last = pfns[i];

		for (run = 1; i + run < n; run++) {
			if (pfns[i + run] == last + 1)
				last++;
			else if (pfns[i + run] + UINT64_C(1) == first)
				first--;
			else
				break;
		}
		if (!discard(v, first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT))
			return false;
	}
	return true;
}

static bool inflate(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	struct balloon *b = balloon_of(v);
	uint32_t pfns[TURN_PAGES];
	const size_t n = chain_read(chain, b->done, pfns, sizeof(pfns));

	if (!discard_pages(v, pfns, n / sizeof(pfns[0]))) {
		virtio_needs_reset(v, "a page that the machine does not have");
		return false;
	}
	v->counters.out_bytes += n / sizeof(pfns[0]) * PAGE;
	b->done += n;
	if (b->done < chain->out_len) {
		queue_unpop(&v->queues[queue]);
		virtio_again(v, queue);
		return false;
	}
	b->done = 0;
	v->counters.out_ops++;
	queue_push(&v->queues[queue], chain->head, 0);
	return true;
}

/* The guest uses pages again without asking: they come as it touches them. */
static bool deflate(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	v->counters.in_ops++;
	v->counters.in_bytes += chain->out_len / sizeof(uint32_t) * PAGE;
	queue_push(&v->queues[queue], chain->head, 0);
	return true;
}

/* Where a buffer of a chain is in the guest. */
static uint64_t gpa_of(const struct memory *m, const uint8_t *host)
{
	size_t i = 0;

	while (host < m->regions[i].host || host >= m->regions[i].host + m->regions[i].size)
		i++;
	return m->regions[i].base + (uint64_t)(host - m->regions[i].host);
}

/* The buffers themselves are the free pages; what does not fill a page is left alone. */
static bool report(struct virtio *v, unsigned int queue, const struct chain *chain)
{
	for (unsigned int i = 0; i < chain->n_in; i++) {
		const struct iovec *iov = &chain->iov[chain->n_out + i];
		const uint64_t gpa = gpa_of(v->memory, iov->iov_base);
		const uint64_t first = (gpa + PAGE - 1) & ~(PAGE - 1);
		const uint64_t end = (gpa + iov->iov_len) & ~(PAGE - 1);

		if (first < end && discard(v, first, end - first))
			v->counters.out_bytes += end - first;
	}
	v->counters.out_ops++;
	queue_push(&v->queues[queue], chain->head, 0);
	return true;
}

static void notify(struct virtio *v, unsigned int queue)
{
	static bool (*const serve[QUEUES])(struct virtio *, unsigned int, const struct chain *) = {
		[INFLATE] = inflate,
		[DEFLATE] = deflate,
		[REPORTING] = report,
	};

	/* One chain of the inflate queue is a turn's number of pages. */
	virtio_serve(v, queue, queue == INFLATE ? 1 : TURN_CHAINS, serve[queue]);
}

static void activate(struct virtio *v)
{
	(void)v;
}

static void reset(struct virtio *v)
{
	struct balloon *b = balloon_of(v);

	b->actual = 0;
	b->done = 0;
}

static void destroy(struct virtio *v)
{
	virtio_finish(v);
	free(balloon_of(v));
}

static const struct virtio_ops balloon_ops = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.features = features,
	.read_config = read_config,
	.write_config = write_config,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

int dev_balloon_create(const struct device_host *host, struct virtio **ret, struct err **err)
{
	struct balloon *b = xcalloc(1, sizeof(*b));
	int r = virtio_init(&b->v, &balloon_ops, "balloon", host->memory, host->loop, QUEUES,
			    QUEUE_SIZE, err);

	if (r < 0) {
		free(b);
		return r;
	}
	*ret = &b->v;
	return 0;
}

void dev_balloon_set_target(struct virtio *v, uint64_t bytes)
{
	struct balloon *b = balloon_of(v);

	b->target = (uint32_t)((bytes < v->memory->size ? bytes : v->memory->size) >> PAGE_SHIFT);
	virtio_config_changed(v);
}

uint64_t dev_balloon_size(struct virtio *v)
{
	const uint64_t bytes = (uint64_t)balloon_of(v)->actual << PAGE_SHIFT;

	return bytes < v->memory->size ? bytes : v->memory->size;
}
