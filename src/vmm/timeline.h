/* SPDX-License-Identifier: MIT */
/* The boot's time line, for people (--timestamps). */
#ifndef VMM_TIMELINE_H
#define VMM_TIMELINE_H

struct machine;

/* On standard error: what was reached, in milliseconds since the program's start. */
void timeline_print(const struct machine *m);

#endif
