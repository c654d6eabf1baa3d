/* SPDX-License-Identifier: MIT */
/*
 * ACPI machine language (ACPI 6.4, 20), as much of it as our DSDT needs. What has a length is opened, which
 * gives a mark, and closed with it; objects nest. Terms are written in the order of their operands, names are one segment of 4 characters:
 *
 *	m = aml_device(b, "COM1");
 *	aml_name(b, "_UID"), aml_integer(b, 0);
 *	aml_close(b, m);
 */
#ifndef VMM_AML_H
#define VMM_AML_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"

#define AML_LOCAL0 0x60

size_t aml_scope(struct buf *b, const char *name);
size_t aml_device(struct buf *b, const char *name);
size_t aml_method(struct buf *b, const char *name, unsigned int args); /* serialized */
size_t aml_if(struct buf *b);                                          /* its condition follows */
void aml_close(struct buf *b, size_t mark);

/* The name of an object; its value follows. */
void aml_name(struct buf *b, const char *name);
void aml_path(struct buf *b, const char *name); /* a reference to it */
void aml_integer(struct buf *b, uint64_t value);
void aml_string(struct buf *b, const char *s);
void aml_eisaid(struct buf *b, const char *id); /* "PNP0501" as a number */
size_t aml_package(struct buf *b, uint8_t elements);

void aml_op(struct buf *b, uint8_t op);
void aml_store_in_local0(struct buf *b, const char *from);
void aml_local0_has(struct buf *b, uint64_t bits); /* a condition */
void aml_notify(struct buf *b, const char *device, uint8_t value);
/* One 32-bit field over memory. */
void aml_register(struct buf *b, const char *region, const char *field, uint64_t address);

/* A resource template (ACPI 6.4, 6.4): all of it is what the device consumes. */
size_t aml_resources(struct buf *b);
void aml_memory32(struct buf *b, uint32_t base, uint32_t size);
void aml_io(struct buf *b, uint16_t base, uint8_t size);
enum aml_sharing { AML_EXCLUSIVE, AML_SHARED };
void aml_edge_interrupt(struct buf *b, uint32_t gsi, enum aml_sharing sharing);
void aml_close_resources(struct buf *b, size_t mark);

#endif
