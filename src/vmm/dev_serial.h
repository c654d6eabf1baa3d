/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port, for early boot and emergencies: a byte is an exit. Output is buffered here up to
 * a limit when the reader is slow and dropped beyond it: a guest cannot make us wait, or grow.
 *
 * Input stays with the host until the guest is ready for it (RTS, or the receive interrupt): what a
 * script writes into standard input is not lost to a driver that clears the FIFO when it starts.
 * A terminal is read at once, for its escape.
 */
#ifndef VMM_DEV_SERIAL_H
#define VMM_DEV_SERIAL_H

#include "bus.h"
#include "err.h"
#include "loop.h"

struct serial;

/*
 * in and out may be one descriptor, or -1; any kind of file. Both stay the caller's, but for O_NONBLOCK
 * on an out that is a socket. Before the jail, for it may open out once more. irq: an eventfd, the caller's.
 */
int serial_create(struct loop *loop, int in, int out, int irq, struct serial **ret,
		  struct err **err);
void serial_destroy(struct serial *s); /* accepts NULL */
/* For a terminal: Ctrl-A x calls quit, on the loop; Ctrl-A twice is the guest's once. */
void serial_set_escape(struct serial *s, loop_fn quit, void *data);
/* Writes what is buffered, as far as it goes without waiting. Accepts NULL. */
void serial_flush(struct serial *s);

extern const struct bus_ops serial_ops; /* 8 ports */

#endif
