/* SPDX-License-Identifier: MIT */
/*
 * A queue alone: the input is the guest's memory behind a header that says where the queue is in it.
 * Whatever is there, each buffer of a chain that comes out lies in memory, and chains end.
 *
 *	log2(size):8 event_idx:8 desc:16 avail:16 used:16, in units of 2 bytes; last_avail:16
 */
#include <string.h>

#include "log.h"
#include "queue.h"

#define MEMORY (1u << 20)
#define USED   (128u << 10) /* of it, by the input */
#define HEADER 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct memory *m, const struct chain *c)
{
	size_t out = 0, in = 0;

	for (unsigned int i = 0; i < c->n_out + c->n_in; i++) {
		const uint8_t *at = c->iov[i].iov_base;
		const size_t len = c->iov[i].iov_len;

		if (!len || at < m->regions[0].host || len > MEMORY ||
		    at + len > m->regions[0].host + MEMORY)
			__builtin_trap();
		*(i < c->n_out ? &out : &in) += len;
	}
	if (out != c->out_len || in != c->in_len || c->n_out + c->n_in > CHAIN_IOV_MAX)
		__builtin_trap();
}

static void check_slice(const struct chain *c, bool in)
{
	const size_t all = in ? c->in_len : c->out_len, offset = all / 4, len = all / 2;
	struct iovec slice[CHAIN_IOV_MAX];
	const unsigned int n =
		in ? chain_in(c, offset, len, slice) : chain_out(c, offset, len, slice);
	size_t sum = 0;

	for (unsigned int i = 0; i < n; i++)
		sum += slice[i].iov_len;
	if (sum != len)
		__builtin_trap();
}

static void use(struct queue *q, struct chain *c)
{
	char bytes[512];
	size_t n = chain_read(c, c->out_len / 2, bytes, sizeof(bytes));

	if (n > c->out_len - c->out_len / 2)
		__builtin_trap();
	n = chain_write(c, c->in_len / 3, bytes, n);
	queue_push(q, c->head, (uint32_t)n);
}

static void walk(struct queue *q)
{
	struct chain c;
	int r = 0;

	for (int i = 0; i < 2 * QUEUE_SIZE_MAX; i++) {
		queue_want_notify(q, i & 1);
		r = queue_pop(q, &c);
		if (r <= 0)
			break;
		check(q->memory, &c);
		check_slice(&c, false);
		check_slice(&c, true);
		if (i % 5 == 0) {
			queue_unpop(q);
			continue;
		}
		use(q, &c);
		queue_should_interrupt(q);
	}
	if (r < 0 && (queue_pop(q, &c) != r || queue_want_notify(q, true)))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct memory memory;
	struct queue q = { .memory = &memory, .max = QUEUE_SIZE_MAX };
	struct err *err = NULL;
	uint16_t at[4];

	if (size < HEADER)
		return 0;
	if (!memory.size && memory_create(MEMORY, false, &memory, &err) < 0)
		die("%s", err_msg(err));
	memcpy(at, data + 2, sizeof(at));
	q.size = (uint16_t)(1u << (data[0] % 16));
	q.desc = at[0] * UINT64_C(2);
	q.avail = at[1] * UINT64_C(2);
	q.used = at[2] * UINT64_C(2);
	data += HEADER;
	size = size - HEADER < USED ? size - HEADER : USED;
	memset(memory.regions[0].host, 0, USED);
	memcpy(memory.regions[0].host, data, size);
	if (queue_start(&q, data[-HEADER + 1] & 1) < 0)
		return 0;
	q.last_avail = q.used_idx = q.signalled_idx = at[3];
	walk(&q);
	return 0;
}
