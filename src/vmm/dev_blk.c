/* SPDX-License-Identifier: MIT */
/*
 * The virtio block device (virtio 1.2, 5.2) over a raw file: one queue. What the file does and how is
 * disk_io.h's; here is what the guest asks and is told.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bucket.h"
#include "devices.h"
#include "disk_io.h"
#include "fd.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * A request's chain is a header that we read, data that we read or write, and a status byte that we
 * write, the last of the chain; where one descriptor ends and the next begins means nothing (2.7.4.1).
 * Each request that is under way has a slot, with its data's places in guest memory and its disk
 * request: nothing is allocated after the start. A slot has room for a FEW places; what is in more
 * pieces takes one of the MANY lists, or waits for one. Both are taken from the last one given back,
 * so that no more of their memory is touched than the guest's deepest queue needs.
 *
 * The queue is taken from until it is empty, slots, lists or the turn's budget are used up, or the rate
 * limit says to wait. While there is something left that we come back to ourselves, we ask for no
 * notifications.
 *
 * A reset waits for what the kernel still reads from or writes to guest memory: after it, that memory is
 * the driver's.
 */

#define SECTOR       512
#define SLOTS        QUEUE_SIZE_MAX
#define SEGMENTS_MAX (QUEUE_SIZE_MAX - 2) /* of data, beside header and status */
#define FEW          16                   /* pieces that a slot has room for */
#define MANY         64                   /* lists for requests in more */
#define ID_SIZE      VIRTIO_BLK_ID_BYTES
#define TURN_BYTES   (16u << 20)
#define RANGES_MAX   16 /* segments of a discard or write-zeroes request */
#define ZERO_MAX                                                                                   \
	(8u << 20)       /* bytes of a segment; a file that cannot is written to, piece by piece */
#define ALIGN_SECTORS  8 /* discards are of use from a page of the host's on */
#define PHYSICAL_SHIFT 3 /* and writes too */

struct slot {
	struct disk_request request;
	uint16_t index, head;
	uint32_t type;
	uint32_t used; /* bytes of the writable part that are written when all went well */
	uint8_t *status;
	/* Of a discard or write-zeroes request: what is still to do. */
	unsigned int range, n_ranges;
	struct virtio_blk_discard_write_zeroes ranges[RANGES_MAX];
	struct iovec *iov; /* few, or one of blk's lists */
	struct iovec few[FEW];
};

typedef struct iovec iov_list[CHAIN_IOV_MAX];

struct blk {
	struct virtio virtio;
	int fd;
	bool readonly, stopping, waiting;
	uint64_t capacity; /* sectors */
	struct virtio_blk_config config;
	char id[ID_SIZE];
	struct disk_io *io;
	struct bucket bytes, ops;
	struct source *timer; /* of the rate limit */
	struct chain chain;   /* of the request that begins */
	struct slot *slots;   /* SLOTS */
	uint16_t free[SLOTS]; /* indices of slots, the next one last */
	unsigned int n_free;
	iov_list *lists;                /* MANY */
	struct iovec *free_lists[MANY]; /* the next one last */
	unsigned int n_free_lists;
	unsigned int turn_requests; /* taken in this turn */
	uint64_t turn_bytes;        /* bytes_moved when it began */
};

static struct blk *blk_of(struct virtio *v)
{
	return CONTAINER_OF(v, struct blk, virtio);
}

/* Ends */

static void complete(struct blk *blk, struct slot *slot, uint8_t status)
{
	blk->free[blk->n_free++] = slot->index;
	if (slot->iov != slot->few)
		blk->free_lists[blk->n_free_lists++] = slot->iov;
	if (!blk->virtio.active || blk->stopping)
		return;
	*slot->status = status;
	queue_push(&blk->virtio.queues[0], slot->head, status == VIRTIO_BLK_S_OK ? slot->used : 0);
}

static void count(struct blk *blk, const struct slot *slot, uint64_t bytes)
{
	struct virtio_counters *c = &blk->virtio.counters;

	if (slot->type == VIRTIO_BLK_T_IN) {
		c->in_ops++;
		c->in_bytes += bytes;
	} else if (slot->type == VIRTIO_BLK_T_OUT) {
		c->out_ops++;
		c->out_bytes += bytes;
	}
}

/* Data */

static bool in_range(const struct blk *blk, uint64_t sector, uint64_t sectors)
{
	return sector <= blk->capacity && sectors <= blk->capacity - sector;
}

