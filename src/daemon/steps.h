/* SPDX-License-Identifier: MIT */
/* What a step of an operation does: begins, is asked whether it is done, is cancelled. */
#ifndef ATOLL_STEPS_H
#define ATOLL_STEPS_H

#include "operation.h"

#define STEP_GRACE 10000 /* milliseconds that a machine has for an orderly end */

/* 0, or -errno: it failed at once. */
int step_begin(struct fed *f, struct step *s, struct err **err);
/* 1: done; 0: not yet; -errno: it failed. */
int step_poll(struct fed *f, struct step *s, struct err **err);
/* Brings it to its end in order; step_poll tells when. What only ends machines goes on. */
void step_cancel(struct fed *f, struct step *s);

#endif
