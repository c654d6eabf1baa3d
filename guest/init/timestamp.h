/* SPDX-License-Identifier: MIT */
/*
 * When a boot reached which point: by the guest's own clock, and, under atoll-vmm, by the register in which a
 * write is noted by the host's clock (ACPI device ATOL0001, src/vmm/dev_platform.h). Where there is no such
 * register, or /dev/mem does not lead to it, nothing is written and nothing is said.
 */
#ifndef ATOLL_INIT_TIMESTAMP_H
#define ATOLL_INIT_TIMESTAMP_H

#include <stdint.h>

#include "abi_wire.h"

void timestamp_begin(void); /* atoll-init's first act */
/* CLOCK_BOOTTIME in nanoseconds: now, and then. */
uint64_t timestamp_now(void);
uint64_t timestamp_began(void);

/* Once /proc and /dev are there, and for as long as they are: where the register is. */
void timestamp_find(void);
void timestamp_write(enum wire_phase phase);

/* The register's address by the text of /proc/iomem; 0: there is none. The text is cut into pieces. */
uint64_t timestamp_parse(char *iomem);

#endif