static uint8_t begin_transfer(struct blk *blk, struct slot *slot, uint64_t sector)
{
	const struct chain *c = &blk->chain;
	const bool in = slot->type == VIRTIO_BLK_T_IN;
	const size_t len = in ? c->in_len - 1 : c->out_len - sizeof(struct virtio_blk_outhdr);
	struct disk_request *r = &slot->request;

	if ((!in && blk->readonly) || len % SECTOR || !in_range(blk, sector, len / SECTOR))
		return VIRTIO_BLK_S_IOERR;
	if (in)
		r->n_iov = chain_in(c, 0, len, slot->iov);
	else
		r->n_iov = chain_out(c, sizeof(struct virtio_blk_outhdr), len, slot->iov);
	slot->used = in ? (uint32_t)c->in_len : 1;
	r->op = in ? DISK_READ : DISK_WRITE;
	r->offset = sector * SECTOR;
	r->len = len;
	bucket_pay(&blk->bytes, len);
	count(blk, slot, len);
	return VIRTIO_BLK_S_OK;
}

static uint8_t begin_flush(struct blk *blk, struct slot *slot, uint64_t sector)
{
	(void)blk;
	(void)sector;
	slot->request.op = DISK_FLUSH;
	return VIRTIO_BLK_S_OK;
}

static uint8_t begin_id(struct blk *blk, struct slot *slot, uint64_t sector)
{
	const struct chain *c = &blk->chain;
	const size_t len = c->in_len - 1 < ID_SIZE ? c->in_len - 1 : ID_SIZE;

	(void)sector;
	chain_write(c, 0, blk->id, len);
	slot->used = (uint32_t)(c->in_len - 1 > ID_SIZE ? ID_SIZE : c->in_len);
	return VIRTIO_BLK_S_OK;
}

/* Ranges: discard and write zeroes */

static bool is_discard(const struct slot *slot)
{
	return slot->type == VIRTIO_BLK_T_DISCARD;
}

