/* SPDX-License-Identifier: MIT */
/* What the machine is made of: its memory, in the map and in truth, and its processors. */
#include "guest.h"

#define START_MAGIC 0x336ec578
#define RAM         1

static void check_ram(const struct guest_memmap *range)
{
	const uint64_t last = range->addr + range->size - 8;

	write64(last, last);
	if (read64(last) != last)
		fail("%x is no memory", last);
	if (read64(last - 4096))
		fail("%x is not zero at first", last - 4096);
}

static void show_memory(void)
{
	const struct guest_memmap *map = (const void *)guest_info->memmap;

	for (uint32_t i = 0; i < guest_info->memmap_entries; i++) {
		say("map %x %x %u", map[i].addr, map[i].size, (uint64_t)map[i].type);
		if (map[i].type == RAM)
			check_ram(&map[i]);
	}
}

/* In the MADT, which the XSDT names, which the RSDP names: local APICs that are enabled. */
static uint64_t count_apics(void)
{
	const uint8_t *xsdt = (const uint8_t *)*(const uint64_t *)(guest_info->rsdp + 24);
	const uint32_t len = *(const uint32_t *)(xsdt + 4);
	uint64_t n = 0;

	for (uint32_t at = 36; at < len; at += 8) {
		const uint8_t *table = (const uint8_t *)*(const uint64_t *)(xsdt + at);
		const uint8_t *end = table + *(const uint32_t *)(table + 4);

		if (memcmp(table, "APIC", 4) != 0)
			continue;
		for (const uint8_t *entry = table + 44; entry < end; entry += entry[1])
			n += entry[0] == 0 && entry[4] & 1;
	}
	return n;
}

static void cpuid(uint32_t leaf, uint32_t index, uint32_t ret[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(ret[0]), "=b"(ret[1]), "=c"(ret[2]), "=d"(ret[3])
			 : "a"(leaf), "c"(index));
}

/* How many packages so many processors are, by the levels of CPUID leaf 0xb; old hosts have no such leaf. */
static uint64_t count_packages(uint64_t processors)
{
	uint32_t r[4], shift = 0;

	cpuid(0, 0, r);
	if (r[0] < 0xb)
		return 1;
	for (uint32_t level = 0;; level++) {
		cpuid(0xb, level, r);
		if (!(r[2] >> 8 & 0xff))
			return ((processors - 1) >> shift) + 1;
		shift = r[0] & 0x1f;
	}
}

/* How many processors have one first-level cache, by the leaf that Intel's have, or AMD's; 1 where none says it. */
static uint64_t count_sharing(void)
{
	static const struct {
		uint32_t highest, leaf;
	} kinds[] = { { 0, 4 }, { 0x80000000, 0x8000001d } };
	uint32_t r[4];

	for (uint32_t i = 0; i < 2; i++) {
		cpuid(kinds[i].highest, 0, r);
		if (r[0] < kinds[i].leaf)
			continue;
		cpuid(kinds[i].leaf, 0, r);
		if (r[0] & 0x1f)
			return (r[0] >> 14 & 0xfff) + 1;
	}
	return 1;
}

static void show_processors(void)
{
	const uint64_t n = count_apics();

	say("processors %u in packages %u, a cache for each %u", n, count_packages(n),
	    count_sharing());
	if (n > 1)
		others_start(0);
	while (others_count() < n - 1)
		relax();
	say("others %u", (uint64_t)others_count());
}

void guest_main(void)
{
	if (guest_info->magic != START_MAGIC || guest_info->version != 1)
		fail("start info %x %x", (uint64_t)guest_info->magic,
		     (uint64_t)guest_info->version);
	say("cmdline %s", (const char *)guest_info->cmdline);
	say("modules %u", (uint64_t)guest_info->nr_modules);
	if (guest_info->nr_modules) {
		const uint64_t *module = (const void *)guest_info->modlist;

		say("initrd %u bytes of \"%s\"", module[1], (const char *)module[0]);
	}
	show_memory();
	show_processors();
}
