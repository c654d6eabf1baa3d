/* SPDX-License-Identifier: MIT */
/*
 * A monitor is two processes, and this is all that they say to each other.
 *
 * The keeper (keeper.c) has the privileges: it starts the guest, kills it, restarts passt, writes
 * the exit file. It reads nothing but these messages, which have a fixed size and no structure. The
 * jailed half (machine.c) reads what guest and daemon send, and has no privileges at all. Whichever
 * dies takes the other and the guest with it.
 */
#ifndef ATOLL_HALVES_H
#define ATOLL_HALVES_H

#include <stdint.h>

#define HALF_TEXT_MAX 512

enum half_verb {
	/* jailed half to keeper */
	HALF_KILL = 1,  /* end the guest now */
	HALF_POWER = 2, /* press its power button */
	HALF_USAGE = 3, /* a: id; answered by HALF_USED */
	HALF_ENDED = 4, /* a: status, b: requested, text: reason, for the exit file; after GONE */
	/* keeper to jailed half */
	HALF_GONE = 32,    /* a: the guest's process's wait status */
	HALF_USED = 33,    /* a: id, b: bytes of memory, c: nanoseconds of processor time */
	HALF_NIC = 34,     /* a: index of the uplink NIC; + descriptor: passt's socket */
	HALF_STOP = 35,    /* the keeper got SIGTERM */
	HALF_WRITTEN = 36, /* the exit file is there; answers HALF_ENDED */
};

struct half_msg {
	uint32_t verb;
	uint32_t zero;
	uint64_t a, b, c;
	char text[HALF_TEXT_MAX]; /* NUL-terminated */
};

/* Never waits: -EAGAIN when the other side does not read. fd: goes along as a duplicate, or -1. */
int half_send(int half, const struct half_msg *msg, int fd);
/* One message: 0; -EAGAIN: none now; -EPIPE: the other half is gone. *ret_fd is -1 or the caller's.
 */
int half_recv(int half, struct half_msg *ret_msg, int *ret_fd);

#endif
