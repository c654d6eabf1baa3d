/* SPDX-License-Identifier: MIT */
/* Taking over from the daemon before this one. */
#ifndef ATOLL_ADOPT_H
#define ATOLL_ADOPT_H

struct daemon;

/*
 * Connects to every machine's monitor that lives; the others are stopped or failed, as their exit
 * files say. Starts nothing.
 */
void adopt_all(struct daemon *d);

#endif
