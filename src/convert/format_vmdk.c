/* SPDX-License-Identifier: MIT */
/*
 * --as vmdk: VMware's "Virtual Disk Format 5.0", a sparse extent in one file ("monolithicSparse"):
 * header, descriptor, second and first grain folder with their tables, grains.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "copy.h"
#include "disk.h"
#include "mem.h"
#include "vmdk.h"

#define SECOND_FOLDER (UINT32_C(1) << 1)

struct plan {
	uint64_t capacity; /* sectors */
	size_t tables;
	uint64_t folder, second, first,
		data; /* sectors: the size of a folder, and where things are */
};

static void make_plan(const struct sparse *s, struct plan *p)
{
	p->capacity = s->n * (uint64_t)VMDK_GRAIN_SECTORS;
	p->tables = (s->n + VMDK_PER_TABLE - 1) / VMDK_PER_TABLE;
	p->folder = vmdk_sectors(p->tables * 4);
	p->second = VMDK_DESCRIPTOR_AT + VMDK_DESCRIPTOR_SIZE;
	p->first = p->second + p->folder + p->tables * (VMDK_TABLE / VMDK_SECTOR);
	p->data = p->first + p->folder + p->tables * (VMDK_TABLE / VMDK_SECTOR);
	p->data = (p->data + VMDK_GRAIN_SECTORS - 1) / VMDK_GRAIN_SECTORS * VMDK_GRAIN_SECTORS;
}

static int write_header(const struct plan *p, int fd, struct err **err)
{
	struct vmdk_header h = vmdk_header(p->capacity, p->data);

	h.flags |= htole32(SECOND_FOLDER);
	h.second = htole64(p->second);
	h.first = htole64(p->first);
	return copy_write_at(fd, 0, &h, sizeof(h), err);
}

static int write_descriptor(const struct export *x, const struct plan *p, int fd, struct err **err)
{
	cleanup_free char *text = vmdk_descriptor(x->image, p->capacity, "monolithicSparse");

	return copy_write_at(fd, VMDK_DESCRIPTOR_AT * VMDK_SECTOR, text, strlen(text), err);
}

/* A folder and its tables; both copies say the same of the grains. */
static int write_folder(const struct sparse *s, const struct plan *p, uint64_t at, int fd,
			struct err **err)
{
	cleanup_free uint32_t *folder = xcalloc(p->folder, VMDK_SECTOR);
	cleanup_free uint32_t *tables = xcalloc(p->tables, VMDK_TABLE);
	uint64_t begin = at + p->folder, grain = p->data;
	int r;

	for (size_t i = 0; i < p->tables; i++)
		folder[i] = htole32((uint32_t)(begin + i * (VMDK_TABLE / VMDK_SECTOR)));
	for (size_t i = 0; i < s->n; i++) {
		if (!s->full[i])
			continue;
		tables[i] = htole32((uint32_t)grain);
		grain += VMDK_GRAIN_SECTORS;
	}
	r = copy_write_at(fd, at * VMDK_SECTOR, folder, p->folder * VMDK_SECTOR, err);
	return r < 0 ? r
		     : copy_write_at(fd, begin * VMDK_SECTOR, tables, p->tables * VMDK_TABLE, err);
}

static int write_all(const struct export *x, const struct sparse *s, int fd, struct err **err)
{
	struct plan p;
	int r;

	make_plan(s, &p);
	if (p.data + s->n_full * (uint64_t)VMDK_GRAIN_SECTORS > UINT32_MAX)
		return err_set(err, EFBIG, "the disk is too large");
	r = write_header(&p, fd, err);
	if (r == 0)
		r = write_descriptor(x, &p, fd, err);
	if (r == 0)
		r = write_folder(s, &p, p.second, fd, err);
	if (r == 0)
		r = write_folder(s, &p, p.first, fd, err);
	return r < 0 ? r : sparse_copy(s, fd, p.data * VMDK_SECTOR, err);
}

int format_vmdk(struct export *x, struct err **err)
{
	struct sparse s;
	int r = disk_open(x, VMDK_GRAIN, &s, err);

	if (r < 0)
		return r;
	r = write_all(x, &s, x->out, err);
	sparse_close(&s);
	return r;
}