static uint8_t check_range(const struct blk *blk, const struct slot *slot,
			   const struct virtio_blk_discard_write_zeroes *range)
{
	const uint32_t known = is_discard(slot) ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	const uint32_t max = is_discard(slot) ? blk->config.max_discard_sectors
					      : blk->config.max_write_zeroes_sectors;

	if (range->flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	if (range->num_sectors > max || !in_range(blk, range->sector, range->num_sectors))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t begin_ranges(struct blk *blk, struct slot *slot, uint64_t sector)
{
	const size_t len = blk->chain.out_len - sizeof(struct virtio_blk_outhdr);
	uint8_t status = VIRTIO_BLK_S_OK;

	(void)sector;
	if (blk->readonly)
		return VIRTIO_BLK_S_UNSUPP;
	if (!len || len % sizeof(slot->ranges[0]) || len > sizeof(slot->ranges))
		return VIRTIO_BLK_S_IOERR;
	chain_read(&blk->chain, sizeof(struct virtio_blk_outhdr), slot->ranges, len);
	slot->n_ranges = (unsigned int)(len / sizeof(slot->ranges[0]));
	for (unsigned int i = 0; i < slot->n_ranges && !status; i++) {
		status = check_range(blk, slot, &slot->ranges[i]);
		if (!is_discard(slot))
			bucket_pay(&blk->bytes, (uint64_t)slot->ranges[i].num_sectors * SECTOR);
	}
	return status;
}

/* False when no range is left. */
static bool next_range(struct slot *slot)
{
	const struct virtio_blk_discard_write_zeroes *range;
	struct disk_request *r = &slot->request;

	while (slot->range < slot->n_ranges && !slot->ranges[slot->range].num_sectors)
		slot->range++;
	if (slot->range == slot->n_ranges)
		return false;
	range = &slot->ranges[slot->range++];
	r->op = is_discard(slot) ? DISK_DISCARD : range->flags ? DISK_UNMAP : DISK_ZERO;
	r->offset = range->sector * SECTOR;
	r->len = (uint64_t)range->num_sectors * SECTOR;
	return true;
}

/* Requests */

static const struct request_type {
	uint32_t type;
	/* Prepares the slot; VIRTIO_BLK_S_OK, or how the request ends here. */
	uint8_t (*begin)(struct blk *blk, struct slot *slot, uint64_t sector);
} request_types[] = {
	{ VIRTIO_BLK_T_IN, begin_transfer },    { VIRTIO_BLK_T_OUT, begin_transfer },
	{ VIRTIO_BLK_T_FLUSH, begin_flush },    { VIRTIO_BLK_T_GET_ID, begin_id },
	{ VIRTIO_BLK_T_DISCARD, begin_ranges }, { VIRTIO_BLK_T_WRITE_ZEROES, begin_ranges },
};

static uint8_t begin(struct blk *blk, struct slot *slot, const struct virtio_blk_outhdr *header)
{
	for (size_t i = 0; i < ARRAY_SIZE(request_types); i++)
		if (request_types[i].type == header->type)
			return request_types[i].begin(blk, slot, header->sector);
	return VIRTIO_BLK_S_UNSUPP;
}

static bool is_transfer(const struct slot *slot)
{
	return slot->type == VIRTIO_BLK_T_IN || slot->type == VIRTIO_BLK_T_OUT;
}

/* Gives the disk what is next of a request; false when there is nothing. */
static bool go_on(struct blk *blk, struct slot *slot)
{
	if (slot->type == VIRTIO_BLK_T_GET_ID || (is_transfer(slot) && !slot->request.len) ||
	    (slot->n_ranges && !next_range(slot)))
		return false;
	slot->request.iov = slot->iov;
	disk_io_queue(blk->io, &slot->request);
	return true;
}

/* Whether blk->chain is in more pieces than a slot has room for. */
static bool has_many(const struct blk *blk)
{
	return blk->chain.n_out + blk->chain.n_in > FEW;
}

static struct slot *take_slot(struct blk *blk)
{
	const uint16_t index = blk->free[--blk->n_free];
	struct slot *slot = &blk->slots[index];

	slot->index = index;
	slot->iov = has_many(blk) ? blk->free_lists[--blk->n_free_lists] : slot->few;
	slot->range = slot->n_ranges = 0;
	slot->used = 1;
	return slot;
}

/* What the driver may not take for durable, 5.2.6.2: without a cache, a write ends on the medium. */
static bool is_stable(const struct blk *blk)
{
	const uint64_t features = blk->virtio.features;

	if (features & (UINT64_C(1) << VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config.wce;
	return !(features & (UINT64_C(1) << VIRTIO_BLK_F_FLUSH));
}

/* blk->chain as a request; -EBADMSG when it has no place for a status. */
static int begin_chain(struct blk *blk)
{
	const struct chain *c = &blk->chain;
	const struct iovec *last = &c->iov[c->n_out + c->n_in - 1];
	struct virtio_blk_outhdr header;
	struct slot *slot;
	uint8_t status;

	if (!c->n_in)
		return -EBADMSG;
	slot = take_slot(blk);
	slot->head = c->head;
	slot->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	slot->request = (struct disk_request){ .stable = is_stable(blk) };
	if (chain_read(c, 0, &header, sizeof(header)) < sizeof(header)) {
		complete(blk, slot, VIRTIO_BLK_S_IOERR);
		return 0;
	}
	slot->type = header.type;
	status = begin(blk, slot, &header);
	if (status != VIRTIO_BLK_S_OK || !go_on(blk, slot))
		complete(blk, slot, status);
	return 0;
}

static bool is_throttled(struct blk *blk)
{
	int64_t now, ops, bytes;

	if (!blk->bytes.rate && !blk->ops.rate)
		return false;
	now = clock_ns();
	if (bucket_ready(&blk->ops, now) && bucket_ready(&blk->bytes, now)) {
		bucket_pay(&blk->ops, 1);
		return false;
	}
	ops = bucket_wait_ms(&blk->ops, now);
	bytes = bucket_wait_ms(&blk->bytes, now);
	source_arm(blk->timer, ops > bytes ? ops : bytes);
	blk->virtio.counters.throttled++;
	blk->waiting = true;
	return true;
}

static uint64_t bytes_moved(const struct blk *blk)
{
	return blk->virtio.counters.in_bytes + blk->virtio.counters.out_bytes;
}

enum taken {
	TAKEN_ALL,    /* the queue is empty */
	TAKEN_SLOTS,  /* no slot or list is left: what completes comes back here */
	TAKEN_ENOUGH, /* the timer or our own doorbell comes back here, or nobody after a fault */
};

static enum taken take_requests(struct blk *blk)
{
	struct queue *q = &blk->virtio.queues[0];

	while (blk->n_free) {
		int r;

		if (blk->turn_requests++ >= SLOTS ||
		    bytes_moved(blk) - blk->turn_bytes > TURN_BYTES) {
			virtio_again(&blk->virtio, 0);
			return TAKEN_ENOUGH;
		}
		r = queue_pop(q, &blk->chain);
		if (r == 0)
			return TAKEN_ALL;
		if (r > 0 && has_many(blk) && !blk->n_free_lists) {
			queue_unpop(q);
			return TAKEN_SLOTS;
		}
		if (r > 0 && is_throttled(blk)) {
			queue_unpop(q);
			return TAKEN_ENOUGH;
		}
		if (r > 0)
			r = begin_chain(blk);
		if (r < 0) {
			virtio_needs_reset(&blk->virtio, "what is in its queue is not a request");
			return TAKEN_ENOUGH;
		}
	}
	return TAKEN_SLOTS;
}

/* Whether there may be more to take at once: the driver was quick, or requests completed already. */
static bool has_more(struct blk *blk, enum taken taken)
{
	if (!blk->virtio.active || taken == TAKEN_ENOUGH)
		return false;
	return taken == TAKEN_SLOTS ? blk->n_free && blk->n_free_lists
				    : queue_want_notify(&blk->virtio.queues[0], true);
}

static void serve(struct blk *blk)
{
	enum taken taken = TAKEN_ENOUGH;
	bool more;

	blk->turn_requests = 0;
	blk->turn_bytes = bytes_moved(blk);
	do {
		if (blk->virtio.active && !blk->waiting) {
			queue_want_notify(&blk->virtio.queues[0], false);
			taken = take_requests(blk);
		}
		more = disk_io_submit(blk->io);
	} while (!more && has_more(blk, taken));
	if (more)
		virtio_again(&blk->virtio, 0);
	virtio_flush(&blk->virtio, 0);
}

static void handle_done(struct disk_request *r, void *data)
{
	struct blk *blk = data;
	struct slot *slot = CONTAINER_OF(r, struct slot, request);

	if (r->result == 0 && slot->n_ranges && !blk->stopping && go_on(blk, slot))
		return;
	complete(blk, slot, r->result < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK);
}

static void handle_idle(void *data)
{
	serve(data);
}

static void handle_timer(void *data)
{
	struct blk *blk = data;

	blk->waiting = false;
	serve(blk);
}

static const struct disk_io_ops io_ops = { handle_done, handle_idle };

/* The device, to the transport */

static uint64_t features(struct virtio *v)
{
	const struct blk *blk = blk_of(v);
	uint64_t bits = UINT64_C(1) << VIRTIO_BLK_F_SEG_MAX | UINT64_C(1) << VIRTIO_BLK_F_BLK_SIZE |
			UINT64_C(1) << VIRTIO_BLK_F_TOPOLOGY | UINT64_C(1) << VIRTIO_BLK_F_FLUSH;

	if (blk->readonly)
		return bits | UINT64_C(1) << VIRTIO_BLK_F_RO;
	return bits | UINT64_C(1) << VIRTIO_BLK_F_CONFIG_WCE | UINT64_C(1) << VIRTIO_BLK_F_DISCARD |
	       UINT64_C(1) << VIRTIO_BLK_F_WRITE_ZEROES;
}

static void read_config(struct virtio *v, uint32_t offset, void *dst, unsigned int len)
{
	const struct blk *blk = blk_of(v);

	virtio_read_config(&blk->config, sizeof(blk->config), offset, dst, len);
}

/* The driver may turn the cache on and off, and write nothing else. */
static void write_config(struct virtio *v, uint32_t offset, const void *src, unsigned int len)
{
	struct blk *blk = blk_of(v);

	if (offset == offsetof(struct virtio_blk_config, wce) && len == 1 && !blk->readonly)
		blk->config.wce = *(const uint8_t *)src & 1;
}

static void activate(struct virtio *v)
{
	struct blk *blk = blk_of(v);

	/* A driver that never flushes has to have no cache (5.2.5.2). */
	blk->config.wce = v->features >> VIRTIO_BLK_F_FLUSH & 1;
}

static void notify(struct virtio *v, unsigned int queue)
{
	(void)queue;
	serve(blk_of(v));
}

static void reset(struct virtio *v)
{
	struct blk *blk = blk_of(v);

	blk->stopping = true;
	disk_io_drain(blk->io);
	blk->stopping = blk->waiting = false;
	blk->config.wce = 1;
}

static void destroy(struct virtio *v)
{
	struct blk *blk = blk_of(v);

	blk->stopping = true;
	disk_io_destroy(blk->io);
	source_clear(blk->timer);
	virtio_finish(v);
	fd_close(&blk->fd);
	free(blk->slots);
	free(blk->lists);
	free(blk);
}

static const struct virtio_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.features = features,
	.read_config = read_config,
	.write_config = write_config,
	.activate = activate,
	.notify = notify,
	.reset = reset,
	.destroy = destroy,
};

static void fill_config(struct blk *blk)
{
	const uint64_t capacity = blk->capacity;

	blk->config = (struct virtio_blk_config){
		.capacity = capacity,
		.seg_max = SEGMENTS_MAX,
		.blk_size = SECTOR,
		.physical_block_exp = PHYSICAL_SHIFT,
		.wce = 1,
	};
	if (blk->readonly)
		return;
	blk->config.max_discard_sectors = capacity < UINT32_MAX ? (uint32_t)capacity : UINT32_MAX;
	blk->config.max_discard_seg = RANGES_MAX;
	blk->config.discard_sector_alignment = ALIGN_SECTORS;
	blk->config.max_write_zeroes_sectors = ZERO_MAX / SECTOR;
	blk->config.max_write_zeroes_seg = RANGES_MAX;
	blk->config.write_zeroes_may_unmap = 1;
}

/* The file, its size and whether it may be written to. */
static int examine(struct blk *blk, struct err **err)
{
	const off_t size = lseek(blk->fd, 0, SEEK_END);
	const int flags = fcntl(blk->fd, F_GETFL);

	if (size < 0 || flags < 0)
		return err_set_errno(err, errno, "must be a file or a block device");
	if (!blk->readonly && (flags & O_ACCMODE) != O_RDWR)
		return err_set(err, EINVAL, "is not open for writing; say that it is read-only");
	blk->capacity = ((uint64_t)size + SECTOR - 1) / SECTOR;
	return 0;
}

static void fill_slots(struct blk *blk)
{
	blk->slots = xcalloc(SLOTS, sizeof(blk->slots[0]));
	for (blk->n_free = 0; blk->n_free < SLOTS; blk->n_free++)
		blk->free[blk->n_free] = (uint16_t)(SLOTS - 1 - blk->n_free);
	blk->lists = xcalloc(MANY, sizeof(blk->lists[0]));
	for (blk->n_free_lists = 0; blk->n_free_lists < MANY; blk->n_free_lists++)
		blk->free_lists[blk->n_free_lists] = blk->lists[MANY - 1 - blk->n_free_lists];
}

static int create(struct blk *blk, const struct device_host *host,
		  const struct disk_options *options, struct err **err)
{
	const char *serial = options->serial;
	char name[32];
	int r;

	snprintf(name, sizeof(name), "disk%s%s", *serial ? " " : "", serial);
	memcpy(blk->id, serial, strnlen(serial, ID_SIZE));
	r = virtio_init(&blk->virtio, &blk_ops, name, host->memory, host->loop, 1, QUEUE_SIZE_MAX,
			err);
	if (r == 0)
		r = examine(blk, err);
	if (r == 0)
		r = disk_io_create(host->loop, blk->fd, SLOTS, options->sync, &io_ops, blk,
				   &blk->io, err);
	if (r < 0)
		return err_prefix(err, "%s", name);
	fill_config(blk);
	fill_slots(blk);
	bucket_init(&blk->bytes, options->rate, clock_ns());
	bucket_init(&blk->ops, options->iops, clock_ns());
	blk->timer = loop_add_timer(host->loop, handle_timer, blk);
	return 0;
}

int dev_blk_create(const struct device_host *host, const struct disk_options *options, int fd,
		   struct virtio **ret, struct err **err)
{
	struct blk *blk = xcalloc(1, sizeof(*blk));
	int r;

	blk->fd = fd;
	blk->readonly = options->readonly;
	r = create(blk, host, options, err);
	if (r < 0) {
		destroy(&blk->virtio);
		return r;
	}
	*ret = &blk->virtio;
	return 0;
}
