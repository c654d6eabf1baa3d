/* SPDX-License-Identifier: MIT */
/* Token buckets: so many bytes or operations per second, with a burst of what one second allows. */
#ifndef VMM_BUCKET_H
#define VMM_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_RATE_MAX UINT64_C(9000000000) /* rate × ns fits 64 bits in bucket.c */

struct bucket {
	uint64_t rate;   /* tokens per second; 0: no limit */
	int64_t tokens;  /* may go below zero by one request, which is then paid off */
	int64_t last_ns; /* CLOCK_MONOTONIC of the last refill */
};

/* A rate above the maximum is no limit. */
void bucket_init(struct bucket *b, uint64_t rate, int64_t now_ns);
/* Whether there is a token: the bucket is not in debt. */
bool bucket_ready(struct bucket *b, int64_t now_ns);
/* Takes n, what follows from which is a debt: less than 2^53. */
void bucket_pay(struct bucket *b, uint64_t n);
/* Both: takes n when the bucket is not in debt. */
bool bucket_take(struct bucket *b, uint64_t n, int64_t now_ns);
/* Milliseconds, at least 1, until it is out of debt. */
int64_t bucket_wait_ms(const struct bucket *b, int64_t now_ns);

#endif
