/* SPDX-License-Identifier: MIT */
/* Counters of links and machines: fetched from the monitors, kept in the ledger. */
#ifndef ATOLL_COUNTS_H
#define ATOLL_COUNTS_H

struct counts;
struct daemon;

struct counts *counts_create(struct daemon *d);
/* Writes what was not written; those that wait are forgotten. Accepts NULL. */
void counts_destroy(struct counts *c);

/* Asks all monitors; calls fn, never from within, when they answered or after a short while. */
void counts_refresh(struct counts *c, void (*fn)(void *data), void *data);
/* fn will not be called. */
void counts_forget(struct counts *c, void *data);
/* A monitor answered. */
void counts_came(struct counts *c);

#endif
