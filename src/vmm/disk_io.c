/* SPDX-License-Identifier: MIT */
#include "disk_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>

#include "disk_ring.h"
#include "fd.h"
#include "mem.h"

/*
 * Theory of operation
 *
 * A request is one or more calls of the kernel, one after the other. Its step says which: call_of
 * makes the call of the step it is at, handle_result looks at what came of it and finishes the request
 * or moves it on. Who does the calls, the ring or we ourselves at once, is no matter to these two.
 *
 *	READ      MAIN, again for what is left
 *	WRITE     MAIN, again for what is left            [SYNC]
 *	FLUSH     SYNC
 *	DISCARD   PUNCH (a hint: may be impossible)       [SYNC]
 *	ZERO      ZERO_RANGE or else WRITE_ZEROES …       [SYNC]
 *	UNMAP     PUNCH or else ZERO_RANGE or else
 *	          WRITE_ZEROES …                          [SYNC]
 *
 * What the file cannot do is remembered, so that it is tried once.
 */

enum step { STEP_MAIN, STEP_PUNCH, STEP_ZERO_RANGE, STEP_WRITE_ZEROES, STEP_SYNC, STEP_END };

#define SECTOR    512
#define RETRY_MS  1
#define ZERO_SIZE 65536

/* Bytes of one call of the kernel, which may do them before it returns, and of all calls of one submission. */
#define CALL_BYTES ((uint64_t)4 << 20)
#define TURN_BYTES ((uint64_t)16 << 20)

/* Only read, and never touched: it has no memory of its own. */
static uint8_t zeroes[ZERO_SIZE];

struct disk_io {
	int fd;
	uint64_t size; /* of the file when it was opened */
	const struct disk_io_ops *ops;
	void *data;
	struct disk_ring *ring; /* NULL: at once */
	struct source *ready, *retry;
	struct disk_request *first, **last; /* queued, to be submitted */
	unsigned int under_way;             /* in the ring */
	bool lacks[STEP_END];
	bool draining, submitting;
};

static void finish(struct disk_io *io, struct disk_request *r, int result)
{
	r->result = result;
	io->ops->done(r, io->data);
}

static void enqueue(struct disk_io *io, struct disk_request *r)
{
	r->next = NULL;
	*io->last = r;
	io->last = &r->next;
}

static struct disk_request *dequeue(struct disk_io *io)
{
	struct disk_request *r = io->first;

	io->first = r->next;
	if (!io->first)
		io->last = &io->first;
	return r;
}

/* Steps */

static const uint8_t first_steps[] = {
	[DISK_READ] = STEP_MAIN,     [DISK_WRITE] = STEP_MAIN,      [DISK_FLUSH] = STEP_SYNC,
	[DISK_DISCARD] = STEP_PUNCH, [DISK_ZERO] = STEP_ZERO_RANGE, [DISK_UNMAP] = STEP_PUNCH,
};

static enum step skip_impossible(const struct disk_io *io, const struct disk_request *r,
				 enum step step)
{
	while (io->lacks[step])
		step = r->op == DISK_DISCARD ? STEP_END : step + 1;
	return step;
}

static void prepare_zeroes(struct disk_request *r)
{
	uint64_t left = r->len;

	r->at = r->iov;
	for (r->n_iov = 0; r->n_iov < DISK_IOV_MIN && left; r->n_iov++) {
		r->iov[r->n_iov].iov_base = zeroes;
		r->iov[r->n_iov].iov_len = left < ZERO_SIZE ? left : ZERO_SIZE;
		left -= r->iov[r->n_iov].iov_len;
	}
}

/* As many of a transfer's buffers as one call may have, or a piece of the first. */
static void limit(struct disk_request *r, struct disk_call *call)
{
	call->iov = r->at;
	call->len = 0;
	for (call->n_iov = 0; call->n_iov < r->n_iov; call->n_iov++) {
		if (r->at[call->n_iov].iov_len > CALL_BYTES - call->len)
			break;
		call->len += r->at[call->n_iov].iov_len;
	}
	if (call->n_iov)
		return;
	r->piece = (struct iovec){ r->at->iov_base, CALL_BYTES };
	call->iov = &r->piece;
	call->n_iov = 1;
	call->len = CALL_BYTES;
}

