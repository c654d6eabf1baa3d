/* SPDX-License-Identifier: MIT */
#include "bucket.h"

#define SECOND   1000000000
#define IDLE_MAX 3600 /* seconds: longer pauses refill no more */

void bucket_init(struct bucket *b, uint64_t rate, int64_t now_ns)
{
	b->rate = rate > BUCKET_RATE_MAX ? 0 : rate;
	b->tokens = (int64_t)b->rate;
	b->last_ns = now_ns;
}

/* Time that was not worth a whole token stays for the next refill. */
static void refill(struct bucket *b, int64_t now_ns)
{
	const uint64_t idle = now_ns > b->last_ns ? (uint64_t)(now_ns - b->last_ns) : 0;
	const uint64_t seconds = idle / SECOND < IDLE_MAX ? idle / SECOND : IDLE_MAX;
	const uint64_t part = idle % SECOND * b->rate;

	b->tokens += (int64_t)(seconds * b->rate + part / SECOND);
	b->last_ns = now_ns - (int64_t)(part % SECOND / b->rate);
	if (b->tokens > (int64_t)b->rate)
		b->tokens = (int64_t)b->rate;
}

bool bucket_ready(struct bucket *b, int64_t now_ns)
{
	if (!b->rate)
		return true;
	refill(b, now_ns);
	return b->tokens > 0;
}

void bucket_pay(struct bucket *b, uint64_t n)
{
	if (b->rate)
		b->tokens -= (int64_t)n;
}

bool bucket_take(struct bucket *b, uint64_t n, int64_t now_ns)
{
	if (!bucket_ready(b, now_ns))
		return false;
	bucket_pay(b, n);
	return true;
}

int64_t bucket_wait_ms(const struct bucket *b, int64_t now_ns)
{
	int64_t ms;

	if (!b->rate || b->tokens > 0)
		return 1;
	ms = (int64_t)(((uint64_t)(1 - b->tokens) * 1000 + b->rate - 1) / b->rate) -
	     (now_ns - b->last_ns) / 1000000;
	return ms > 1 ? ms : 1;
}
