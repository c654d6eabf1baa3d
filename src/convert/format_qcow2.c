/* SPDX-License-Identifier: MIT */
/*
 * --as qcow2: QEMU's docs/interop/qcow2.txt, version 3. Clusters in this order: header, reference counts'
 * table and blocks, the first table, second tables of what holds something, data.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "copy.h"
#include "disk.h"
#include "mem.h"
#include "sparse.h"

#define CLUSTER      65536
#define CLUSTER_BITS 16
#define PER_TABLE    (CLUSTER / 8) /* second table: clusters of data */
#define PER_COUNTS   (CLUSTER / 2) /* block of counts: clusters of the file */
#define COPIED       (UINT64_C(1) << 63)
#define COUNT_ORDER  4 /* a count has 16 bits */

struct header {
	uint32_t magic, version;
	uint64_t backing;
	uint32_t backing_size, cluster_bits;
	uint64_t size;
	uint32_t encryption, first_entries;
	uint64_t first, counts;
	uint32_t counts_clusters, snapshots;
	uint64_t snapshots_at, incompatible, compatible, autoclear;
	uint32_t count_order, length;
} __attribute__((packed));

struct plan {
	size_t seconds;      /* tables */
	size_t first, count; /* clusters of the first table; blocks of counts */
	uint64_t total;      /* clusters of the file */
	bool *second;        /* which second tables there are */
};

static void make_plan(const struct sparse *s, struct plan *p)
{
	size_t tables = (s->n + PER_TABLE - 1) / PER_TABLE, n = 0;
	uint64_t rest;

	p->second = xcalloc(tables + 1, sizeof(*p->second));
	for (size_t i = 0; i < s->n; i++)
		p->second[i / PER_TABLE] |= s->full[i];
	for (size_t i = 0; i < tables; i++)
		n += p->second[i];
	p->seconds = n;
	p->first = (tables * 8 + CLUSTER - 1) / CLUSTER;
	rest = 2 + p->first + n + s->n_full;
	p->count = 1;
	while (p->count * PER_COUNTS < rest + p->count)
		p->count++;
	p->total = rest + p->count;
}

static uint64_t first_at(const struct plan *p)
{
	return (2 + p->count) * (uint64_t)CLUSTER;
}

static uint64_t seconds_at(const struct plan *p)
{
	return first_at(p) + p->first * (uint64_t)CLUSTER;
}

static uint64_t data_at(const struct plan *p)
{
	return seconds_at(p) + p->seconds * (uint64_t)CLUSTER;
}

static int write_header(const struct sparse *s, const struct plan *p, int fd, struct err **err)
{
	struct header h = {
		.magic = htobe32(0x514649fb),
		.version = htobe32(3),
		.cluster_bits = htobe32(CLUSTER_BITS),
		.size = htobe64(s->size),
		.first_entries = htobe32((uint32_t)((s->n + PER_TABLE - 1) / PER_TABLE)),
		.first = htobe64(first_at(p)),
		.counts = htobe64(CLUSTER),
		.counts_clusters = htobe32(1),
		.count_order = htobe32(COUNT_ORDER),
		.length = htobe32(sizeof(h)),
	};

	return copy_write_at(fd, 0, &h, sizeof(h), err);
}

/* Every cluster of the file is used once. */
static int write_counts(const struct plan *p, int fd, struct err **err)
{
	cleanup_free uint64_t *table = xcalloc(PER_TABLE, sizeof(*table));
	cleanup_free uint16_t *counts = xcalloc(p->count, CLUSTER);
	int r;

	for (size_t i = 0; i < p->count; i++)
		table[i] = htobe64((2 + i) * (uint64_t)CLUSTER);
	for (uint64_t i = 0; i < p->total; i++)
		counts[i] = htobe16(1);
	r = copy_write_at(fd, CLUSTER, table, CLUSTER, err);
	return r < 0 ? r : copy_write_at(fd, 2 * CLUSTER, counts, p->count * CLUSTER, err);
}

static int write_tables(const struct sparse *s, const struct plan *p, int fd, struct err **err)
{
	size_t tables = (s->n + PER_TABLE - 1) / PER_TABLE, n = 0;
	cleanup_free uint64_t *first = xcalloc(p->first, CLUSTER);
	cleanup_free uint64_t *second = xmalloc(CLUSTER);
	uint64_t data = data_at(p);
	int r = 0;

	for (size_t t = 0; t < tables && r == 0; t++) {
		uint64_t at = seconds_at(p) + n * (uint64_t)CLUSTER;

		if (!p->second[t])
			continue;
		first[t] = htobe64(at | COPIED);
		memset(second, 0, CLUSTER);
		for (size_t i = 0; i < PER_TABLE && t * PER_TABLE + i < s->n; i++) {
			if (!s->full[t * PER_TABLE + i])
				continue;
			second[i] = htobe64(data | COPIED);
			data += CLUSTER;
		}
		r = copy_write_at(fd, at, second, CLUSTER, err);
		n++;
	}
	return r < 0 ? r : copy_write_at(fd, first_at(p), first, p->first * CLUSTER, err);
}

static int write_all(const struct sparse *s, int fd, struct err **err)
{
	struct plan p;
	int r;

	make_plan(s, &p);
	if (p.count > PER_TABLE || s->n / PER_TABLE > 1 << 20)
		r = err_set(err, EFBIG, "the disk is too large");
	else
		r = write_header(s, &p, fd, err);
	if (r == 0)
		r = write_counts(&p, fd, err);
	if (r == 0)
		r = write_tables(s, &p, fd, err);
	if (r == 0)
		r = sparse_copy(s, fd, data_at(&p), err);
	free(p.second);
	return r;
}

int format_qcow2(struct export *x, struct err **err)
{
	struct sparse s;
	int r = disk_open(x, CLUSTER, &s, err);

	if (r < 0)
		return r;
	r = write_all(&s, x->out, err);
	sparse_close(&s);
	return r;
}
