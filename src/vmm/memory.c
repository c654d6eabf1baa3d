/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <errno.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layout.h"

#define PAGE       4096
#define HUGE_PAGE  (2u << 20)
#define MEMORY_MIN (1u << 20)

static int check_size(uint64_t size, bool huge, struct err **err)
{
	const uint64_t unit = huge ? HUGE_PAGE : PAGE;
	const uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

	if (size < MEMORY_MIN)
		return err_set(err, EINVAL, "memory: a machine needs 1M at least");
	if (size % unit)
		return err_set(err, EINVAL, "memory: must be a multiple of %s", huge ? "2M" : "4K");
	if (size > host)
		return err_set(err, EINVAL, "memory: %llu MiB do not fit, the host has %llu MiB",
			       (unsigned long long)size >> 20, (unsigned long long)host >> 20);
	return 0;
}

static void lay_out(struct memory *m, uint8_t *host)
{
	const uint64_t low = m->size < LAYOUT_HOLE ? m->size : LAYOUT_HOLE;

	m->regions[m->n_regions++] = (struct memory_region){ 0, low, host };
	if (m->size > low)
		m->regions[m->n_regions++] =
			(struct memory_region){ LAYOUT_HOLE_END, m->size - low, host + low };
}

/*
 * Private memory, because the host gives it transparent huge pages, as it does not give them to a memfd
 * (shmem_enabled is "never" unless somebody changed it). It begins at a multiple of 2 MiB for that: a guest's
 * memory that cannot be mapped by 2 MiB costs it an exit for every 4 KiB that it touches first.
 */
static void *map_pages(uint64_t size)
{
	uint8_t *host = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before;

	if (host == MAP_FAILED)
		return NULL;
	before = -(uintptr_t)host % HUGE_PAGE;
	if (before)
		munmap(host, before);
	munmap(host + before + size, HUGE_PAGE - before);
	host += before;
	madvise(host, size, MADV_HUGEPAGE); /* a host without them works too */
	return host;
}

/* They are reserved here: what there are too few of fails now, not in the guest. */
static void *map_huge_pages(uint64_t size)
{
	void *host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);

	return host == MAP_FAILED ? NULL : host;
}

int memory_create(uint64_t size, bool huge, struct memory *ret, struct err **err)
{
	struct memory m = { .size = size };
	void *host;
	int r = check_size(size, huge, err);

	if (r < 0)
		return r;
	host = huge ? map_huge_pages(size) : map_pages(size);
	if (!host)
		return err_set_errno(err, errno, "memory: %llu MiB%s",
				     (unsigned long long)size >> 20,
				     huge ? " of huge pages (/proc/sys/vm/nr_hugepages)" : "");
	lay_out(&m, host);
	*ret = m;
	return 0;
}

void memory_destroy(struct memory *m)
{
	if (m->n_regions)
		munmap(m->regions[0].host, m->size);
	m->n_regions = 0;
}

void *memory_at(const struct memory *m, uint64_t gpa, uint64_t len)
{
	for (size_t i = 0; i < m->n_regions; i++) {
		const struct memory_region *region = &m->regions[i];

		if (gpa >= region->base && gpa - region->base <= region->size &&
		    len <= region->size - (gpa - region->base))
			return region->host + (gpa - region->base);
	}
	return NULL;
}

int memory_read(const struct memory *m, uint64_t gpa, void *dst, size_t len)
{
	const void *src = memory_at(m, gpa, len);

	if (!src)
		return -EFAULT;
	memcpy(dst, src, len);
	return 0;
}

int memory_write(const struct memory *m, uint64_t gpa, const void *src, size_t len)
{
	void *dst = memory_at(m, gpa, len);

	if (!dst)
		return -EFAULT;
	memcpy(dst, src, len);
	return 0;
}

/* A host without huge pages, and memory that is nothing but such pages, refuse, which is as good. */
void memory_use_small_pages(const struct memory *m, uint64_t gpa)
{
	void *host = memory_at(m, gpa & ~(MEMORY_HUGE - 1), MEMORY_HUGE);

	if (host)
		madvise(host, MEMORY_HUGE, MADV_NOHUGEPAGE);
}

void memory_settle(const struct memory *m)
{
	madvise(m->regions[0].host, m->size, MADV_HUGEPAGE);
}

int memory_discard(const struct memory *m, uint64_t gpa, uint64_t len)
{
	void *host = memory_at(m, gpa, len);

	if (!host || gpa % PAGE || len % PAGE)
		return -EFAULT;
	return madvise(host, len, MADV_DONTNEED) < 0 ? -errno : 0;
}
