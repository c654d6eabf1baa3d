/* SPDX-License-Identifier: MIT */
#include "queue.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

/*
 * Theory of operation
 *
 * Three tables in guest memory: descriptors (buffers), the available ring (chains that the driver
 * gives) and the used ring (chains that we give back). A ring's index counts entries modulo 2^16; the
 * one at whose place an entry stands is the index modulo the size.
 *
 * Who publishes, stores the entry and then the index, with release; who takes, loads the index, with
 * acquire, and then the entry. The question "does the other side sleep?" is the other kind of
 * ordering, of a store before a load, and needs a full fence: we publish used_idx and then look
 * whether the driver wants an interrupt; we ask for a notification and then look whether something
 * became available meanwhile. The driver does the mirrored thing, so that one of the two sees it.
 *
 * The driver may write all of this at any time. A descriptor is copied once (copy_once) and judged by
 * the copy; each step of a chain costs one of the table's entries, so that loops end. Places are
 * checked once, when the queue starts: the guest's memory neither moves nor shrinks.
 *
 * Little endian like the guest: a machine's processors are the host's.
 */

/* As far as one goes without a chain that its `len` cannot describe; 2.7.4 has 2^32 as the most. */
#define CHAIN_BYTES_MAX UINT32_MAX

static struct vring_avail *avail_of(const struct queue *q)
{
	return q->host_avail;
}

static struct vring_used *used_of(const struct queue *q)
{
	return q->host_used;
}

/* The driver's wish: interrupt when this entry was used. Behind its ring. */
static uint16_t *used_event(const struct queue *q)
{
	return &avail_of(q)->ring[q->size];
}

/* Ours: notify when this entry becomes available. Behind our ring. */
static uint16_t *avail_event(const struct queue *q)
{
	void *end = &used_of(q)->ring[q->size];

	return end;
}

static int broken(struct queue *q)
{
	q->broken = true;
	return -EBADMSG;
}

int queue_start(struct queue *q, bool event_idx)
{
	const uint64_t n = q->size;

	if (!n || (n & (n - 1)) || n > q->max || q->desc % VRING_DESC_ALIGN_SIZE ||
	    q->avail % VRING_AVAIL_ALIGN_SIZE || q->used % VRING_USED_ALIGN_SIZE)
		return -EBADMSG;
	q->host_desc = memory_at(q->memory, q->desc, n * sizeof(struct vring_desc));
	q->host_avail = memory_at(q->memory, q->avail, 6 + n * sizeof(uint16_t));
	q->host_used = memory_at(q->memory, q->used, 6 + n * sizeof(struct vring_used_elem));
	if (!q->host_desc || !q->host_avail || !q->host_used)
		return -EBADMSG;
	q->last_avail = q->used_idx = q->signalled_idx = 0;
	q->event_idx = event_idx;
	q->broken = false;
	q->ready = true;
	return 0;
}

void queue_reset(struct queue *q)
{
	*q = (struct queue){ .memory = q->memory, .max = q->max };
}

/* The barrier keeps the compiler from reading the guest's memory again instead of the copy. */
static struct vring_desc copy_once(const void *table, unsigned int i)
{
	struct vring_desc desc;

	memcpy(&desc, (const char *)table + i * sizeof(desc), sizeof(desc));
	__asm__ volatile("" ::: "memory");
	return desc;
}

static bool add_buffer(const struct queue *q, struct chain *c, const struct vring_desc *desc)
{
	const bool in = desc->flags & VRING_DESC_F_WRITE;
	void *host = memory_at(q->memory, desc->addr, desc->len);

	if (!desc->len || !host || c->n_out + c->n_in == CHAIN_IOV_MAX || (!in && c->n_in) ||
	    desc->len > CHAIN_BYTES_MAX - (c->out_len + c->in_len))
		return false;
	c->iov[c->n_out + c->n_in] = (struct iovec){ host, desc->len };
	*(in ? &c->n_in : &c->n_out) += 1;
	*(in ? &c->in_len : &c->out_len) += desc->len;
	return true;
}

/*
 * Follows a chain through one table of n descriptors, from its entry i on. 1: the chain continues in
 * an indirect table, *ret_last names it; 0: it is complete; -EBADMSG.
 */
static int follow(const struct queue *q, const void *table, unsigned int n, unsigned int i,
		  struct chain *c, struct vring_desc *ret_last)
{
	for (unsigned int steps = 0; steps < n && i < n; steps++) {
		const struct vring_desc desc = copy_once(table, i);

		if (desc.flags & VRING_DESC_F_INDIRECT) {
			*ret_last = desc;
			return desc.flags & VRING_DESC_F_NEXT ? -EBADMSG : 1;
		}
		if (!add_buffer(q, c, &desc))
			return -EBADMSG;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
	}
	return -EBADMSG;
}

/* The table's own writable flag means nothing (2.7.5.3.2). In it, nothing is indirect. */
static int follow_indirect(const struct queue *q, const struct vring_desc *indirect,
			   struct chain *c)
{
	const void *table = memory_at(q->memory, indirect->addr, indirect->len);
	struct vring_desc last;

