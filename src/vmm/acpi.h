/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of the machine: hardware-reduced (ACPI 6.4, 4.1): RSDP, XSDT, FADT, MADT, DSDT. The
 * DSDT describes the serial port, the virtio-mmio slots (LNRO0005), the platform device's power button
 * and events (GED), VMGenID and the timestamp register.
 */
#ifndef VMM_ACPI_H
#define VMM_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "memory.h"

struct acpi_machine {
	unsigned int cpus;
	unsigned int virtio_slots; /* used ones, from slot 0 */
	bool serial;
};

/*
 * Writes all at LAYOUT_ACPI; *ret_rsdp is where the RSDP is, *ret_vmgenid the identifier's 16 bytes, which
 * are the caller's to fill: the tables of like machines are the same, identifiers never are.
 */
int acpi_write(const struct memory *m, const struct acpi_machine *machine, uint64_t *ret_rsdp,
	       uint64_t *ret_vmgenid, struct err **err);

#endif
