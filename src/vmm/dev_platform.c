/* SPDX-License-Identifier: MIT */
#include "dev_platform.h"

#include <time.h>
#include <unistd.h>

/* The sleep control register (ACPI 6.4, 4.8.3.7). */
#define SLP_TYP(value) ((value) >> 2 & 7)
#define SLP_EN         (1u << 5)
#define RST_CPU        (1u << 2) /* of a PC's reset control register */

static uint64_t take_events(struct platform *p)
{
	const uint32_t events = p->events;

	p->events = 0;
	return events;
}

/* Of the registers only the events can be read; a part of them does not clear them. */
static uint64_t read_register(void *device, uint64_t offset, unsigned int size)
{
	return offset == PLATFORM_EVENTS && size == 4 ? take_events(device) : 0;
}

static void stamp(struct platform *p, uint64_t phase)
{
	struct timespec now;

	if (phase >= PLATFORM_STAMPS || p->stamps[phase])
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	p->stamps[phase] = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void write_register(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct platform *p = device;

	if (offset == PLATFORM_SLEEP_CONTROL && (value & SLP_EN) && SLP_TYP(value) == PLATFORM_S5)
		p->end(PLATFORM_OFF, p->data);
	if (offset == PLATFORM_RESET && (value & 0xff) == 1)
		p->end(PLATFORM_RESTART, p->data);
	if (offset == PLATFORM_TIMESTAMP && size == 4)
		stamp(p, value);
}

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
	(void)device, (void)offset, (void)size;
	return 0;
}

static void write_port(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct platform *p = device;

	(void)offset, (void)size;
	if (value & RST_CPU)
		p->end(PLATFORM_RESTART, p->data);
}

const struct bus_ops platform_ops = { "platform", read_register, write_register };
const struct bus_ops platform_reset_ops = { "reset", read_port, write_port };

void platform_press_button(struct platform *p)
{
	const uint64_t one = 1;

	p->events |= PLATFORM_EVENT_BUTTON;
	/* It cannot fail but by a counter that is full: then the interrupt is on its way. */
	if (write(p->irq, &one, sizeof(one)) < 0)
		return;
}