	if (!table || !indirect->len || indirect->len % sizeof(last))
		return -EBADMSG;
	return follow(q, table, indirect->len / sizeof(last), 0, c, &last) ? -EBADMSG : 0;
}

static uint16_t load_avail_idx(const struct queue *q)
{
	return __atomic_load_n(&avail_of(q)->idx, __ATOMIC_ACQUIRE);
}

int queue_pop(struct queue *q, struct chain *ret)
{
	struct vring_desc indirect;
	uint16_t n;
	int r;

	if (!q->ready)
		return 0;
	if (q->broken)
		return -EBADMSG;
	n = (uint16_t)(load_avail_idx(q) - q->last_avail);
	if (!n)
		return 0;
	if (n > q->size)
		return broken(q);
	ret->head = __atomic_load_n(&avail_of(q)->ring[q->last_avail & (q->size - 1)],
				    __ATOMIC_RELAXED);
	ret->n_out = ret->n_in = 0;
	ret->out_len = ret->in_len = 0;
	r = follow(q, q->host_desc, q->size, ret->head, ret, &indirect);
	if (r > 0)
		r = follow_indirect(q, &indirect, ret);
	if (r < 0)
		return broken(q);
	q->last_avail++;
	return 1;
}

void queue_unpop(struct queue *q)
{
	if (q->ready)
		q->last_avail--;
}

void queue_push_all(struct queue *q, const struct queue_used *used, unsigned int n)
{
	if (!q->ready || q->broken)
		return;
	for (unsigned int i = 0; i < n; i++) {
		struct vring_used_elem *elem = &used_of(q)->ring[q->used_idx++ & (q->size - 1)];

		__atomic_store_n(&elem->id, used[i].head, __ATOMIC_RELAXED);
		__atomic_store_n(&elem->len, used[i].written, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&used_of(q)->idx, q->used_idx, __ATOMIC_RELEASE);
}

void queue_push(struct queue *q, uint16_t head, uint32_t written)
{
	queue_push_all(q, &(struct queue_used){ head, written }, 1);
}

bool queue_should_interrupt(struct queue *q)
{
	const uint16_t before = q->signalled_idx;

	if (!q->ready || q->broken || q->used_idx == before)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	q->signalled_idx = q->used_idx;
	if (q->event_idx)
		return vring_need_event(__atomic_load_n(used_event(q), __ATOMIC_RELAXED),
					q->used_idx, before);
	return !(__atomic_load_n(&avail_of(q)->flags, __ATOMIC_RELAXED) &
		 VRING_AVAIL_F_NO_INTERRUPT);
}

bool queue_want_notify(struct queue *q, bool want)
{
	if (!q->ready || q->broken)
		return false;
	if (!q->event_idx)
		__atomic_store_n(&used_of(q)->flags, want ? 0 : VRING_USED_F_NO_NOTIFY,
				 __ATOMIC_RELAXED);
	else if (want)
		__atomic_store_n(avail_event(q), q->last_avail, __ATOMIC_RELAXED);
	/* With the event index, not to ask is enough: the entry of the last question is behind us. */
	if (!want)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_avail_idx(q) != q->last_avail;
}

/* Copies between a flat buffer and `len` bytes of n buffers from offset on. */
static size_t copy(const struct iovec *iov, unsigned int n, size_t offset, char *flat, size_t len,
		   bool to_iov)
{
	size_t done = 0;

	for (unsigned int i = 0; i < n && done < len; i++) {
		size_t piece = iov[i].iov_len;
		char *at = iov[i].iov_base;

		if (offset >= piece) {
			offset -= piece;
			continue;
		}
		piece = piece - offset < len - done ? piece - offset : len - done;
		memcpy(to_iov ? at + offset : flat + done, to_iov ? flat + done : at + offset,
		       piece);
		done += piece;
		offset = 0;
	}
	return done;
}

size_t chain_read(const struct chain *c, size_t offset, void *dst, size_t len)
{
	return copy(c->iov, c->n_out, offset, dst, len, false);
}

size_t chain_write(const struct chain *c, size_t offset, const void *src, size_t len)
{
	/* Read only: copy() goes the other way. */
	return copy(c->iov + c->n_out, c->n_in, offset, (char *)(uintptr_t)src, len, true);
}

static unsigned int slice(const struct iovec *src, unsigned int n, size_t offset, size_t len,
			  struct iovec *dst)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < n && len; i++) {
		const size_t cut = offset < src[i].iov_len ? offset : src[i].iov_len;
		const size_t left = src[i].iov_len - cut;
		const size_t part = left < len ? left : len;
		char *base = (char *)src[i].iov_base + cut;

		offset -= cut;
		len -= part;
		if (!part)
			continue;
		if (used && (char *)dst[used - 1].iov_base + dst[used - 1].iov_len == base)
			dst[used - 1].iov_len += part;
		else
			dst[used++] = (struct iovec){ base, part };
	}
	return used;
}

unsigned int chain_out(const struct chain *c, size_t offset, size_t len, struct iovec *dst)
{
	return slice(c->iov, c->n_out, offset, len, dst);
}

unsigned int chain_in(const struct chain *c, size_t offset, size_t len, struct iovec *dst)
{
	return slice(c->iov + c->n_out, c->n_in, offset, len, dst);
}
