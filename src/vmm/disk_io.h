/* SPDX-License-Identifier: MIT */
/*
 * Asynchronous I/O on one file: requests are queued, one system call submits all of them, and each
 * comes back through the done callback, at disk_io_submit already or later on the loop.
 *
 * It works over io_uring where the kernel has it, and else at once (preadv, pwritev, fdatasync,
 * fallocate): the same for callers but for the time that submitting takes. Whole requests only: what
 * the kernel did in part is continued here.
 */
#ifndef VMM_DISK_IO_H
#define VMM_DISK_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "err.h"
#include "loop.h"

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,   /* what was completed before is on the medium afterwards */
	DISK_DISCARD, /* the range's content does not matter any more */
	DISK_ZERO,    /* the range reads as zeroes and stays allocated */
	DISK_UNMAP,   /* the range reads as zeroes and need not be allocated */
};

#define DISK_IOV_MIN 4 /* DISK_ZERO and DISK_UNMAP need an iov of this size for themselves */

/* Belongs to the caller and stays where it is until done. */
struct disk_request {
	enum disk_op op;
	bool stable;        /* whatever is written is on the medium when done */
	unsigned int n_iov; /* DISK_READ, DISK_WRITE: buffers; they are changed on the way */
	struct iovec *iov;
	uint64_t offset, len; /* bytes; those of iov for DISK_READ and DISK_WRITE */
	int result;           /* when done: 0 or -errno */
	/* disk_io.c's own */
	unsigned int step;
	struct iovec *at, piece;
	struct disk_request *next;
};

struct disk_io;

struct disk_io_ops {
	void (*done)(struct disk_request *r, void *data);
	/* After the last of the requests that came back together on the loop: it submits what was left. */
	void (*idle)(void *data);
};

/*
 * fd stays the caller's, and so does its position. depth: most requests under way at a time; sync:
 * without io_uring. Never fails for the lack of io_uring.
 */
int disk_io_create(struct loop *loop, int fd, unsigned int depth, bool sync,
		   const struct disk_io_ops *ops, void *data, struct disk_io **ret,
		   struct err **err);
void disk_io_destroy(struct disk_io *io); /* waits as disk_io_drain does; accepts NULL */

void disk_io_queue(struct disk_io *io, struct disk_request *r);
/*
 * Starts what was queued, as much as may be done at once: a guest's requests may be gigabytes, and others wait
 * for the loop. Requests that are complete already come back before it returns. True: there is more, for
 * another call after others had their turn.
 */
bool disk_io_submit(struct disk_io *io);
/* Waits until nothing is under way: each request comes back. On any thread, under the machine's lock. */
void disk_io_drain(struct disk_io *io);

bool disk_io_is_async(const struct disk_io *io);

#endif
