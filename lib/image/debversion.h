/* SPDX-License-Identifier: MIT */
/* Versions of Debian packages: [EPOCH:]UPSTREAM[-REVISION] (Debian Policy, 5.6.12, "Version"). */
#ifndef ATOLL_DEBVERSION_H
#define ATOLL_DEBVERSION_H

/* Below 0, 0, or above 0: a is older than, as old as, newer than b. Any text is accepted. */
int debversion_compare(const char *a, const char *b);

#endif
