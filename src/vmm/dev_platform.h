/* SPDX-License-Identifier: MIT */
/*
 * The platform device: what a PC's chipset does for power, as the ACPI tables describe it, in one page.
 *
 *	0x00  sleep control (ACPI 6.4, 4.8.3.7)  write SLP_EN with S5: power off
 *	0x01  sleep status
 *	0x02  reset                              write 1: reset
 *	0x04  events (GED): bits, read and cleared: 1 power button, 2 new VMGenID
 *	0x08  timestamp, 4 bytes                 write PHASE: the moment is kept
 *
 * And the port of a PC's reset control register, for who knows of no other: writing bit 2 resets.
 */
#ifndef VMM_DEV_PLATFORM_H
#define VMM_DEV_PLATFORM_H

#include <stdint.h>

#include "bus.h"

#define PLATFORM_SLEEP_CONTROL 0x00
#define PLATFORM_SLEEP_STATUS  0x01
#define PLATFORM_RESET         0x02
#define PLATFORM_EVENTS        0x04
#define PLATFORM_TIMESTAMP     0x08
#define PLATFORM_S5            5 /* SLP_TYP */
#define PLATFORM_EVENT_BUTTON  1
#define PLATFORM_EVENT_VMGENID 2
#define PLATFORM_STAMPS        16 /* phases 0 … 15 */

enum platform_end { PLATFORM_OFF, PLATFORM_RESTART };

struct platform {
	int irq; /* eventfd, the caller's */
	uint32_t events;
	int64_t stamps[PLATFORM_STAMPS]; /* CLOCK_MONOTONIC in ns of the first write of each; 0 */
	void (*end)(enum platform_end end, void *data); /* the guest ended itself */
	void *data;
};

extern const struct bus_ops platform_ops;
extern const struct bus_ops platform_reset_ops; /* one port; the device is the same */

void platform_press_button(struct platform *p);

#endif