static struct disk_call call_of(struct disk_request *r)
{
	struct disk_call call = { .offset = r->offset, .len = r->len };

	if (r->step == STEP_WRITE_ZEROES)
		prepare_zeroes(r);
	switch (r->step) {
	case STEP_WRITE_ZEROES:
	case STEP_MAIN:
		call.kind = r->op == DISK_READ ? CALL_READ : CALL_WRITE;
		limit(r, &call);
		break;
	case STEP_PUNCH:
		call.kind = CALL_ALLOCATE;
		call.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		break;
	case STEP_ZERO_RANGE:
		call.kind = CALL_ALLOCATE;
		call.mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
		break;
	default:
		call.kind = CALL_SYNC;
		break;
	}
	return call;
}

static void consume(struct disk_request *r, size_t n)
{
	r->offset += n;
	r->len -= n;
	while (n && n >= r->at->iov_len) {
		n -= r->at->iov_len;
		r->at++;
		r->n_iov--;
	}
	if (n) {
		r->at->iov_base = (uint8_t *)r->at->iov_base + n;
		r->at->iov_len -= n;
	}
}

/* The file ends inside of its last sector, which reads as zeroes from there on. */
static bool read_tail(const struct disk_io *io, struct disk_request *r)
{
	if (r->op != DISK_READ || r->offset != io->size || r->len >= SECTOR)
		return false;
	while (r->len) {
		memset(r->at->iov_base, 0, r->at->iov_len);
		consume(r, r->at->iov_len);
	}
	return true;
}

static int handle_transfer(const struct disk_io *io, struct disk_request *r, int result)
{
	if (result == -EINTR)
		return 0;
	if (result < 0)
		return result;
	/* No progress: the file became shorter. */
	if (result == 0 && !read_tail(io, r))
		return -EIO;
	consume(r, (size_t)result < r->len ? (size_t)result : r->len);
	return r->len == 0;
}

static bool is_impossible(int result)
{
	return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL;
}

static int handle_allocate(struct disk_io *io, struct disk_request *r, int result)
{
	if (result == -EINTR)
		return 0;
	if (!is_impossible(result))
		return result < 0 ? result : 1;
	/* EINVAL may be about this range alone. */
	if (result != -EINVAL)
		io->lacks[r->step] = true;
	if (r->op == DISK_DISCARD)
		return 1;
	r->step = skip_impossible(io, r, r->step + 1);
	return 0;
}

/* 1: the step is done; 0: call again; -errno: the request failed. */
static int handle_step(struct disk_io *io, struct disk_request *r, int result)
{
	switch (r->step) {
	case STEP_MAIN:
	case STEP_WRITE_ZEROES:
		return handle_transfer(io, r, result);
	case STEP_PUNCH:
	case STEP_ZERO_RANGE:
		return handle_allocate(io, r, result);
	default:
		return result == -EINTR ? 0 : result < 0 ? result : 1;
	}
}

/* Whether the request came to its end. */
static bool handle_result(struct disk_io *io, struct disk_request *r, int result)
{
	int done = handle_step(io, r, result);

	if (done == 1 && r->stable && r->op != DISK_READ && r->step != STEP_SYNC) {
		r->step = STEP_SYNC;
		done = 0;
	}
	if (done == 0 && io->draining)
		done = -ECANCELED;
	if (done == 0)
		return false;
	finish(io, r, done < 0 ? done : 0);
	return true;
}

/* What a call may cost before it returns. */
static uint64_t bytes_of(const struct disk_call *call)
{
	return call->len < CALL_BYTES ? call->len : CALL_BYTES;
}

/* At once */

static int call_now(int fd, const struct disk_call *call)
{
	ssize_t n = -1;

	switch (call->kind) {
	case CALL_READ:
		n = preadv(fd, call->iov, (int)call->n_iov, (off_t)call->offset);
		break;
	case CALL_WRITE:
		n = pwritev(fd, call->iov, (int)call->n_iov, (off_t)call->offset);
		break;
	case CALL_SYNC:
		n = fdatasync(fd);
		break;
	case CALL_ALLOCATE:
		n = fallocate(fd, call->mode, (off_t)call->offset, (off_t)call->len);
		break;
	}
	return n < 0 ? -errno : (int)n;
}

