/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port, for early boot and emergencies: a byte is an exit. Output is buffered here up to
 * a limit when the reader is slow and dropped beyond it: a guest cannot make us wait, or grow.
 */
#ifndef VMM_DEV_SERIAL_H
#define VMM_DEV_SERIAL_H

#include "bus.h"
#include "err.h"
#include "loop.h"

struct serial;

/* in and out may be one descriptor, or -1; both stay the caller's. irq: an eventfd, the caller's. */
int serial_create(struct loop *loop, int in, int out, int irq, struct serial **ret,
		  struct err **err);
void serial_destroy(struct serial *s);
/* Writes what is buffered, as far as it goes without waiting. */
void serial_flush(struct serial *s);

extern const struct bus_ops serial_ops; /* 8 ports */

#endif
