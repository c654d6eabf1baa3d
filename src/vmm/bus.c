/* SPDX-License-Identifier: MIT */
#include "bus.h"

#include <stdlib.h>
#include <string.h>

void bus_add(struct bus *bus, uint64_t base, uint64_t size, const struct bus_ops *ops, void *device)
{
	size_t at = bus->n;

	if (bus->n == BUS_RANGES_MAX)
		abort();
	while (at > 0 && bus->ranges[at - 1].base >= base)
		at--;
	if ((at < bus->n && base + size > bus->ranges[at].base) ||
	    (at > 0 && bus->ranges[at - 1].base + bus->ranges[at - 1].size > base))
		abort();
	memmove(&bus->ranges[at + 1], &bus->ranges[at], (bus->n - at) * sizeof(bus->ranges[0]));
	bus->ranges[at] = (struct bus_range){ base, size, ops, device };
	bus->n++;
}

static int compare(const void *key, const void *member)
{
	const uint64_t address = *(const uint64_t *)key;
	const struct bus_range *range = member;

	if (address < range->base)
		return -1;
	return address - range->base >= range->size;
}

/* The range that the whole access lies in, or NULL. */
static const struct bus_range *find(const struct bus *bus, uint64_t address, unsigned int size)
{
	const struct bus_range *range =
		bsearch(&address, bus->ranges, bus->n, sizeof(bus->ranges[0]), compare);

	return range && size <= range->size - (address - range->base) ? range : NULL;
}

uint64_t bus_read(const struct bus *bus, uint64_t address, unsigned int size)
{
	const struct bus_range *range = find(bus, address, size);

	return range ? range->ops->read(range->device, address - range->base, size) : UINT64_MAX;
}

void bus_write(const struct bus *bus, uint64_t address, unsigned int size, uint64_t value)
{
	const struct bus_range *range = find(bus, address, size);

	if (range)
		range->ops->write(range->device, address - range->base, size, value);
}
