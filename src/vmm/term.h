/* SPDX-License-Identifier: MIT */
/* The terminal as a guest's console: every key is the guest's, and at our end it is as it was. */
#ifndef VMM_TERM_H
#define VMM_TERM_H

#include <stdbool.h>

/*
 * When fd is a terminal and we are in its foreground: raw input; what we print is still processed, so
 * that lines of ours begin at the left. Restored by term_restore, and by a signal that ends us.
 * Returns whether it did. In the process that outlives the others, before it makes them.
 */
bool term_make_raw(int fd);
void term_restore(void);

#endif
