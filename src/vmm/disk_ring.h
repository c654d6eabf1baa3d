/* SPDX-License-Identifier: MIT */
/*
 * An io_uring for one file, by raw system calls. All but disk_ring_enter is memory accesses once it
 * is made. The ring is restricted to that file and to the operations below before it is enabled: it
 * opens no way around a system call filter.
 */
#ifndef VMM_DISK_RING_H
#define VMM_DISK_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk_ring;

enum disk_call_kind { CALL_READ, CALL_WRITE, CALL_SYNC, CALL_ALLOCATE };

/* What the kernel is asked: preadv, pwritev, fdatasync, fallocate. */
struct disk_call {
	enum disk_call_kind kind;
	const struct iovec *iov;
	unsigned int n_iov;
	int mode; /* of fallocate */
	uint64_t offset, len;
};

/* depth: most calls under way. -errno when the kernel has no io_uring for us. */
int disk_ring_create(int fd, unsigned int depth, struct disk_ring **ret);
void disk_ring_destroy(struct disk_ring *ring); /* accepts NULL; nothing is under way any more */
/* Readable while there are completions. */
int disk_ring_fd(const struct disk_ring *ring);

/* False when the submission queue is full: enter first. */
bool disk_ring_put(struct disk_ring *ring, const struct disk_call *call, void *data);
/*
 * Submits what was put; waits for `wait` completions. 0, or -errno when the kernel could not take
 * all of it for now.
 */
int disk_ring_enter(struct disk_ring *ring, unsigned int wait);
/* The next completion, if there is one: a call's result as of a system call of its kind. */
bool disk_ring_take(struct disk_ring *ring, void **ret_data, int *ret_result);

#endif
