/* SPDX-License-Identifier: MIT */
#include "disk_ring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "mem.h"

#define SUBMISSIONS_MAX 64 /* one page of entries; more go in several calls */
#define FEATURES        (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE)

/* Newer than the headers of some build machines. */
#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1U << 8)
#endif

struct disk_ring {
	int fd;
	void *rings;
	size_t rings_size;
	struct io_uring_sqe *sqes;
	size_t sqes_size;
	/* Indices wrap at 32 bits. The kernel writes sq_head and cq_tail. */
	uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
	uint32_t sq_mask, cq_mask, sq_entries;
	struct io_uring_cqe *cqes;
	unsigned int to_submit;
};

static int sys_setup(unsigned int entries, struct io_uring_params *p)
{
	const int fd = (int)syscall(SYS_io_uring_setup, entries, p);

	return fd < 0 ? -errno : fd;
}

static int sys_register(int fd, unsigned int op, const void *arg, unsigned int n)
{
	return syscall(SYS_io_uring_register, fd, op, arg, n) < 0 ? -errno : 0;
}

/* Completions are posted when we enter the kernel anyway, without an interrupt of this processor: 5.19. */
static int setup(unsigned int depth, struct io_uring_params *p)
{
	const unsigned int entries = depth < SUBMISSIONS_MAX ? depth : SUBMISSIONS_MAX;
	const uint32_t flags = IORING_SETUP_CQSIZE | IORING_SETUP_R_DISABLED;
	int fd;

	*p = (struct io_uring_params){ .flags = flags | IORING_SETUP_COOP_TASKRUN,
				       .cq_entries = depth };
	fd = sys_setup(entries, p);
	if (fd != -EINVAL)
		return fd;
	*p = (struct io_uring_params){ .flags = flags, .cq_entries = depth };
	return sys_setup(entries, p);
}

static int map(struct disk_ring *ring, const struct io_uring_params *p)
{
	const size_t sq_size = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	const size_t cq_size = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);

	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->rings = mmap(NULL, ring->rings_size, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	if (ring->rings == MAP_FAILED)
		return -errno;
	ring->sqes_size = p->sq_entries * sizeof(struct io_uring_sqe);
	ring->sqes = mmap(NULL, ring->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
			  ring->fd, IORING_OFF_SQES);
	return ring->sqes == MAP_FAILED ? -errno : 0;
}

static void find(struct disk_ring *ring, const struct io_uring_params *p)
{
	uint8_t *base = ring->rings;
	uint32_t *array = (uint32_t *)(void *)(base + p->sq_off.array);

	ring->sq_head = (uint32_t *)(void *)(base + p->sq_off.head);
	ring->sq_tail = (uint32_t *)(void *)(base + p->sq_off.tail);
	ring->sq_mask = *(uint32_t *)(void *)(base + p->sq_off.ring_mask);
	ring->sq_entries = p->sq_entries;
	ring->cq_head = (uint32_t *)(void *)(base + p->cq_off.head);
	ring->cq_tail = (uint32_t *)(void *)(base + p->cq_off.tail);
	ring->cq_mask = *(uint32_t *)(void *)(base + p->cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(void *)(base + p->cq_off.cqes);
	for (uint32_t i = 0; i < p->sq_entries; i++)
		array[i] = i;
}

/* Before it is enabled: these operations, on file 0, and nothing else ever. */
static int restrict_to(struct disk_ring *ring, int fd)
{
	const struct io_uring_restriction restrictions[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READV },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_WRITEV },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FSYNC },
		{ .opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_FALLOCATE },
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
	};
	int r = sys_register(ring->fd, IORING_REGISTER_FILES, &fd, 1);

	if (r == 0)
		r = sys_register(ring->fd, IORING_REGISTER_RESTRICTIONS, restrictions,
				 ARRAY_SIZE(restrictions));
	if (r == 0)
		r = sys_register(ring->fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return r;
}

int disk_ring_create(int fd, unsigned int depth, struct disk_ring **ret)
{
	struct disk_ring *ring = xcalloc(1, sizeof(*ring));
	struct io_uring_params p;
	int r;

	ring->rings = MAP_FAILED;
	ring->sqes = MAP_FAILED;
	ring->fd = r = setup(depth, &p);
	if (r >= 0)
		r = (p.features & FEATURES) == FEATURES ? map(ring, &p) : -EOPNOTSUPP;
	if (r == 0)
		r = restrict_to(ring, fd);
	if (r < 0) {
		disk_ring_destroy(ring);
		return r;
	}
	find(ring, &p);
	*ret = ring;
	return 0;
}

void disk_ring_destroy(struct disk_ring *ring)
{
	if (!ring)
		return;
	if (ring->rings != MAP_FAILED)
		munmap(ring->rings, ring->rings_size);
	if (ring->sqes != MAP_FAILED)
		munmap(ring->sqes, ring->sqes_size);
	fd_close(&ring->fd);
	free(ring);
}

int disk_ring_fd(const struct disk_ring *ring)
{
	return ring->fd;
}

static void fill(struct io_uring_sqe *sqe, const struct disk_call *call)
{
	static const uint8_t ops[] = {
		[CALL_READ] = IORING_OP_READV,
		[CALL_WRITE] = IORING_OP_WRITEV,
		[CALL_SYNC] = IORING_OP_FSYNC,
		[CALL_ALLOCATE] = IORING_OP_FALLOCATE,
	};

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = ops[call->kind];
	sqe->flags = IOSQE_FIXED_FILE;
	switch (call->kind) {
	case CALL_READ:
	case CALL_WRITE:
		sqe->off = call->offset;
		sqe->addr = (uintptr_t)call->iov;
		sqe->len = call->n_iov;
		break;
	case CALL_SYNC:
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	case CALL_ALLOCATE:
		sqe->off = call->offset;
		sqe->addr = call->len;
		sqe->len = (uint32_t)call->mode;
		break;
	}
}

bool disk_ring_put(struct disk_ring *ring, const struct disk_call *call, void *data)
{
	const uint32_t tail = *ring->sq_tail;
	struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];

	if (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->sq_entries)
		return false;
	fill(sqe, call);
	sqe->user_data = (uintptr_t)data;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
	ring->to_submit++;
	return true;
}

int disk_ring_enter(struct disk_ring *ring, unsigned int wait)
{
	const unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0;

	while (ring->to_submit || wait) {
		const long n = syscall(SYS_io_uring_enter, ring->fd, ring->to_submit, wait, flags,
				       NULL, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		ring->to_submit -= (unsigned int)n;
		wait = 0; /* one wait; a rest that was not taken goes without */
	}
	return 0;
}

bool disk_ring_take(struct disk_ring *ring, void **ret_data, int *ret_result)
{
	const uint32_t head = *ring->cq_head;
	const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

	if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	*ret_data = (void *)(uintptr_t)cqe->user_data;
	*ret_result = cqe->res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}