static bool submit_now(struct disk_io *io)
{
	uint64_t bytes = 0;

	while (io->first && bytes < TURN_BYTES) {
		struct disk_request *r = dequeue(io);
		const struct disk_call call = call_of(r);

		bytes += bytes_of(&call);
		if (!handle_result(io, r, call_now(io->fd, &call)))
			enqueue(io, r);
	}
	return io->first;
}

/* Over the ring */

/* False when the ring is full. */
static bool put_queued(struct disk_io *io, uint64_t *bytes)
{
	while (io->first && *bytes < TURN_BYTES) {
		const struct disk_call call = call_of(io->first);

		if (!disk_ring_put(io->ring, &call, io->first))
			return false;
		*bytes += bytes_of(&call);
		dequeue(io);
		io->under_way++;
	}
	return true;
}

static bool reap(struct disk_io *io)
{
	bool any = false;
	int result;
	void *r;

	while (disk_ring_take(io->ring, &r, &result)) {
		any = true;
		io->under_way--;
		if (!handle_result(io, r, result))
			enqueue(io, r);
	}
	return any;
}

/* What completes at once may lead to more, and is done when it cannot. */
static bool submit_ring(struct disk_io *io)
{
	uint64_t bytes = 0;
	bool all;

	do {
		all = put_queued(io, &bytes);
		if (disk_ring_enter(io->ring, 0) < 0) {
			source_arm(io->retry, RETRY_MS);
			all = true;
		}
	} while (reap(io) || !all);
	return io->first && bytes >= TURN_BYTES;
}

bool disk_io_submit(struct disk_io *io)
{
	bool more;

	/* From a done callback: it is about to be seen. */
	if (io->submitting)
		return false;
	io->submitting = true;
	more = io->ring ? submit_ring(io) : submit_now(io);
	io->submitting = false;
	return more;
}

static void handle_ready(int fd, uint32_t events, void *data)
{
	struct disk_io *io = data;

	(void)fd;
	(void)events;
	reap(io);
	io->ops->idle(io->data);
}

static void handle_retry(void *data)
{
	handle_ready(-1, 0, data);
}

void disk_io_queue(struct disk_io *io, struct disk_request *r)
{
	r->at = r->iov;
	r->step = skip_impossible(io, r, first_steps[r->op]);
	/* A hint that the file cannot take. */
	if (r->step == STEP_END)
		finish(io, r, 0);
	else
		enqueue(io, r);
}

void disk_io_drain(struct disk_io *io)
{
	io->draining = true;
	while (io->first)
		finish(io, dequeue(io), -ECANCELED);
	while (io->under_way) {
		disk_ring_enter(io->ring, 1);
		reap(io);
		while (io->first)
			finish(io, dequeue(io), -ECANCELED);
	}
	io->draining = false;
}

bool disk_io_is_async(const struct disk_io *io)
{
	return io->ring;
}

int disk_io_create(struct loop *loop, int fd, unsigned int depth, bool sync,
		   const struct disk_io_ops *ops, void *data, struct disk_io **ret,
		   struct err **err)
{
	const off_t size = lseek(fd, 0, SEEK_END);
	struct disk_io *io;

	/* O_NONBLOCK would have the ring give up where it is meant to wait. */
	if (size < 0 || fd_set_nonblock(fd, false) < 0)
		return err_set_errno(err, errno, "a disk must be a file or a block device");
	io = xcalloc(1, sizeof(*io));
	io->fd = fd;
	io->size = (uint64_t)size;
	io->ops = ops;
	io->data = data;
	io->last = &io->first;
	if (!sync && disk_ring_create(fd, depth, &io->ring) == 0) {
		io->ready = loop_add_fd(loop, disk_ring_fd(io->ring), EPOLLIN, handle_ready, io);
		io->retry = loop_add_timer(loop, handle_retry, io);
	}
	*ret = io;
	return 0;
}

void disk_io_destroy(struct disk_io *io)
{
	if (!io)
		return;
	disk_io_drain(io);
	source_clear(io->ready);
	source_clear(io->retry);
	disk_ring_destroy(io->ring);
	free(io);
}
