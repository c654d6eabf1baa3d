/* SPDX-License-Identifier: MIT */
/* What a guest prints, kept in console.log and console.log.1, each of at most CONSOLE_MAX bytes. */
#ifndef ATOLL_CONSOLE_H
#define ATOLL_CONSOLE_H

#include <stddef.h>

#include "loop.h"

#define CONSOLE_MAX      (1 << 20)
#define CONSOLE_SLICE_MS 100
#define CONSOLE_SLICE    (256 << 10) /* bytes that are read in one slice of time, at most */

struct console;

/*
 * Takes over all three: fd, on which the guest prints; log, the file that is written; old, where
 * its content goes when it is full (both are files open for reading and writing). A guest that
 * prints faster than CONSOLE_SLICE allows waits.
 */
struct console *console_create(struct loop *loop, int fd, int log, int old);
/* After the guest's end: what it printed and nobody read yet, of at most CONSOLE_MAX bytes. */
void console_drain(struct console *console);
/* The last line that was printed, in printable characters; empty when there is none. */
void console_last_line(const struct console *console, char *ret_line, size_t size);
void console_destroy(struct console *console); /* accepts NULL */

#endif
